import { hasNetPermission, permissionHost } from "../transport/mod.ts";
import { parseRtmpUrl, RtmpError, type RtmpUrl } from "../rtmp/mod.ts";

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
