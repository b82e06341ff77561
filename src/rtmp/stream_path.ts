import { RtmpError } from "./errors.ts";

/** The stream that a client wants, as it says it in connect, and in publish or play. */
export interface StreamPathRequest {
  /** `app` of the connect command; may have a query. Empty or missing: the `tcUrl` has it. */
  readonly app?: string | undefined;
  /** `tcUrl` of the connect command. */
  readonly tcUrl?: string | undefined;
  /** The stream name of publish or play; may have a query, and may be empty. */
  readonly streamKey: string;
}

/**
 * A stream name that has one form, whatever dialect the client spoke. Whether a stream can have that name
 * is not for the protocol to say: it may have segments such as `..`.
 */
export interface StreamPath {
  /** `app/key`, percent-decoded. */
  readonly name: string;
  /** The part that connect named; may be empty. */
  readonly app: string;
  /** The part that publish or play named; may be empty. */
  readonly key: string;
  /** The parameters of stream name, app and tcUrl, in this order, each pair once. */
  readonly query: URLSearchParams;
}

/**
 * In UTF-16 units, for each of app, tcUrl and stream key. Signed tokens and Adobe's authentication
 * stay below 4096; nothing longer is searched.
 */
export const MAX_STREAM_PATH_TEXT_LENGTH = 8192;

/** File type prefix of stream names (`mp4:cam`), which FFmpeg, Flash and librtmp add by themselves. */
const TYPE_PREFIX = /^(?:mp4|f4v|flv|mp3|id3):\/*/i;
const ABSOLUTE_URL = /^rtmp[a-z]*:\/\/[^/?]*/i;

/**
 * Makes one name of what a client sends in connect (`app`, `tcUrl`) and in publish or play.
 *
 * Clients cut the same URL at different places (FFmpeg after one or two segments, GStreamer at the
 * last slash, OBS sends the server field as the app), put the query in any part or in two, add
 * slashes at either end, quotes around the tcUrl (Neko), `_definst_`, `mp4:`, or the whole URL as
 * the stream name (some IP cameras). The result is the same for all of them.
 *
 * @throws {RtmpError} `url` when nothing is named, or what is named cannot be read
 *
 * @example
 * ```ts
 * import { resolveStreamPath } from "@weir/server/rtmp";
 *
 * const path = resolveStreamPath({ app: "live/?user=ann", streamKey: "mp4:cam%201" });
 * console.log(path.name, path.query.get("user")); // live/cam 1 ann
 * ```
 */
export function resolveStreamPath(request: StreamPathRequest): StreamPath {
  const tcUrl = cutQuery(pathOf(checkLength(request.tcUrl ?? "", "tcUrl")));
  const connect = request.app ? cutQuery(pathOf(checkLength(request.app, "app"))) : tcUrl;
  const stream = cutQuery(pathOf(checkLength(request.streamKey, "stream key")));

  // Flash Media Server's and Wowza's clients write this instance name where there is none.
  const app = decodePath(trim(connect.path, "/").replace(/(?:^|\/)_definst_$/, ""));
  const rawKey = trim(stream.path, "/").replace(/^_definst_\/+/, "");
  let key = decodePath(rawKey.replace(TYPE_PREFIX, ""));
  if (ABSOLUTE_URL.test(request.streamKey)) key = withoutApp(key, app);

  const name = [app, key].filter((part) => part !== "").join("/");
  if (name === "") throw new RtmpError("url", "The client names no stream: app and key are empty");
  return { name, app, key, query: mergeQueries([stream.query, connect.query, tcUrl.query]) };
}

function checkLength(text: string, part: string): string {
  if (text.length <= MAX_STREAM_PATH_TEXT_LENGTH) return text;
  throw new RtmpError(
    "url",
    `The ${part} has ${text.length} characters, at most ${MAX_STREAM_PATH_TEXT_LENGTH} are allowed`,
  );
}

/** Drops quotes around, scheme, and host. */
function pathOf(text: string): string {
  return trim(text, `'"`).replace(ABSOLUTE_URL, "");
}

function cutQuery(text: string): { path: string; query: string } {
  const mark = text.indexOf("?");
  if (mark < 0) return { path: text, query: "" };
  return { path: text.slice(0, mark), query: text.slice(mark + 1) };
}

/** Not a regular expression: `/+$` would take quadratic time on what a peer can send. */
function trim(text: string, characters: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && characters.includes(text[start]!)) start++;
  while (end > start && characters.includes(text[end - 1]!)) end--;
  return text.slice(start, end);
}

function decodePath(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new RtmpError("url", "The stream name has malformed percent-encoding", { cause });
  }
}

/** The key of a client that sends the whole URL as its stream name. */
function withoutApp(path: string, app: string): string {
  if (path === app) return "";
  return app !== "" && path.startsWith(`${app}/`) ? path.slice(app.length + 1) : path;
}

function mergeQueries(queries: string[]): URLSearchParams {
  const merged = new URLSearchParams();
  for (const query of queries) {
    // FFmpeg and librtmp append "?authmod=..." to a URL that may have a query already.
    for (const [name, value] of new URLSearchParams(query.replaceAll("?", "&"))) {
      if (!merged.has(name, value)) merged.append(name, value);
    }
  }
  return merged;
}
