import { RtspError } from "./errors.ts";
import { type Parameter, parseParameters, quoted } from "./parameters.ts";

/** A `WWW-Authenticate` header, by which a server asks for credentials (RFC 7617, RFC 7616). */
export interface RtspChallenge {
  /** Basic or Digest. */
  readonly scheme: "basic" | "digest";
  /** The realm, which tells people what the password is for. */
  readonly realm: string;
  /** Digest: the server's number, to be hashed in. */
  readonly nonce?: string;
  /** Digest: to be given back as it is. */
  readonly opaque?: string;
  /** Digest: the credentials were right but for a nonce that is too old. */
  readonly stale?: boolean;
  /** Digest: `MD5` or `SHA-256`, in upper case; MD5 where none is given. */
  readonly algorithm?: string;
  /** Digest: the qualities of protection offered, in lower case. */
  readonly qop?: readonly string[];
}

/** An `Authorization` header, by which a client shows its credentials (RFC 7617, RFC 7616). */
export type RtspAuthorization =
  | { readonly scheme: "basic"; readonly username: string; readonly password: string }
  | {
    readonly scheme: "digest";
    readonly username: string;
    readonly realm: string;
    readonly nonce: string;
    readonly uri: string;
    /** Hexadecimal digest. */
    readonly response: string;
    readonly opaque?: string;
    /** `MD5` or `SHA-256`, in upper case; MD5 where none is given. */
    readonly algorithm?: string;
    readonly qop?: string;
    readonly nc?: string;
    readonly cnonce?: string;
  };

/**
 * Reads all `WWW-Authenticate` headers of a response, in order; those of schemes or with parts that this
 * library does not know are passed over.
 *
 * @example
 * ```ts
 * import { parseChallenges } from "@weir/server/rtsp";
 *
 * const [challenge] = parseChallenges(['Digest realm="cam", nonce="8b84", stale=FALSE']);
 * console.log(challenge?.scheme, challenge?.stale); // digest false
 * ```
 */
export function parseChallenges(values: readonly string[]): RtspChallenge[] {
  const challenges: RtspChallenge[] = [];
  // One header may hold several challenges; each starts with its scheme and a blank.
  for (const value of values.flatMap((text) => text.split(/,\s*(?=(?:Basic|Digest)\s)/i))) {
    const { scheme, rest } = splitScheme(value);
    if (scheme !== "basic" && scheme !== "digest") continue;
    const parameters = byName(parseParameters(rest, ","));
    const realm = parameters.get("realm");
    const nonce = parameters.get("nonce");
    if (realm === undefined || (scheme === "digest" && nonce === undefined)) continue;
    challenges.push({
      scheme,
      realm,
      ...optional("nonce", nonce),
      ...optional("opaque", parameters.get("opaque")),
      ...optional("stale", parameters.get("stale")?.toLowerCase().startsWith("true")),
      ...optional("algorithm", parameters.get("algorithm")?.toUpperCase()),
      ...optional("qop", parameters.get("qop")?.toLowerCase().split(",").map((one) => one.trim())),
    });
  }
  return challenges;
}

/**
 * Writes a `WWW-Authenticate` header.
 *
 * @example
 * ```ts
 * import { formatChallenge } from "@weir/server/rtsp";
 *
 * console.log(formatChallenge({ scheme: "basic", realm: "weir" })); // Basic realm="weir"
 * ```
 */
export function formatChallenge(challenge: RtspChallenge): string {
  if (challenge.scheme === "basic") return `Basic realm=${quoted(challenge.realm)}`;
  const parts = [`Digest realm=${quoted(challenge.realm)}`];
  if (challenge.nonce !== undefined) parts.push(`nonce=${quoted(challenge.nonce)}`);
  if (challenge.opaque !== undefined) parts.push(`opaque=${quoted(challenge.opaque)}`);
  if (challenge.stale !== undefined) {
    parts.push(`stale=${quoted(String(challenge.stale).toUpperCase())}`);
  }
  if (challenge.algorithm !== undefined) parts.push(`algorithm=${quoted(challenge.algorithm)}`);
  if (challenge.qop !== undefined) parts.push(`qop=${quoted(challenge.qop.join(","))}`);
  return parts.join(", ");
}

