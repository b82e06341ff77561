import { scrypt, timingSafeEqual } from "node:crypto";
import { decodeBase64, encodeBase64 } from "./base64.ts";
import { Turns } from "./turns.ts";

/** A hash of a password by scrypt (RFC 7914), and all that it was made with. */
export interface ScryptHash {
  /** Cost: the logarithm of N. */
  readonly ln: number;
  /** Block size. */
  readonly r: number;
  /** Parallelization. */
  readonly p: number;
  /** Random bytes. */
  readonly salt: Uint8Array;
  /** The derived key. */
  readonly hash: Uint8Array;
}

/** Costs 32 MiB and some 0.2 s of one core: one of the settings that OWASP recommends. */
const COST = { ln: 15, r: 8, p: 3 } as const;
const SALT_BYTES = 16;
const HASH_BYTES = 32;

/** The most memory that a hash of a configuration may cost to check: a mistake in it must not take the machine. */
const MAX_MEMORY_BYTES = 256 * 1024 * 1024;
const MAX_P = 16;

/**
 * Hashes a password, so that nobody has to keep it: `$scrypt$ln=15,r=8,p=3$SALT$HASH`, as others write it too (the PHC
 * string format, base64 without padding).
 *
 * @throws {TypeError} if the password is empty
 *
 * @example
 * ```ts
 * import { hashPassword, parseScryptHash } from "@weir/server/access";
 *
 * console.log(parseScryptHash(await hashPassword("wonderland"))?.r); // 8
 * ```
 */
export async function hashPassword(password: string): Promise<string> {
  if (password === "") throw new TypeError("Cannot hash a password as it must not be empty");
  const salt = crypto.getRandomValues(new Uint8Array(SALT_BYTES));
  const hash = await derive(password, { ...COST, salt, length: HASH_BYTES });
  const { ln, r, p } = COST;
  return `$scrypt$ln=${ln},r=${r},p=${p}$${encodeBase64(salt)}$${encodeBase64(hash)}`;
}

/** Reads a hash as {@linkcode hashPassword} writes it; `undefined` where it is none, or costs too much to check. */
export function parseScryptHash(text: string): ScryptHash | undefined {
  const parts =
    /^\$scrypt\$ln=(\d{1,2}),r=(\d{1,3}),p=(\d{1,3})\$([\w+/]{1,200})\$([\w+/]{22,200})$/
      .exec(text);
  if (parts === null) return undefined;
  const [ln, r, p] = parts.slice(1, 4).map(Number) as [number, number, number];
  const isAffordable = ln >= 1 && r >= 1 && p >= 1 && p <= MAX_P &&
    memoryBytes({ ln, r }) <= MAX_MEMORY_BYTES;
  const salt = decodeBase64(parts[4]!);
  const hash = decodeBase64(parts[5]!);
  if (!isAffordable || salt === undefined || hash === undefined) return undefined;
  return { ln, r, p, salt, hash };
}

/** A hash that no password has: checking it takes as long as checking one of the same cost. */
export function hashOfNobody({ ln, r, p }: ScryptHash): ScryptHash {
  const salt = crypto.getRandomValues(new Uint8Array(SALT_BYTES));
  return { ln, r, p, salt, hash: crypto.getRandomValues(new Uint8Array(HASH_BYTES)) };
}

/**
 * Checks passwords, two at a time, on threads of the runtime: media goes on meanwhile. How many guesses there are is
 * the gate's to bound.
 */
export class ScryptVerifier {
  readonly #turns = new Turns({ atATime: 2, waiting: 200 });

  /**
   * Whether the hash is that of the password.
   *
   * @throws {TooManyWaiting} if too many wait to be checked
   */
  async verify(password: string, known: ScryptHash): Promise<boolean> {
    const hash = await this.#turns.run(() =>
      derive(password, { ...known, length: known.hash.length })
    );
    return timingSafeEqual(hash, known.hash);
  }
}

function derive(
  password: string,
  { ln, r, p, salt, length }: Omit<ScryptHash, "hash"> & { readonly length: number },
): Promise<Uint8Array> {
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const options = { N: 2 ** ln, r, p, maxmem: 2 * memoryBytes({ ln, r }) + 1024 * 1024 };
  scrypt(password, salt, length, options, (error: Error | null, key: Uint8Array) => {
    if (error === null) resolve(new Uint8Array(key));
    else reject(error);
  });
  return promise;
}

function memoryBytes({ ln, r }: Pick<ScryptHash, "ln" | "r">): number {
  return 128 * r * 2 ** ln;
}
