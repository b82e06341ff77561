import { createHash } from "node:crypto";
import { isSameText } from "../bytes/mod.ts";
import {
  formatAuthorization,
  formatChallenge,
  parseAuthorization,
  type RtspAuthorization,
  type RtspChallenge,
} from "./authenticate.ts";
import { RtspError } from "./errors.ts";

/** Ways to show who one is. */
export type RtspAuthenticationMethod = "digest-md5" | "digest-sha-256" | "basic";

/** A user name and its password. */
export interface RtspCredentials {
  /** User name. */
  readonly username: string;
  /** Password in clear. */
  readonly password: string;
}

/** What came of checking a request's credentials. */
export type RtspVerdict =
  /** They are right. */
  | "granted"
  /** There are none: the first request of every client. */
  | "missing"
  /** They are right, but for a nonce that is too old. */
  | "stale"
  /** They are wrong, of a method that is not offered, or no credentials at all. */
  | "wrong";

/** What a request shows of itself to the verifier. */
export interface RtspAuthenticationRequest {
  /** Method of the request, which a digest covers. */
  readonly method: string;
  /** The request's URL as received. */
  readonly url: string;
  /** The `Authorization` header, if there is one. */
  readonly authorization: string | undefined;
}

/** Options of an {@linkcode RtspServerAuthenticator}. */
export interface RtspServerAuthenticatorOptions {
  /** A nonce for this connection alone: 16 random bytes as hexadecimal text. */
  readonly nonce: string;
  /** When the nonce was made, in milliseconds of the clock that later calls use. */
  readonly issuedMs: number;
  /** How long the nonce is good; 1 hour by default, longer than any client's set-up takes. */
  readonly lifetimeMs?: number;
  /** Realm shown to people; `weir` by default. */
  readonly realm?: string;
  /**
   * Methods in the order they are offered. Digest with MD5 first by default, since FFmpeg takes the first
   * and knows no other; SHA-256 is not offered by default, as clients of MD5 stumble over it.
   */
  readonly methods?: readonly RtspAuthenticationMethod[];
}

/**
 * The server's side of Basic and Digest authentication on one connection (RFC 7617, RFC 7616,
 * RFC 2617).
 *
 * Comparison takes the same time for any input: what is compared are SHA-256 digests of both.
 *
 * @example
 * ```ts
 * import { buildAuthorization, parseChallenges, RtspServerAuthenticator } from "@weir/server/rtsp";
 *
 * const server = new RtspServerAuthenticator({ nonce: "8b84a3b789283a8b", issuedMs: 0 });
 * const request = { method: "DESCRIBE", url: "rtsp://host/cam" };
 * const user = { username: "me", password: "secret" };
 * const authorization = buildAuthorization(parseChallenges(server.challenges()), {
 *   ...request,
 *   credentials: user,
 * });
 * console.log(server.verify({ ...request, authorization }, { credentials: user, nowMs: 5 })); // granted
 * ```
 */
export class RtspServerAuthenticator {
  readonly #nonce: string;
  readonly #expiresMs: number;
  readonly #realm: string;
  readonly #methods: readonly RtspAuthenticationMethod[];

  /** Makes the verifier of one connection. */
  constructor(options: RtspServerAuthenticatorOptions) {
    this.#nonce = options.nonce;
    this.#expiresMs = options.issuedMs + (options.lifetimeMs ?? 3_600_000);
    this.#realm = options.realm ?? "weir";
    this.#methods = options.methods ?? ["digest-md5", "basic"];
  }

  /** Values of the `WWW-Authenticate` headers of a 401, in the order they are to be sent. */
  challenges(options: { readonly stale?: boolean } = {}): string[] {
    return this.#methods.map((method) => {
      if (method === "basic") return formatChallenge({ scheme: "basic", realm: this.#realm });
      return formatChallenge({
        scheme: "digest",
        realm: this.#realm,
        nonce: this.#nonce,
        ...(options.stale ? { stale: true } : {}),
        ...(method === "digest-sha-256" ? { algorithm: "SHA-256" } : {}),
      });
    });
  }

