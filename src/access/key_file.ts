import { reasonOf } from "../log/mod.ts";
import { ServerError } from "../transport/mod.ts";
import type { KeptKey, KeyStore } from "./publish_keys.ts";

/** A file of 100 000 keys has some 30 MB. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;

/** Keeps publishing keys, as hashes, in a file of JSON; what is there is replaced as a whole, or not at all. */
export class KeyFile implements KeyStore {
  readonly #path: string;

  /** Keeps them in the file of that path. */
  constructor(path: string) {
    this.#path = path;
  }

  /**
   * Reads the file; none is there at first.
   *
   * @throws {ServerError} `permission` where a flag is missing, `state` where the file cannot be read, or is no such file
   */
  async load(): Promise<readonly KeptKey[]> {
    const path = this.#path;
    const both = [path, draftOf(path)];
    for (const name of ["read", "write"] as const) {
      for (const one of both) {
        const { state } = await Deno.permissions.query({ name, path: one });
        if (state === "granted") continue;
        throw new ServerError(
          "permission",
          `Cannot keep keys in ${path} without permission: add --allow-read=${both} --allow-write=${both}`,
        );
      }
    }
    let text: string;
    try {
      const { size, isFile } = await Deno.stat(path);
      if (!isFile) throw new TypeError("it is no file");
      if (size > MAX_FILE_BYTES) throw new TypeError(`it has over ${MAX_FILE_BYTES} bytes`);
      text = await Deno.readTextFile(path);
    } catch (cause) {
      if (cause instanceof Deno.errors.NotFound) return [];
      throw this.#unreadable(cause);
    }
    try {
      return keysOf(JSON.parse(text));
    } catch (cause) {
      throw this.#unreadable(cause);
    }
  }

  /** Writes the file anew. */
  async save(keys: readonly KeptKey[]): Promise<void> {
    const draft = draftOf(this.#path);
    const text = JSON.stringify({ version: 1, keys }, undefined, 2);
    await Deno.writeTextFile(draft, `${text}\n`, { mode: 0o600 });
    await Deno.rename(draft, this.#path);
  }

  #unreadable(cause: unknown): ServerError {
    const why = reasonOf(cause);
    return new ServerError("state", `Cannot read the keys in ${this.#path}: ${why}`, { cause });
  }
}

/** What is written first, to take the place of the file when all is there. */
function draftOf(path: string): string {
  return `${path}.new`;
}

function keysOf(value: unknown): KeptKey[] {
  const { keys } = value as { readonly keys?: unknown };
  if (!Array.isArray(keys)) throw new TypeError("it has no list of keys");
  return keys.map((entry: Record<string, unknown>, index) => {
    const { id, hash, streams, madeAt, expiresAt } = entry;
    const isTime = (time: unknown): boolean =>
      time === undefined || (typeof time === "string" && !Number.isNaN(Date.parse(time)));
    const isKey = typeof id === "string" && /^[0-9a-f]{64}$/.test(String(hash)) &&
      Array.isArray(streams) && streams.every((name) => typeof name === "string") &&
      isTime(madeAt) && isTime(expiresAt);
    if (!isKey) throw new TypeError(`key number ${index + 1} is none`);
    return {
      id,
      hash: hash as string,
      streams: streams as string[],
      ...(madeAt === undefined ? {} : { madeAt: madeAt as string }),
      ...(expiresAt === undefined ? {} : { expiresAt: expiresAt as string }),
    };
  });
}
