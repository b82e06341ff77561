import { createHash } from "node:crypto";
import { checkStreamName, HubError } from "../hub/mod.ts";
import { encodeBase64Url } from "./base64.ts";
import { AccessOptionsError } from "./options.ts";

/** A publishing key, as it is listed: its secret is known to whoever has it alone. */
export interface PublishKey {
  /** Tells keys apart, and is no secret: the beginning of the hash of the secret. */
  readonly id: string;
  /** The streams that it is for. */
  readonly streams: readonly string[];
  /** When it was made, in ISO 8601; left out of one that stands in the options. */
  readonly madeAt?: string;
  /** When it ends, in ISO 8601; left out of one that does not. */
  readonly expiresAt?: string;
}

/** A key as it is kept. */
export interface KeptKey extends PublishKey {
  /** SHA-256 of the secret, in hexadecimal. */
  readonly hash: string;
}

/** Where keys are kept that are made while the server runs. */
export interface KeyStore {
  /** Returns what was kept. */
  load(): Promise<readonly KeptKey[]>;
  /** Keeps these, and no others. */
  save(keys: readonly KeptKey[]): Promise<void>;
}

/** What a publisher has shown of a key. */
export type KeyVerdict =
  /** No key, or none that there is. */
  | { readonly kind: "none" }
  /** A key, and what it is for. */
  | {
    readonly kind: "key";
    readonly id: string;
    /** Of its secret. */
    readonly hash: string;
    readonly name: string;
    readonly expiresInMs: number | undefined;
  }
  /** A key that there is, which cannot be used so; and why, in words. */
  | { readonly kind: "refused"; readonly why: string };

/** Random bytes of a secret: nobody guesses as many. */
const SECRET_BYTES = 20;

/** Keys that are made at a time, so that what is kept has a bound. */
const MAX_MADE = 100_000;

/** What a secret of the options may be: it stands in paths of URLs, and is not to be guessed. */
const SECRET = /^[A-Za-z0-9._~-]{16,128}$/;

/**
 * The publishing keys: secrets that stand where the name of a stream is expected, so that who sees a stream's public name
 * cannot publish it. Secrets are kept as hashes alone.
 */
export class PublishKeys {
  #fixed: ReadonlyMap<string, KeptKey>;
  readonly #made = new Map<string, KeptKey>();
  readonly #store: KeyStore | undefined;
  readonly #now: () => number;
  #saving: Promise<void> = Promise.resolve();
  /** Is called with the id of a key that was revoked: who publishes by it is to be ended. */
  onRevoked: ((id: string) => void) | undefined;
  /** Is called when there are other keys. */
  onChanged: (() => void) | undefined;

  /**
   * Reads the keys of the options; `now` is the time in milliseconds since 1970.
   *
   * @throws {AccessOptionsError} if a secret cannot stand in a URL or is shorter than 16 characters, or a name cannot be
   * that of a stream
   */
  constructor(
    keys: Readonly<Record<string, string | readonly string[]>>,
    options: { readonly now: () => number; readonly store?: KeyStore | undefined },
  ) {
    this.#now = options.now;
    this.#store = options.store;
    this.#fixed = fixedKeys(keys);
  }

