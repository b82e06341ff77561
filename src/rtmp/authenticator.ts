import { createHash, createHmac } from "node:crypto";
import { isSameText } from "../bytes/mod.ts";
import {
  OwnUsedChallenges,
  SharedUsedChallenges,
  type UsedChallenges,
  usedChallengesMemory,
} from "./used_challenges.ts";

/** Options of an {@linkcode RtmpAuthenticator}. */
export interface RtmpAuthenticatorOptions {
  /** Returns that many random bytes. */
  readonly random: (length: number) => Uint8Array;
  /** What several authenticators share, so that each takes the others' challenges. Default: nothing. */
  readonly shared?: RtmpChallengeShare;
  /** Time that a client has for its answer, milliseconds. Default 30 000. */
  readonly lifetimeMs?: number;
  /**
   * Challenges that may be used up within that time, where it shares nothing. Default 10 000; more answers wait for it
   * to pass.
   */
  readonly maxUsed?: number;
}

/** What authenticators in several threads share. */
export interface RtmpChallengeShare {
  /** What challenges are signed with, 32 bytes. */
  readonly key: Uint8Array;
  /** Where they remember what was answered, as {@linkcode usedChallengesMemory} makes it. */
  readonly used: SharedArrayBuffer;
}

/** Makes what authenticators share; `random` returns that many random bytes. */
export function rtmpChallengeShare(random: (length: number) => Uint8Array): RtmpChallengeShare {
  return { key: random(KEY_BYTES), used: usedChallengesMemory() };
}

/** The credentials that a client has put into its connect. */
export type RtmpConnectProof =
  /** Nothing in this way. */
  | { readonly kind: "none" }
  /** It has named its user, and waits for a challenge. */
  | { readonly kind: "named"; readonly username: string }
  /** It has answered a challenge. */
  | RtmpConnectAnswer;

/** A client's answer to a challenge. */
export interface RtmpConnectAnswer {
  /** Tells proofs apart. */
  readonly kind: "answer";
  /** The user that it says it is. */
  readonly username: string;
  /**
   * Whether the client knows the password. A challenge is good for one answer, and only in its time; an answer
   * that was right stays so, for whatever its connection asks for. How long it takes tells nothing of the
   * password. A hash of the password does not do: the client's is one of user name, salt and password.
   */
  verify(known: { readonly password: string } | { readonly ha1: string }): boolean;
  /** Whether `verify` found the answer right, but for a challenge that is too old or was used before. */
  isStale(): boolean;
}

/** What the query of a client's `app` must be: longer ones are not looked at. */
const MAX_QUERY_LENGTH = 4096;

/** FFmpeg and librtmp put a second question mark before what they add to a query. */
const BETWEEN_FIELDS = /[?&]/;

const SALT_BYTES = 6;
const NONCE_BYTES = 12;
const KEY_BYTES = 32;

/** A challenge that was made before, taken apart. */
interface Challenge {
  readonly nonce: string;
  readonly issuedMs: number;
}

/**
 * A server's side of `authmod=adobe`, the question in `connect` who a client is that OBS, FFmpeg
 * (`rtmp://user:pass@…`), librtmp, GStreamer and Flash Media Live Encoder know. The server refuses the
 * connect and says in the description what it wants; the client connects anew and answers in the query of
 * `app`:
 *
 * 1. `[ AccessManager.Reject ] : [ code=403 need auth; authmod=adobe ]`: the client names its user.
 * 2. `… : ?reason=needauth&user=…&salt=…&challenge=…&opaque=…`: the client answers with Base64 of the MD5 of
 *    (Base64 of the MD5 of user, salt and password), `opaque`, and a challenge of its own.
 * 3. Connected, or refused with `?reason=authfailed`.
 *
 * Each answer comes on a connection of its own, so a challenge keeps no state here: `opaque` carries its time
 * and a signature over it, the user and the salt. What was answered right is remembered until it is too old:
 * no answer is good twice. A user that nobody knows gets a challenge as any other.
 *
 * @example
 * ```ts
 * import { RtmpAuthenticator, RtmpConnectAuthentication } from "@weir/server/rtmp";
 *
 * const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));
 * const server = new RtmpAuthenticator({ random });
 * const client = new RtmpConnectAuthentication({
 *   credentials: { username: "ann", password: "secret" },
 *   app: "live",
 *   random,
 * });
 * client.refused(server.question()); // names its user
 * client.refused(server.challenge("ann", { nowMs: 0 })); // answers
 * const proof = server.read(client.app, { nowMs: 100 });
 * console.log(proof.kind === "answer" && proof.verify({ password: "secret" })); // true
 * ```
 */
export class RtmpAuthenticator {
  readonly #random: (length: number) => Uint8Array;
  readonly #lifetimeMs: number;
  readonly #key: Uint8Array;
  /** Challenges that were answered right. */
  readonly #used: UsedChallenges;

  /** Makes a key of its own where none is shared: what it asks is not taken by another, nor after a restart. */
  constructor(options: RtmpAuthenticatorOptions) {
    const { random, lifetimeMs = 30_000, maxUsed = 10_000, shared } = options;
    this.#random = random;
    this.#lifetimeMs = lifetimeMs;
    this.#key = shared?.key ?? random(KEY_BYTES);
    this.#used = shared === undefined
      ? new OwnUsedChallenges(maxUsed)
      : new SharedUsedChallenges(shared.used);
  }

