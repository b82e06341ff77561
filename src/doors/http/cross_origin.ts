import type { IncomingRequest } from "./incoming_request.ts";
import type { HttpFault } from "./json_answer.ts";

/** Which pages of other origins may read answers: all, those of a list of origins, or none. */
export type SharedOrigins = "*" | readonly string[] | false;

/** What is allowed to pages of other origins. */
export interface CrossOriginRules {
  /** Which of them may read media and its playlists. */
  readonly media: SharedOrigins;
  /** Which of them may use all else: the API. */
  readonly other: SharedOrigins;
  /** Host names that this server has; empty for any. Addresses and `localhost` are always its own. */
  readonly hosts: readonly string[];
}

/** What a request asks for, as far as origins matter. */
export interface CrossOriginRequest {
  readonly request: AskedRequest;
  /** Whether it is for media. */
  readonly isShared: boolean;
  /** Methods that other origins may use beside GET and HEAD. */
  readonly methods: readonly string[];
}

/** The part of a request that origins are judged by. */
export type AskedRequest = Pick<IncomingRequest, "method" | "host" | "hostname" | "header">;

const SAFE_METHODS: readonly string[] = ["GET", "HEAD", "OPTIONS"];

/** The origin of the page that makes a request, where that is not one of this server's own. */
export function foreignOrigin(request: AskedRequest): string | undefined {
  const origin = request.header("origin");
  if (origin === null) return undefined;
  // A proxy in front may speak TLS with the page and none with this server: the host is what tells.
  return hostOf(origin) === request.host ? undefined : origin;
}

/**
 * Says why a request must not be answered: it changes something, and comes from a page of somebody else; or it is
 * for a host that this server is not, as pages can have it that change where their name leads to (DNS rebinding).
 */
export function originFault(
  { request, isShared, methods }: CrossOriginRequest,
  rules: CrossOriginRules,
): HttpFault | undefined {
  const changes = !SAFE_METHODS.includes(request.method);
  if ((changes || !isShared) && !isOwnHost(request.hostname, rules.hosts)) {
    return {
      status: 421,
      code: "host",
      reason: "The host is none of this server's: add it to its host names, or use an address",
    };
  }
  const origin = foreignOrigin(request);
  if (origin === undefined || !changes || methods.includes(request.method)) return undefined;
  const allowed = isShared ? rules.media : rules.other;
  // A star lets everybody read; to change something an origin has to be named.
  if (allowed !== "*" && allowed !== false && allowed.includes(origin)) return undefined;
  return {
    status: 403,
    code: "origin",
    reason: `Pages of other origins may not use ${request.method} here`,
  };
}

/** The headers that let a page of another origin read the answer; none where it may not. */
export function sharingHeaders(
  { request, isShared, methods }: CrossOriginRequest,
  rules: CrossOriginRules,
): Readonly<Record<string, string>> {
  const allowed = isShared ? rules.media : rules.other;
  if (allowed === false) return NO_HEADERS;
  const origin = request.header("origin");
  const shown = allowed === "*" ? "*" : origin !== null && allowed.includes(origin) ? origin : null;
  const vary: Readonly<Record<string, string>> = allowed === "*" ? {} : { vary: "origin" };
  if (shown === null || foreignOrigin(request) === undefined && shown !== "*") return vary;
  const isPreflight = request.method === "OPTIONS";
  return {
    ...vary,
    "access-control-allow-origin": shown,
    ...(isPreflight
      ? {
        "access-control-allow-methods": ["GET", "HEAD", ...methods].join(", "),
        "access-control-allow-headers":
          "authorization, content-type, if-match, if-none-match, range",
        "access-control-max-age": "86400",
      }
      : {
        "access-control-expose-headers":
          // The age is a cache's, by which players of LL-HLS see how old a playlist is.
          "age, etag, link, location, accept-patch, content-range, date, retry-after, www-authenticate, x-start, weir-left-out, weir-note",
      }),
  };
}

/** What answers get that pages of other origins may not read. */
export const NO_HEADERS: Readonly<Record<string, string>> = {};

function isOwnHost(hostname: string, hosts: readonly string[]): boolean {
  if (hosts.length === 0) return true;
  return hosts.includes(hostname) || hostname === "localhost" || hostname.endsWith(".localhost") ||
    /^\d{1,3}(\.\d{1,3}){3}$/.test(hostname) || hostname.startsWith("[");
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}