  /**
   * Puts other keys in the place of those of the options; who publishes by one that is gone is ended.
   *
   * @throws {AccessOptionsError} as the constructor: then nothing is changed
   */
  replaceFixed(keys: Readonly<Record<string, string | readonly string[]>>): void {
    const before = this.#fixed;
    this.#fixed = fixedKeys(keys);
    for (const { hash, id } of before.values()) {
      if (!this.#fixed.has(hash)) this.onRevoked?.(id);
    }
    this.onChanged?.();
  }

  /** Takes in what was kept. */
  async load(): Promise<void> {
    for (const key of await this.#store?.load() ?? []) this.#made.set(key.hash, key);
    this.onChanged?.();
  }

  /** Whether there is any key, or may be. */
  get size(): number {
    return this.#fixed.size + this.#made.size;
  }

  /** The hashes of all secrets. */
  get hashes(): string[] {
    return [...this.#fixed.keys(), ...this.#made.keys()];
  }

  /** The keys that there are, those of the options first. */
  list(): PublishKey[] {
    return [...this.#fixed.values(), ...this.#made.values()].map(({ hash: _, ...key }) => key);
  }

  /**
   * Makes a key for streams, which is kept from now on. Its secret is returned, and cannot be had again.
   *
   * @throws {TypeError} if a name cannot be a stream's, or there are 100 000 keys
   */
  async make(
    streams: string | readonly string[],
    { expiresAt }: { readonly expiresAt?: Date } = {},
  ): Promise<PublishKey & { readonly secret: string }> {
    const names = checkedStreams(streams, "key");
    if (this.#made.size >= MAX_MADE) {
      throw new TypeError(`Cannot make a key as there are ${MAX_MADE}: revoke some`);
    }
    const secret = encodeBase64Url(crypto.getRandomValues(new Uint8Array(SECRET_BYTES)));
    const hash = keyHash(secret);
    const key = {
      id: idOf(hash),
      streams: names,
      madeAt: new Date(this.#now()).toISOString(),
      ...(expiresAt === undefined ? {} : { expiresAt: expiresAt.toISOString() }),
    };
    this.#made.set(hash, { ...key, hash });
    this.onChanged?.();
    await this.#save();
    return { ...key, secret };
  }

  /**
   * Revokes a key: nobody publishes by it from now on. Resolves to whether there was one of that id.
   *
   * @throws {TypeError} (rejects) if it stands in the options, which have to be changed instead
   */
  async revoke(id: string): Promise<boolean> {
    if (this.#fixed.values().some((key) => key.id === id)) {
      throw new TypeError(`Cannot revoke the key ${id} as it stands in the configuration`);
    }
    const found = this.#made.values().find((key) => key.id === id);
    if (found === undefined) return false;
    this.#made.delete(found.hash);
    this.onRevoked?.(id);
    this.onChanged?.();
    await this.#save();
    return true;
  }

  /** What a publisher shows that asks for `name` with `query`. */
  judge(name: string, query: URLSearchParams): KeyVerdict {
    const shown = query.get("key");
    if (shown !== null) return this.#judge(this.#find(shown), name);
    const cut = name.lastIndexOf("/");
    const key = this.#find(name.slice(cut + 1));
    if (key === undefined) return { kind: "none" };
    const before = cut < 0 ? "" : name.slice(0, cut);
    // One for a single stream is all that there is to know; what stands before it is whatever the app is.
    const [first, second] = key.streams;
    const isNamed = key.streams.includes(before);
    if (!isNamed && second !== undefined) {
      const why = "The key is for several streams: put the name before it, as in NAME/KEY";
      return { kind: "refused", why };
    }
    return this.#judge(key, isNamed ? before : first!);
  }

  /** Whether there is a key whose secret has that hash, for that stream, now. */
  isFor(hash: string, name: string): boolean {
    return this.#judge(this.#fixed.get(hash) ?? this.#made.get(hash), name).kind === "key";
  }

  /** Whether the last segment of a name is a key. */
  isKey(name: string): boolean {
    return this.#find(name.slice(name.lastIndexOf("/") + 1)) !== undefined;
  }

  #judge(key: KeptKey | undefined, name: string): KeyVerdict {
    if (key === undefined) return { kind: "none" };
    if (!key.streams.includes(name)) {
      return { kind: "refused", why: "The key is for another stream" };
    }
    const expiresInMs = key.expiresAt === undefined
      ? undefined
      : Date.parse(key.expiresAt) - this.#now();
    if (expiresInMs !== undefined && !(expiresInMs > 0)) {
      return { kind: "refused", why: "The key has expired" };
    }
    return { kind: "key", id: key.id, hash: key.hash, name, expiresInMs };
  }

  /** By its hash: how long that takes tells nothing of the secrets that there are. */
  #find(secret: string): KeptKey | undefined {
    if (this.size === 0) return undefined;
    const hash = keyHash(secret);
    return this.#fixed.get(hash) ?? this.#made.get(hash);
  }

  /** One after another, each with what there is then. */
  #save(): Promise<void> {
    const store = this.#store;
    if (store === undefined) return Promise.resolve();
    this.#saving = this.#saving.catch(() => {}).then(() => store.save([...this.#made.values()]));
    return this.#saving;
  }
}

function fixedKeys(
  keys: Readonly<Record<string, string | readonly string[]>>,
): ReadonlyMap<string, KeptKey> {
  const fixed = new Map<string, KeptKey>();
  for (const [index, [secret, names]] of Object.entries(keys).entries()) {
    // The secret is the option's name: it is told by its number alone.
    const at = `keys, number ${index + 1}`;
    if (!SECRET.test(secret)) {
      throw new AccessOptionsError(at, "a key has 16 to 128 letters, digits, or - . _ ~");
    }
    const hash = keyHash(secret);
    fixed.set(hash, { id: idOf(hash), hash, streams: checkedStreams(names, at) });
  }
  return fixed;
}

function checkedStreams(names: string | readonly string[], at: string): readonly string[] {
  const list = typeof names === "string" ? [names] : names;
  if (list.length === 0) throw new AccessOptionsError(at, "a key is for one stream at least");
  for (const name of list) {
    try {
      checkStreamName(name);
    } catch (cause) {
      if (!(cause instanceof HubError)) throw cause;
      throw new AccessOptionsError(at, cause.message, { cause });
    }
  }
  return [...list];
}

/** The hash by which a secret is known. */
export function keyHash(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

function idOf(hash: string): string {
  return hash.slice(0, 16);
}