  /** Description of the refusal that asks a client to name its user. */
  question(): string {
    return "[ AccessManager.Reject ] : [ code=403 need auth; authmod=adobe ] : ";
  }

  /** Description of the refusal that asks the client to prove that it is `username`. */
  challenge(username: string, { nowMs }: { readonly nowMs: number }): string {
    const nonce = base64Url(this.#random(NONCE_BYTES));
    const opaque = `${nonce}.${Math.floor(nowMs)}`;
    const salt = this.#saltOf(username);
    const sealed = `${opaque}.${this.#seal(opaque, username)}`;
    return `[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=needauth&user=${
      inQuery(username)
    }&salt=${salt}&challenge=${sealed}&opaque=${sealed}`;
  }

  /** Description of the refusal of a wrong answer. */
  failure(): string {
    return "[ AccessManager.Reject ] : [ authmod=adobe ] : ?reason=authfailed";
  }

  /** Reads the credentials out of a client's `app`. It never throws. */
  read(app: string, { nowMs }: { readonly nowMs: number }): RtmpConnectProof {
    const fields = fieldsOf(app);
    const shown = fields.get("user");
    if (fields.get("authmod") !== "adobe" || shown === undefined) return { kind: "none" };
    const username = decoded(shown);
    const response = fields.get("response");
    if (response === undefined) return { kind: "named", username };
    const own = fields.get("challenge") ?? "";
    const sealed = fields.get("opaque") ?? "";
    let isStale = false;
    let isUsed = false;
    return {
      kind: "answer",
      username,
      verify: (known) => {
        const challenge = this.#unseal(sealed, username);
        const salt = this.#saltOf(username);
        // FFmpeg hashes both as they stand in its URL, percent-encoded; OBS and GStreamer do not.
        const password = "password" in known ? known.password : "";
        let isRight = false;
        for (const user of [username, shown]) {
          for (const word of [password, encodeURIComponent(password)]) {
            const secret = md5(`${user}${salt}${word}`);
            if (isSameText(response, md5(`${secret}${sealed}${own}`))) isRight = true;
          }
        }
        if (challenge === undefined || !isRight || !("password" in known)) return false;
        isUsed ||= this.#use(challenge, nowMs);
        isStale = !isUsed;
        return isUsed;
      },
      isStale: () => isStale,
    };
  }

  /** The same for a user each time, as a server that stores salted hashes has it. */
  #saltOf(username: string): string {
    return base64Url(this.#hmac(`salt ${username}`).subarray(0, SALT_BYTES));
  }

  #seal(opaque: string, username: string): string {
    return base64Url(this.#hmac(`opaque ${opaque} ${username}`).subarray(0, 16));
  }

  #unseal(sealed: string, username: string): Challenge | undefined {
    const [nonce = "", time = "", seal = ""] = sealed.split(".", 3);
    const opaque = `${nonce}.${time}`;
    if (!isSameText(sealed, `${opaque}.${this.#seal(opaque, username)}`)) return undefined;
    return seal === "" ? undefined : { nonce, issuedMs: Number(time) };
  }

  /** Uses a challenge up; `false` when it is too old, or was used before. */
  #use({ nonce, issuedMs }: Challenge, nowMs: number): boolean {
    const endsMs = issuedMs + this.#lifetimeMs;
    return endsMs > nowMs && this.#used.use(nonce, { nowMs, endsMs });
  }

  #hmac(text: string): Uint8Array {
    return new Uint8Array(createHmac("sha256", this.#key).update(text).digest());
  }
}

/** `app` without what was said in its query of who the client is; the rest of the query stays. */
export function withoutConnectProof(app: string): string {
  const at = app.indexOf("?");
  if (at < 0) return app;
  const own = new Set(["authmod", "user", "challenge", "response", "opaque", "salt"]);
  const fields = app.slice(at + 1).split(BETWEEN_FIELDS);
  if (!fields.includes("authmod=adobe")) return app;
  const rest = fields.filter((field) => !own.has(field.split("=", 1)[0]!));
  return rest.length === 0 ? app.slice(0, at) : `${app.slice(0, at)}?${rest.join("&")}`;
}

/** The fields of a query, the last of a name; Base64 stands in them unescaped, so `+` is no blank. */
function fieldsOf(app: string): Map<string, string> {
  const at = app.indexOf("?");
  const query = at < 0 || app.length > MAX_QUERY_LENGTH ? "" : app.slice(at + 1);
  return new Map(
    query.split(BETWEEN_FIELDS).map((field) => {
      const equals = field.indexOf("=");
      return equals < 0 ? [field, ""] : [field.slice(0, equals), field.slice(equals + 1)];
    }),
  );
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** A user name that cannot end the description, nor forge a part of it. */
function inQuery(username: string): string {
  // deno-lint-ignore no-control-regex
  return username.replace(/[\x00-\x20\x7f%&=?#[\]]/g, encodeURIComponent);
}

function base64Url(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}

function md5(text: string): string {
  return createHash("md5").update(text).digest("base64");
}
