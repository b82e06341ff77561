import { createHash } from "node:crypto";
import { isSameText } from "../bytes/mod.ts";
import {
  formatAuthorization,
  formatChallenge,
  parseAuthorization,
  type RtspAuthorization,
  type RtspChallenge,
  splitScheme,
} from "./authentication_headers.ts";
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

/**
 * A user name and a digest of its password, so that nobody has to keep the password itself: of
 * `user:realm:password` (RFC 7616, 3.4.2), with the realm of the server that asks.
 */
export interface RtspPasswordDigest {
  /** User name. */
  readonly username: string;
  /** The digest as hexadecimal text: of MD5 with 32 digits, of SHA-256 with 64. */
  readonly ha1: string;
}

/** The name and password of a user, as a server knows them. */
export type RtspKnownUser = RtspCredentials | RtspPasswordDigest;

/** The result of checking a request's credentials. */
export type RtspVerdict =
  /** They are right. */
  | "granted"
  /** There are none of a method that is offered: the first request of every client has none at all. */
  | "missing"
  /** They are right, but for a nonce that is too old. */
  | "stale"
  /** They are wrong, or broken. */
  | "wrong";

/** The parts of a request that its credentials are checked against. */
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

  /** Realm shown to people, and part of what digests are made of. */
  get realm(): string {
    return this.#realm;
  }

  /** Whether an `Authorization` header is of a method that is offered, and can be read. */
  offers(authorization: string | undefined): boolean {
    const shown = read(authorization);
    if (shown === undefined) return false;
    if (shown.scheme === "basic") return this.#methods.includes("basic");
    const algorithm = shown.algorithm ?? "MD5";
    return isAlgorithm(algorithm) && this.#methods.includes(METHODS[algorithm]);
  }

  /**
   * Whether `request` shows that it knows `credentials`. A digest of a password serves Basic, and Digest of the
   * same algorithm.
   */
  verify(
    request: RtspAuthenticationRequest,
    options: { readonly credentials: RtspKnownUser; readonly nowMs: number },
  ): RtspVerdict {
    const { authorization } = request;
    if (authorization === undefined) return "missing";
    // Who shows what nobody asked for, such as a Bearer token, has not been told yet what to show.
    const { scheme } = splitScheme(authorization);
    if (scheme !== "basic" && scheme !== "digest") return "missing";
    const shown = read(authorization);
    if (shown === undefined) return "wrong";
    const { credentials, nowMs } = options;
    if (!this.offers(authorization)) return "missing";
    if (shown.scheme === "basic") {
      const username = isSameText(shown.username, credentials.username);
      return this.#isPassword(shown.password, credentials) && username ? "granted" : "wrong";
    }
    const algorithm = (shown.algorithm ?? "MD5") as Algorithm;
    if (shown.realm !== this.#realm || !namesSame(shown.uri, request)) return "wrong";
    const ha1 = passwordDigest(credentials, { algorithm, realm: this.#realm });
    if (ha1 === undefined) return "wrong";
    const known = digest({ ...shown, algorithm }, { ha1, method: request.method });
    const right = isSameText(shown.response.toLowerCase(), known);
    if (!isSameText(shown.username, credentials.username) || !right) return "wrong";
    // Only who knows the password learns that the nonce is the fault.
    return shown.nonce === this.#nonce && nowMs < this.#expiresMs ? "granted" : "stale";
  }

  #isPassword(password: string, known: RtspKnownUser): boolean {
    if ("password" in known) return isSameText(password, known.password);
    const algorithm = algorithmOf(known);
    if (algorithm === undefined) return false;
    const user = { username: known.username, password };
    const ha1 = passwordDigest(user, { algorithm, realm: this.#realm })!;
    return isSameText(ha1, known.ha1.toLowerCase());
  }
}

/** Algorithms of Digest that this library knows. */
type Algorithm = "MD5" | "SHA-256";

const METHODS: Readonly<Record<Algorithm, RtspAuthenticationMethod>> = {
  MD5: "digest-md5",
  "SHA-256": "digest-sha-256",
};

function isAlgorithm(name: string): name is Algorithm {
  return name === "MD5" || name === "SHA-256";
}

/** The algorithm that a digest was made with, which its length tells. */
function algorithmOf({ ha1 }: RtspPasswordDigest): Algorithm | undefined {
  if (!/^[0-9a-f]*$/i.test(ha1)) return undefined;
  return ha1.length === 32 ? "MD5" : ha1.length === 64 ? "SHA-256" : undefined;
}

/** The digest of a user's password, or `undefined` where only that of another algorithm is known. */
function passwordDigest(
  known: RtspKnownUser,
  { algorithm, realm }: { readonly algorithm: Algorithm; readonly realm: string },
): string | undefined {
  if ("password" in known) {
    return hashOf(algorithm, `${known.username}:${realm}:${known.password}`);
  }
  return algorithmOf(known) === algorithm ? known.ha1.toLowerCase() : undefined;
}

function hashOf(algorithm: Algorithm, text: string): string {
  return createHash(algorithm === "MD5" ? "md5" : "sha256").update(text).digest("hex");
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
  const used: Algorithm = algorithm === "SHA-256" ? "SHA-256" : "MD5";
  const auth = challenge.qop?.includes("auth") && request.cnonce !== undefined;
  const nc = (request.nonceCount ?? 1).toString(16).padStart(8, "0");
  const parts = {
    realm,
    nonce,
    uri: url,
    algorithm: used,
    ...(auth ? { qop: "auth", nc, cnonce: request.cnonce! } : {}),
  };
  return formatAuthorization({
    scheme: "digest",
    username: credentials.username,
    response: digest(parts, {
      ha1: passwordDigest(credentials, { algorithm: used, realm })!,
      method,
    }),
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
    readonly algorithm: Algorithm;
    readonly qop?: string;
    readonly nc?: string;
    readonly cnonce?: string;
  },
  known: { readonly ha1: string; readonly method: string },
): string {
  const { algorithm, nonce, qop, nc = "", cnonce = "" } = parts;
  const request = hashOf(algorithm, `${known.method}:${parts.uri}`);
  const middle = qop === undefined ? nonce : `${nonce}:${nc}:${cnonce}:${qop}`;
  return hashOf(algorithm, `${known.ha1}:${middle}:${request}`);
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
