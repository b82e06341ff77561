import { hasNetPermission, permissionHost } from "../transport/mod.ts";
import {
  formatTcUrl,
  parseRtmpUrl,
  RtmpError,
  type RtmpStatus,
  type RtmpUrl,
} from "../rtmp/mod.ts";

/** Parameters of a stream's name that show who the client is, as servers take them. */
const CREDENTIAL_PARAMETERS = ["user", "pass", "username", "password"] as const;

/**
 * The same stream where the server sends the client. User name and password, in the URL or in the query of the
 * stream's name, go to the same host alone, at whatever port; other parameters, by which a stream may be known, go
 * on. From `rtmps` to `rtmp` the session follows no redirection at all.
 *
 * @throws {RtmpError} `url` when the server names none
 */
export function redirected(from: RtmpUrl, tcUrl: string): RtmpUrl {
  const to = parseRtmpUrl(tcUrl);
  const app = [to.app, to.key].filter((part) => part !== "").join("/");
  const isSame = to.host === from.host;
  const { username, password } = from;
  const credentials = isSame && to.username === undefined
    ? {
      ...(username === undefined ? {} : { username }),
      ...(password === undefined ? {} : { password }),
    }
    : {};
  const [name, query] = cutQuery(from.key);
  const key = name + (isSame ? query : withoutCredentials(query));
  return { ...to, app, key, ...credentials };
}

/** What a server says by which it asks its client to connect to another, or to it anew. */
const RECONNECT_REQUEST = "NetConnection.Connect.ReconnectRequest";

/**
 * Where a status asks the client to go on; `undefined` where it is no such status, or nothing leads there: the URL may be
 * relative to that of now, which is meant where it is left out.
 */
export function movedBy(status: RtmpStatus, from: RtmpUrl): RtmpUrl | undefined {
  if (status.code !== RECONNECT_REQUEST) return undefined;
  const told = status.information["tcUrl"];
  if (typeof told !== "string" || told === "") return from;
  const tcUrl = URL.parse(told, formatTcUrl(from))?.href ?? told;
  try {
    const to = redirected(from, tcUrl);
    if (from.scheme === "rtmps" && to.scheme !== "rtmps") return undefined;
    checkRedirect(to);
    return to;
  } catch (error) {
    if (error instanceof RtmpError) return undefined;
    throw error;
  }
}

/** A server must not have this program stop at a question, for permission to connect to another. */
export function checkRedirect({ host, port }: RtmpUrl): void {
  if (hasNetPermission(host, port)) return;
  throw new RtmpError(
    "connect-rejected",
    `The server redirects to ${
      permissionHost(host, port)
    }, which this program has no permission for`,
  );
}

function cutQuery(key: string): [name: string, query: string] {
  const mark = key.indexOf("?");
  return mark < 0 ? [key, ""] : [key.slice(0, mark), key.slice(mark)];
}

/** The rest stays as it was written: it may be signed. */
function withoutCredentials(query: string): string {
  const kept = query.slice(1).split("&").filter((part) => {
    const [name] = new URLSearchParams(part).keys();
    return name === undefined || !CREDENTIAL_PARAMETERS.some((one) => one === name.toLowerCase());
  });
  return query === "" || kept.length === 0 ? "" : `?${kept.join("&")}`;
}
