import { RtmpError } from "./errors.ts";

/** The parts of an RTMP URL, as a client needs them to connect and to publish or play. */
export interface RtmpUrl {
  /** Plain TCP, or TLS. */
  readonly scheme: "rtmp" | "rtmps";
  /** Host name or address; an IPv6 address without brackets. */
  readonly host: string;
  /** TCP port, 1 to 65535. */
  readonly port: number;
  /** The `app` of the connect command, one or two segments, with its query; not percent-decoded. */
  readonly app: string;
  /** The stream name of publish or play, with its query; not percent-decoded; may be empty. */
  readonly key: string;
  /** User name, percent-decoded. */
  readonly username?: string;
  /** Password, percent-decoded. */
  readonly password?: string;
}

const DEFAULT_PORT = { rtmp: 1935, rtmps: 443 } as const;
const URL_PARTS = /^([a-z0-9+.-]+):\/\/(?:([^/?]*)@)?(\[[^\]/?]*\]|[^:/?]*)(?::([^/?]*))?(.*)$/i;

/**
 * Parses `rtmp://[user[:password]@]host[:port]/app[/instance]/key[?query]`, and `rtmps` likewise.
 *
 * RTMP URLs have no standard that says where the app ends. As in FFmpeg and librtmp, of three and
 * more segments the first two are the app, unless the second has a prefix such as `mp4:`. A query
 * behind the first segment belongs to the app and ends at the next slash; any other belongs to the
 * key and may hold slashes. Empty segments are dropped.
 *
 * @throws {RtmpError} `url` when the text is not such a URL; the message does not repeat secrets
 *
 * @example
 * ```ts
 * import { parseRtmpUrl } from "@weir/server/rtmp";
 *
 * const url = parseRtmpUrl("rtmp://example.com/live/cam?token=x");
 * console.log(url.port, url.app, url.key); // 1935 live cam?token=x
 * ```
 */
export function parseRtmpUrl(text: string): RtmpUrl {
  // deno-lint-ignore no-control-regex
  if (/[\s\x00-\x1f\x7f]/.test(text)) {
    throw urlError(
      "it has white space or a control character; options in librtmp's way are not read",
    );
  }
  const parts = URL_PARTS.exec(text);
  if (parts === null) throw urlError("it does not start with rtmp:// or rtmps://");
  const [, schemeText, userInfo, hostText, portText, path] = parts;
  const scheme = parseScheme(schemeText!);
  return {
    scheme,
    host: parseHost(hostText!),
    port: portText === undefined ? DEFAULT_PORT[scheme] : parsePort(portText),
    ...splitPath(path!),
    ...parseUserInfo(userInfo),
  };
}

/**
 * Formats an RTMP URL; the inverse of {@linkcode parseRtmpUrl}. The port is left out where it is the
 * scheme's own.
 *
 * @example
 * ```ts
 * import { formatRtmpUrl } from "@weir/server/rtmp";
 *
 * const text = formatRtmpUrl({ scheme: "rtmp", host: "::1", port: 1936, app: "live", key: "cam" });
 * console.log(text); // rtmp://[::1]:1936/live/cam
 * ```
 */
export function formatRtmpUrl(url: RtmpUrl): string {
  const path = [url.app, url.key].filter((part) => part !== "").join("/");
  return `${url.scheme}://${formatUserInfo(url)}${formatAuthority(url)}/${path}`;
}

/**
 * Formats the `tcUrl` of the connect command: the URL without credentials and stream name. The port
 * is left out where it is the scheme's own.
 *
 * @example
 * ```ts
 * import { formatTcUrl, parseRtmpUrl } from "@weir/server/rtmp";
 *
 * console.log(formatTcUrl(parseRtmpUrl("rtmp://example.com/live/cam"))); // rtmp://example.com/live
 * ```
 */
export function formatTcUrl(url: RtmpUrl): string {
  return `${url.scheme}://${formatAuthority(url)}/${url.app}`;
}

function urlError(reason: string): RtmpError {
  return new RtmpError("url", `Cannot parse the RTMP URL as ${reason}`);
}

function parseScheme(text: string): "rtmp" | "rtmps" {
  const scheme = text.toLowerCase();
  if (scheme === "rtmp" || scheme === "rtmps") return scheme;
  throw urlError(`the scheme is not rtmp or rtmps: current value is ${scheme}`);
}

/** The platform's own URL parser checks the host, and brings an address into its usual form. */
function parseHost(text: string): string {
  const host = URL.parse(`http://${text}/`)?.hostname;
  if (!host) throw urlError(`the host is missing or malformed: current value is "${text}"`);
  return host.replace(/^\[|\]$/g, "");
}

function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port >= 1 && port <= 65535) return port;
  throw urlError(`the port is not 1 to 65535: current value is "${text}"`);
}

function parseUserInfo(text: string | undefined): Pick<RtmpUrl, "username" | "password"> {
  if (text === undefined) return {};
  const colon = text.indexOf(":");
  try {
    if (colon < 0) return { username: decodeURIComponent(text) };
    return {
      username: decodeURIComponent(text.slice(0, colon)),
      password: decodeURIComponent(text.slice(colon + 1)),
    };
  } catch (cause) {
    throw new RtmpError("url", "Cannot parse the RTMP URL as its credentials are badly encoded", {
      cause,
    });
  }
}

function splitPath(path: string): Pick<RtmpUrl, "app" | "key"> {
  const mark = path.indexOf("?");
  const query = mark < 0 ? "" : path.slice(mark);
  const segments = (mark < 0 ? path : path.slice(0, mark)).split("/").filter((part) => part !== "");
  if (segments.length < 2) {
    const slash = query.indexOf("/");
    const app = segments.join("/");
    if (slash < 0) return { app: app + query, key: "" };
    return { app: app + query.slice(0, slash), key: query.slice(slash + 1) };
  }
  const appLength = segments.length > 2 && !segments[1]!.includes(":") ? 2 : 1;
  return {
    app: segments.slice(0, appLength).join("/"),
    key: segments.slice(appLength).join("/") + query,
  };
}

function formatUserInfo(url: RtmpUrl): string {
  if (url.username === undefined) return "";
  const password = url.password === undefined ? "" : `:${encodeURIComponent(url.password)}`;
  return `${encodeURIComponent(url.username)}${password}@`;
}

function formatAuthority(url: RtmpUrl): string {
  const host = url.host.includes(":") ? `[${url.host}]` : url.host;
  return url.port === DEFAULT_PORT[url.scheme] ? host : `${host}:${url.port}`;
}