  /** Whether `request` shows that it knows `credentials`. */
  verify(
    request: RtspAuthenticationRequest,
    options: { readonly credentials: RtspCredentials; readonly nowMs: number },
  ): RtspVerdict {
    if (request.authorization === undefined) return "missing";
    const shown = read(request.authorization);
    if (shown === undefined) return "wrong";
    const { credentials, nowMs } = options;
    if (shown.scheme === "basic") {
      if (!this.#methods.includes("basic")) return "wrong";
      const username = isSameText(shown.username, credentials.username);
      return isSameText(shown.password, credentials.password) && username ? "granted" : "wrong";
    }
    const algorithm = shown.algorithm ?? "MD5";
    const method = algorithm === "MD5" ? "digest-md5" : "digest-sha-256";
    if (algorithm !== "MD5" && algorithm !== "SHA-256") return "wrong";
    if (!this.#methods.includes(method) || shown.realm !== this.#realm) return "wrong";
    if (!namesSame(shown.uri, request)) return "wrong";
    const known = digest({ ...shown, algorithm }, { ...credentials, method: request.method });
    const right = isSameText(shown.response.toLowerCase(), known);
    if (!isSameText(shown.username, credentials.username) || !right) return "wrong";
    // Only who knows the password learns that the nonce is the fault.
    return shown.nonce === this.#nonce && nowMs < this.#expiresMs ? "granted" : "stale";
  }
}

/**
 * Builds the `Authorization` header for a request from a server's challenges: SHA-256 where it is
 * offered, then MD5, then Basic.
 *
 * @returns `undefined` if there is no challenge that this library can answer
 *
 * @example
 * ```ts
 * import { buildAuthorization, parseChallenges } from "@weir/server/rtsp";
 *
 * const challenges = parseChallenges(['Basic realm="cam"']);
 * const credentials = { username: "myuser", password: "mypass" };
 * console.log(buildAuthorization(challenges, { method: "DESCRIBE", url: "rtsp://h/", credentials }));
 * // Basic bXl1c2VyOm15cGFzcw==
 * ```
 */
export function buildAuthorization(
  challenges: readonly RtspChallenge[],
  request: {
    readonly method: string;
    readonly url: string;
    readonly credentials: RtspCredentials;
    /** A random text, needed where the server asks for `qop`. */
    readonly cnonce?: string;
    /** Which request with this nonce and `cnonce` it is, where the server asks for `qop`; 1 by default. */
    readonly nonceCount?: number;
  },
): string | undefined {
  const { method, url, credentials } = request;
  const challenge = strongest(challenges);
  if (challenge === undefined) return undefined;
  if (challenge.scheme === "basic") return formatAuthorization({ scheme: "basic", ...credentials });
  const { realm, nonce = "", opaque, algorithm } = challenge;
  const auth = challenge.qop?.includes("auth") && request.cnonce !== undefined;
  const nc = (request.nonceCount ?? 1).toString(16).padStart(8, "0");
  const parts = {
    realm,
    nonce,
    uri: url,
    algorithm: algorithm ?? "MD5",
    ...(auth ? { qop: "auth", nc, cnonce: request.cnonce! } : {}),
  };
  return formatAuthorization({
    scheme: "digest",
    username: credentials.username,
    response: digest(parts, { ...credentials, method }),
    realm,
    nonce,
    uri: url,
    ...(algorithm === undefined ? {} : { algorithm }),
    ...(opaque === undefined ? {} : { opaque }),
    ...(auth ? { qop: "auth", nc, cnonce: request.cnonce! } : {}),
  });
}

function strongest(challenges: readonly RtspChallenge[]): RtspChallenge | undefined {
  const digests = challenges.filter((one) => one.scheme === "digest");
  return digests.find((one) => one.algorithm === "SHA-256") ??
    digests.find((one) => one.algorithm === undefined || one.algorithm === "MD5") ??
    challenges.find((one) => one.scheme === "basic");
}

function read(authorization: string | undefined): RtspAuthorization | undefined {
  try {
    return authorization === undefined ? undefined : parseAuthorization(authorization);
  } catch (error) {
    if (error instanceof RtspError) return undefined;
    throw error;
  }
}

/** RFC 2617, 3.2.2.1, and RFC 7616, 3.4.1. */
function digest(
  parts: {
    readonly realm: string;
    readonly nonce: string;
    readonly uri: string;
    readonly algorithm: string;
    readonly qop?: string;
    readonly nc?: string;
    readonly cnonce?: string;
  },
  known: RtspCredentials & { readonly method: string },
): string {
  const algorithm = parts.algorithm === "SHA-256" ? "sha256" : "md5";
  const hash = (text: string) => createHash(algorithm).update(text).digest("hex");
  const secret = hash(`${known.username}:${parts.realm}:${known.password}`);
  const request = hash(`${known.method}:${parts.uri}`);
  const { nonce, qop, nc = "", cnonce = "" } = parts;
  const middle = qop === undefined ? nonce : `${nonce}:${nc}:${cnonce}:${qop}`;
  return hash(`${secret}:${middle}:${request}`);
}

/**
 * Whether a digest's `uri` stands for the request's URL (R043): the URL itself; for a SETUP also the
 * stream's URL, with a trailing slash (VLC) or without (HappyTime); or only the path of these, with or
 * without a leading slash (Bosch BVMS).
 */
function namesSame(uri: string, request: RtspAuthenticationRequest): boolean {
  const given = pathOf(uri);
  const wanted = pathOf(request.url);
  const accepted = [wanted];
  if (request.method === "SETUP") accepted.push(wanted.slice(0, wanted.lastIndexOf("/")));
  return accepted.some((path) => path === given || path === `/${given}`);
}

function pathOf(url: string): string {
  const path = url.replace(/^rtsps?:\/\/[^/?]*/i, "");
  return path.endsWith("/") ? path.slice(0, -1) : path;
}
