import { createHash, createHmac } from "node:crypto";
import { isSameText } from "../bytes/mod.ts";
import type { PasswordMethod, ShownCredentials } from "../gate/mod.ts";
import { AccessOptionsError, type AccessUser } from "./options.ts";
import { ProvenPasswords } from "./proven_passwords.ts";
import {
  hashOfNobody,
  parseScryptHash,
  type ScryptHash,
  ScryptVerifier,
} from "./scrypt_password.ts";

/** What is known of a user's password. */
interface KnownUser {
  readonly scrypt: ScryptHash | undefined;
  readonly plain: string | undefined;
  /** Of MD5, of SHA-256, or both. */
  readonly ha1: readonly string[];
  /** A hash of what it is checked by, for this process alone. */
  readonly mark: string;
}

/** So that marks tell nothing of what they are made of. */
const MARK_KEY = crypto.getRandomValues(new Uint8Array(32));

/** Credentials by which a user can be known here. */
export type UserCredentials = Extract<ShownCredentials, { kind: "password" | "digest" }>;

/** The users of a configuration, and whether somebody is one of them. */
export class KnownUsers {
  readonly #users: ReadonlyMap<string, KnownUser>;
  readonly #verifier = new ScryptVerifier();
  readonly #proven = new ProvenPasswords();
  /** A hash that no password has, as dear as those of the users; `undefined` where no user has such a hash. */
  readonly #nobody: ScryptHash | undefined;

  /**
   * Reads users.
   *
   * @throws {AccessOptionsError} if one has no name, or nothing that its password can be checked by
   */
  constructor(users: readonly AccessUser[]) {
    const known = new Map<string, KnownUser>();
    for (const [index, user] of users.entries()) {
      const at = `users[${index}]`;
      if (!isUserName(user.name)) {
        throw new AccessOptionsError(`${at}.name`, "a user needs a name, which has no colon");
      }
      if (known.has(user.name)) {
        throw new AccessOptionsError(`${at}.name`, `there are two users ${user.name}`);
      }
      known.set(user.name, knownUser(user, at));
    }
    this.#users = known;
    const hashed = [...known.values()].find(({ scrypt }) => scrypt !== undefined);
    this.#nobody = hashed?.scrypt && hashOfNobody(hashed.scrypt);
  }

  /** How many there are. */
  get size(): number {
    return this.#users.size;
  }

  /** Whether there is a user of that name. */
  has(name: string): boolean {
    return this.#users.has(name);
  }

  /** Tells apart what a user's password is checked by; `undefined` where there is no such user. */
  markOf(name: string): string | undefined {
    return this.#users.get(name)?.mark;
  }

  /** The users whose passwords cannot be checked by Digest, since their scrypt hashes alone are known. */
  get withoutDigest(): string[] {
    return [...this.#users].filter(([, user]) => digestsOf(user).length === 0).map(([name]) =>
      name
    );
  }

  /** Whether the passwords of all are known in clear, which encoders of RTMP that are asked at connect need. */
  get areAllPlain(): boolean {
    return this.#users.values().every(({ plain }) => plain !== undefined);
  }

  /**
   * The ways to ask for their passwords. Clients answer by Digest where it is offered, so it is offered only where each
   * of the users can.
   */
  get passwordMethods(): readonly PasswordMethod[] {
    const digests = (["digest-md5", "digest-sha-256"] as const).filter((method) =>
      this.#users.values().every((user) => digestsOf(user).includes(method))
    );
    // Clients of MD5 stumble over the other one.
    return [...digests.slice(0, 1), "basic"];
  }

  /**
   * Whether credentials are right. Names that nobody has take as long as others, so that the time does not tell which
   * there are.
   *
   * @throws {TooManyWaiting} if too many passwords wait to be checked
   */
  async verify(credentials: UserCredentials): Promise<boolean> {
    const known = this.#users.get(credentials.username);
    return credentials.kind === "digest"
      ? answersDigest(credentials, known)
      : await this.#hasPassword(credentials, known);
  }

