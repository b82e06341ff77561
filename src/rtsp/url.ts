import { RtspError } from "./errors.ts";

/** An RTSP URL, taken apart. */
export interface RtspUrl {
  /** Scheme: plain, or over TLS. */
  readonly scheme: "rtsp" | "rtsps";
  /** User name, percent-decoded. */
  readonly username?: string;
  /** Password, percent-decoded. */
  readonly password?: string;
  /** Host name or address, an IPv6 address without brackets, its zone behind `%`. */
  readonly host: string;
  /** Port; 554 for `rtsp` and 322 for `rtsps` where the URL names none. */
  readonly port: number;
  /** Path as written, percent-encoding included; `""` or with a leading slash. */
  readonly path: string;
  /** The query, as written: all behind the first `?`. */
  readonly query?: string;
}

const DEFAULT_PORTS = { rtsp: 554, rtsps: 322 } as const;

/**
 * Takes a URL apart, more forgiving than the URL standard: cameras have `user=x&password=..!&` as
 * path and passwords with `@` or `#` in them.
 *
 * @throws {RtspError} `malformed-url` for another scheme, an opaque URL, a fragment, or a bad port
 *
 * @example
 * ```ts
 * import { parseRtspUrl } from "@weir/server/rtsp";
 *
 * const { host, port, path, query } = parseRtspUrl("rtsp://[fe80::1%25eth0]/cam?sub=1");
 * console.log(host, port, path, query); // fe80::1%eth0 554 /cam sub=1
 * ```
 */
export function parseRtspUrl(text: string): RtspUrl {
  const scheme = /^(rtsps?):\/\//i.exec(text)?.[1]?.toLowerCase() as RtspUrl["scheme"] | undefined;
  if (scheme === undefined) throw malformed("no rtsp:// or rtsps://", text);
  const rest = text.slice(scheme.length + 3);
  const end = rest.search(/[/?]/);
  const authority = end < 0 ? rest : rest.slice(0, end);
  const tail = end < 0 ? "" : rest.slice(end);
  if (tail.includes("#")) throw malformed("a fragment", text);
  if (/[\s\p{Cc}]/u.test(authority)) throw malformed("a blank in the host", text);
  const at = authority.lastIndexOf("@");
  const question = tail.indexOf("?");
  return {
    scheme,
    ...parseUserInfo(at < 0 ? undefined : authority.slice(0, at)),
    ...parseHost(authority.slice(at + 1), scheme, text),
    path: question < 0 ? tail : tail.slice(0, question),
    ...(question < 0 ? {} : { query: tail.slice(question + 1) }),
  };
}

/**
 * Writes a URL, by default without its credentials, as a request line wants it.
 *
 * @example
 * ```ts
 * import { formatRtspUrl, parseRtspUrl } from "@weir/server/rtsp";
 *
 * console.log(formatRtspUrl(parseRtspUrl("rtsp://me:secret@host:554/cam"))); // rtsp://host/cam
 * ```
 */
export function formatRtspUrl(url: RtspUrl, options: { credentials?: boolean } = {}): string {
  const host = url.host.includes(":") ? `[${url.host.replace("%", "%25")}]` : url.host;
  const port = url.port === DEFAULT_PORTS[url.scheme] ? "" : `:${url.port}`;
  const query = url.query === undefined ? "" : `?${url.query}`;
  let user = "";
  if (options.credentials && url.username !== undefined) {
    const password = url.password === undefined ? "" : `:${encodeURIComponent(url.password)}`;
    user = `${encodeURIComponent(url.username)}${password}@`;
  }
  return `${url.scheme}://${user}${host}${port}${url.path}${query}`;
}

/**
 * Makes the URL of a track, or of the session, from the base URL and an `a=control` value (RFC 2326,
 * C.1.1): `*` and none are the base itself; what is relative is set behind it after a slash, query
 * or no query, as FFmpeg, VLC and live555 do it and cameras expect; what is absolute keeps its path but
 * gets the base's host, since cameras behind an address translation write their inner address.
 *
 * @example
 * ```ts
 * import { formatRtspUrl, parseRtspUrl, resolveControl } from "@weir/server/rtsp";
 *
 * const base = parseRtspUrl("rtsp://host/cam?channel=1");
 * console.log(formatRtspUrl(resolveControl(base, "trackID=0"))); // rtsp://host/cam?channel=1/trackID=0
 * ```
 */
export function resolveControl(base: RtspUrl, control: string | undefined): RtspUrl {
  if (control === undefined || control === "" || control === "*") return base;
  if (/^rtsps?:\/\//i.test(control)) {
    const { path, query } = parseRtspUrl(control);
    return withRtspPath(base, query === undefined ? path : `${path}?${query}`);
  }
  const tail = base.query === undefined ? base.path : `${base.path}?${base.query}`;
  const joint = /^[?/]/.test(control) || tail.endsWith("/") ? "" : "/";
  return withRtspPath(base, tail + joint + control);
}

/**
 * Makes the URL of another path, with or without a query, of the same server.
 *
 * @example
 * ```ts
 * import { formatRtspUrl, parseRtspUrl, withRtspPath } from "@weir/server/rtsp";
 *
 * const url = withRtspPath(parseRtspUrl("rtsp://host:9000/cam?key=1"), "/other?key=2");
 * console.log(formatRtspUrl(url)); // rtsp://host:9000/other?key=2
 * ```
 */
export function withRtspPath(url: RtspUrl, path: string): RtspUrl {
  const { query: _, path: __, ...origin } = url;
  const question = path.indexOf("?");
  if (question < 0) return { ...origin, path };
  return { ...origin, path: path.slice(0, question), query: path.slice(question + 1) };
}

function parseUserInfo(text: string | undefined): { username?: string; password?: string } {
  if (text === undefined) return {};
  const colon = text.indexOf(":");
  if (colon < 0) return { username: percentDecoded(text) };
  return {
    username: percentDecoded(text.slice(0, colon)),
    password: percentDecoded(text.slice(colon + 1)),
  };
}

/** A password with a lone `%` is meant as it stands. */
function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function parseHost(
  text: string,
  scheme: RtspUrl["scheme"],
  url: string,
): { host: string; port: number } {
  const parts = /^(?:\[([0-9A-Fa-f:.]+(?:%[\w.~%-]+)?)\]|([^:[\]@#%]+))(?::(\d{1,5}))?$/.exec(text);
  if (parts === null) throw malformed("no host", url);
  const port = parts[3] === undefined ? DEFAULT_PORTS[scheme] : Number(parts[3]);
  if (port > 65535) throw malformed("a port over 65535", url);
  return { host: parts[1]?.replace(/%25/, "%") ?? parts[2]!, port };
}

function malformed(reason: string, text: string): RtspError {
  // Without what might be a password.
  const start = text.indexOf("//") + 2;
  const shown = (text.slice(0, start) + text.slice(Math.max(start, text.lastIndexOf("@") + 1)))
    .slice(0, 80);
  return new RtspError("malformed-url", `${reason} in "${shown}"`);
}