/**
 * Reads an `Authorization` header.
 *
 * @throws {RtspError} `malformed-authorization` for another scheme, bad base64, or a digest that lacks
 * its user name, realm, nonce, URI or response
 *
 * @example
 * ```ts
 * import { parseAuthorization } from "@weir/server/rtsp";
 *
 * const shown = parseAuthorization("Basic bXl1c2VyOm15cGFzcw==");
 * console.log(shown.username); // myuser
 * ```
 */
export function parseAuthorization(text: string): RtspAuthorization {
  const { scheme, rest } = splitScheme(text);
  if (scheme === "basic") return parseBasic(rest);
  if (scheme !== "digest") throw malformed("neither Basic nor Digest");
  const parameters = byName(parseParameters(rest, ","));
  const required = (name: string): string => {
    const value = parameters.get(name);
    if (value === undefined) throw malformed(`a digest without ${name}`);
    return value;
  };
  return {
    scheme: "digest",
    username: required("username"),
    realm: required("realm"),
    nonce: required("nonce"),
    uri: required("uri"),
    response: required("response"),
    ...optional("opaque", parameters.get("opaque")),
    ...optional("algorithm", parameters.get("algorithm")?.toUpperCase()),
    ...optional("qop", parameters.get("qop")),
    ...optional("nc", parameters.get("nc")),
    ...optional("cnonce", parameters.get("cnonce")),
  };
}

/**
 * Writes an `Authorization` header.
 *
 * @example
 * ```ts
 * import { formatAuthorization } from "@weir/server/rtsp";
 *
 * const shown = { scheme: "basic", username: "myuser", password: "mypass" } as const;
 * console.log(formatAuthorization(shown)); // Basic bXl1c2VyOm15cGFzcw==
 * ```
 */
export function formatAuthorization(shown: RtspAuthorization): string {
  if (shown.scheme === "basic") {
    const bytes = new TextEncoder().encode(`${shown.username}:${shown.password}`);
    return `Basic ${btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join(""))}`;
  }
  const parts = [
    `Digest username=${quoted(shown.username)}`,
    `realm=${quoted(shown.realm)}`,
    `nonce=${quoted(shown.nonce)}`,
    `uri=${quoted(shown.uri)}`,
    `response=${quoted(shown.response)}`,
  ];
  if (shown.algorithm !== undefined) parts.push(`algorithm=${quoted(shown.algorithm)}`);
  if (shown.opaque !== undefined) parts.push(`opaque=${quoted(shown.opaque)}`);
  if (shown.qop !== undefined) parts.push(`qop=${shown.qop}`);
  if (shown.nc !== undefined) parts.push(`nc=${shown.nc}`);
  if (shown.cnonce !== undefined) parts.push(`cnonce=${quoted(shown.cnonce)}`);
  return parts.join(", ");
}

/** The scheme of a challenge or of credentials, in lower case, and what stands behind it. */
export function splitScheme(text: string): { readonly scheme: string; readonly rest: string } {
  const trimmed = text.trim();
  const end = trimmed.search(/\s/);
  if (end < 0) return { scheme: trimmed.toLowerCase(), rest: "" };
  return { scheme: trimmed.slice(0, end).toLowerCase(), rest: trimmed.slice(end).trimStart() };
}

function parseBasic(text: string): RtspAuthorization {
  let decoded: string;
  try {
    decoded = new TextDecoder().decode(Uint8Array.from(atob(text), (one) => one.charCodeAt(0)));
  } catch {
    throw malformed("Basic with bad base64");
  }
  const colon = decoded.indexOf(":");
  if (colon < 0) throw malformed("Basic without a colon");
  return {
    scheme: "basic",
    username: decoded.slice(0, colon),
    password: decoded.slice(colon + 1),
  };
}

function byName(parameters: readonly Parameter[]): Map<string, string> {
  const named = new Map<string, string>();
  for (const { name, value } of parameters) {
    if (value !== undefined && !named.has(name)) named.set(name, value);
  }
  return named;
}

function optional<K extends string, V>(name: K, value: V | undefined): { [P in K]?: V } {
  return (value === undefined ? {} : { [name]: value }) as { [P in K]?: V };
}

function malformed(reason: string): RtspError {
  return new RtspError("malformed-authorization", reason, { status: 401 });
}