  async #hasPassword(
    { username, password }: { readonly username: string; readonly password: string },
    known: KnownUser | undefined,
  ): Promise<boolean> {
    const isKnown = known !== undefined;
    if (hasPlainly(known ?? NOBODY, { username, password }) && isKnown) return true;
    if (known?.scrypt !== undefined && this.#proven.has(username, password)) return true;
    // Where a hash is computed for the wrong password of one user, it is for that of every name.
    const hash = known?.scrypt ?? this.#nobody;
    if (hash === undefined) return false;
    const isRight = await this.#verifier.verify(password, hash);
    if (!isRight || known?.scrypt === undefined) return false;
    this.#proven.add(username, password);
    return true;
  }
}

/** What a name is compared with that no user has. */
const NOBODY: Pick<KnownUser, "plain" | "ha1"> = { plain: "", ha1: [] };

/** Whether the password is the one that is known in clear, or whose digests are. */
function hasPlainly(
  { plain, ha1 }: Pick<KnownUser, "plain" | "ha1">,
  { username, password }: { readonly username: string; readonly password: string },
): boolean {
  if (plain !== undefined) return isSameText(password, plain);
  if (ha1.length === 0) return false;
  const shown = ha1Of({ username, password });
  return ha1.map((hash) => isSameText(hash, shown[methodOf(hash)])).includes(true);
}

/** The realm of the server, which digests of passwords are made for. */
export const REALM = "weir";

/** The hashes that Digest is checked with, in hexadecimal (RFC 7616, 3.4.2). */
export function ha1Of(
  { username, password }: { readonly username: string; readonly password: string },
): Readonly<Record<"digest-md5" | "digest-sha-256", string>> {
  const text = `${username}:${REALM}:${password}`;
  const hash = (name: string): string => createHash(name).update(text).digest("hex");
  return { "digest-md5": hash("md5"), "digest-sha-256": hash("sha256") };
}

function answersDigest(
  credentials: Extract<UserCredentials, { kind: "digest" }>,
  known: KnownUser | undefined,
): boolean {
  const { plain, ha1 } = known ?? { plain: "", ha1: [] as const };
  // Each is compared, whatever came of the others.
  const verdicts = [
    ...(plain === undefined ? [] : [credentials.verify({ password: plain })]),
    ...ha1.map((hash) => credentials.verify({ ha1: hash })),
  ];
  return known !== undefined && verdicts.includes(true);
}

function isUserName(name: unknown): name is string {
  // deno-lint-ignore no-control-regex
  return typeof name === "string" && name !== "" && !/[:\x00-\x1f\x7f]/.test(name);
}

function knownUser({ password, ha1 = [] }: AccessUser, at: string): KnownUser {
  const hashes = typeof ha1 === "string" ? [ha1] : ha1;
  if (!hashes.every((hash) => /^([0-9a-f]{32}|[0-9a-f]{64})$/i.test(hash))) {
    throw new AccessOptionsError(
      `${at}.ha1`,
      "must be hexadecimal, 32 digits of MD5 or 64 of SHA-256",
    );
  }
  if (password === undefined ? hashes.length === 0 : password === "") {
    throw new AccessOptionsError(`${at}.password`, "a user needs a password, or ha1");
  }
  const isHash = password?.startsWith("$scrypt$") ?? false;
  const scrypt = isHash ? parseScryptHash(password!) : undefined;
  if (isHash && scrypt === undefined) {
    throw new AccessOptionsError(
      `${at}.password`,
      "the hash cannot be read, or costs over 256 MiB to check: make one by `weir hash-password`",
    );
  }
  return {
    scrypt,
    plain: isHash ? undefined : password,
    ha1: hashes.map((hash) => hash.toLowerCase()),
    mark: createHmac("sha256", MARK_KEY).update(JSON.stringify([password, hashes])).digest("hex"),
  };
}

function methodOf(ha1: string): "digest-md5" | "digest-sha-256" {
  return ha1.length === 32 ? "digest-md5" : "digest-sha-256";
}

/** The digests that the user can answer by. */
function digestsOf({ plain, ha1 }: KnownUser): ("digest-md5" | "digest-sha-256")[] {
  return plain === undefined ? ha1.map(methodOf) : ["digest-md5", "digest-sha-256"];
}
