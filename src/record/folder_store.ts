import { reasonOf } from "../log/mod.ts";
import { statfs } from "node:fs/promises";
import {
  type FileSink,
  RecordingError,
  type RecordingStore,
  type StoredFile,
} from "./recording_store.ts";

/** Recordings in a folder of this machine. Needs `--allow-read` and `--allow-write` of it. */
export class FolderStore implements RecordingStore {
  /** The folder. */
  readonly target: string;

  /** Takes a folder that need not be there yet. */
  constructor(folder: string) {
    this.target = folder.replace(/(?<=.)\/+$/, "");
  }

  /** See {@linkcode RecordingStore.check}. */
  async check(): Promise<void> {
    const path = this.target;
    for (const name of ["read", "write"] as const) {
      const { state } = await Deno.permissions.query({ name, path });
      if (state !== "granted") {
        throw new RecordingError(
          "permission",
          `Cannot record to ${path} without permission: add --allow-read=${path} --allow-write=${path}`,
        );
      }
    }
    try {
      if ((await Deno.stat(path)).isDirectory) return;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      throw failure(path, error);
    }
    throw new RecordingError("store", `Cannot record to ${path} as it is no folder`);
  }

  /** See {@linkcode RecordingStore.create}. */
  async create(path: string): Promise<FileSink | undefined> {
    const full = this.#full(path);
    try {
      await Deno.mkdir(full.slice(0, full.lastIndexOf("/")), { recursive: true });
      return new OpenFile(await Deno.open(full, { write: true, createNew: true }), full);
    } catch (error) {
      if (error instanceof Deno.errors.AlreadyExists) return undefined;
      throw failure(full, error);
    }
  }

  /** See {@linkcode RecordingStore.list}. */
  async *list(): AsyncIterable<StoredFile> {
    yield* this.#listBelow("");
  }

  /** See {@linkcode RecordingStore.read}. */
  async read(
    path: string,
    { offset, length }: { readonly offset: number; readonly length: number },
  ): Promise<Uint8Array> {
    const full = this.#full(path);
    try {
      using file = await Deno.open(full);
      await file.seek(offset, Deno.SeekMode.Start);
      const { size } = await file.stat();
      const bytes = new Uint8Array(Math.max(0, Math.min(length, size - offset)));
      for (let at = 0; at < bytes.length;) {
        const read = await file.read(bytes.subarray(at));
        if (read === null) return bytes.subarray(0, at);
        at += read;
      }
      return bytes;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) {
        throw new RecordingError("absent", `There is no recording ${path}`, { cause: error });
      }
      throw failure(full, error);
    }
  }

  /** See {@linkcode RecordingStore.remove}. */
  async remove(path: string): Promise<void> {
    const full = this.#full(path);
    try {
      await Deno.remove(full);
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw failure(full, error);
    }
    // Folders that are not empty stay.
    let folder = path;
    while ((folder = folder.slice(0, Math.max(0, folder.lastIndexOf("/")))) !== "") {
      try {
        await Deno.remove(this.#full(folder));
      } catch {
        return;
      }
    }
  }

  /** See {@linkcode RecordingStore.freeBytes}. Needs `--allow-sys=statfs` too. */
  async freeBytes(): Promise<number> {
    try {
      const { bavail, bsize } = await statfs(this.target);
      return bavail * bsize;
    } catch (error) {
      throw failure(this.target, error);
    }
  }

  #full(path: string): string {
    // Paths are made of templates; whatever else comes here must not lead elsewhere.
    const isSafe = path.split("/").every((part) => !["", ".", ".."].includes(part)) &&
      !/[\0\\]/.test(path);
    if (!isSafe) {
      throw new RecordingError("absent", `There is no recording ${JSON.stringify(path)}`);
    }
    return `${this.target}/${path}`;
  }

  async *#listBelow(folder: string): AsyncIterable<StoredFile> {
    const full = folder === "" ? this.target : `${this.target}/${folder}`;
    let entries: Deno.DirEntry[];
    try {
      entries = await Array.fromAsync(Deno.readDir(full));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return;
      throw failure(full, error);
    }
    for (const { name, isDirectory, isFile } of entries) {
      const path = folder === "" ? name : `${folder}/${name}`;
      if (isDirectory) yield* this.#listBelow(path);
      if (!isFile) continue;
      try {
        const { size, mtime } = await Deno.stat(`${this.target}/${path}`);
        yield { path, bytes: size, modifiedUnixMs: mtime?.getTime() ?? 0 };
      } catch (error) {
        if (!(error instanceof Deno.errors.NotFound)) throw failure(path, error);
      }
    }
  }
}

/** How often it is looked whether a file is still there: a system writes to one that was removed as if nothing was. */
const LOOK_MS = 2000;

class OpenFile implements FileSink {
  /** See {@linkcode FileSink.storedBytes}: nothing of a file that was removed meanwhile. */
  storedBytes = 0;
  readonly #file: Deno.FsFile;
  readonly #path: string;
  #lookedMs = performance.now();

  constructor(file: Deno.FsFile, path: string) {
    this.#file = file;
    this.#path = path;
  }

  async write(bytes: Uint8Array): Promise<void> {
    try {
      if (performance.now() - this.#lookedMs > LOOK_MS) await this.#look();
      for (let at = 0; at < bytes.length;) at += await this.#file.write(bytes.subarray(at));
      this.storedBytes += bytes.length;
    } catch (error) {
      throw failure(this.#path, error);
    }
  }

  async close(): Promise<void> {
    try {
      await this.#look();
    } catch (error) {
      this.storedBytes = 0;
      throw failure(this.#path, error);
    } finally {
      this.#file.close();
    }
  }

  async #look(): Promise<void> {
    this.#lookedMs = performance.now();
    const [there, own] = await Promise.all([Deno.stat(this.#path), this.#file.stat()]);
    if (there.ino !== own.ino || there.dev !== own.dev) throw new Error("it was replaced");
  }
}

function failure(path: string, error: unknown): RecordingError {
  const why = reasonOf(error);
  return new RecordingError("store", `Cannot use ${path}: ${why}`, { cause: error });
}
