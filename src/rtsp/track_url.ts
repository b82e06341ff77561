import type { SessionDescription } from "../sdp/mod.ts";
import { RtspError } from "./errors.ts";
import { parseRtspUrl, resolveControl, type RtspUrl } from "./url.ts";

/** The stream that a URL names. */
export interface RtspStreamPath {
  /** Path as written, without trailing slash unless it is only that. */
  readonly path: string;
  /** Query as written, without trailing slash; `undefined` where there is none. */
  readonly query: string | undefined;
}

/** The track that the URL of a SETUP names. */
export interface RtspTrackPath extends RtspStreamPath {
  /** Index of the track, from 0. */
  readonly track: number;
}

/** A track number of more digits names nothing that exists. */
const MAX_TRACK_DIGITS = 3;

/**
 * Splits the URL of a DESCRIBE, ANNOUNCE, PLAY or another request for a whole stream. The trailing
 * slash, which clients take over from `Content-Base`, is no part of the name: `/s/`, `/s?q=1/` and
 * `/s/?q=1` are `/s`.
 *
 * @example
 * ```ts
 * import { parseRtspUrl, splitStreamUrl } from "@weir/server/rtsp";
 *
 * console.log(splitStreamUrl(parseRtspUrl("rtsp://host/s?q=1/"))); // { path: "/s", query: "q=1" }
 * ```
 */
export function splitStreamUrl(url: Pick<RtspUrl, "path" | "query">): RtspStreamPath {
  const { path, query } = url;
  return {
    path: path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path,
    query: query?.endsWith("/") ? query.slice(0, -1) : query,
  };
}

/**
 * Splits the URL of a SETUP for playing, whose tracks this server names `trackID=<index>`:
 *
 * | client | URL |
 * |---|---|
 * | plain | `/s/trackID=0` |
 * | FFmpeg, VLC | `/s?q=1/trackID=0` |
 * | the same, by a base with a slash before the query | `/s/?q=1/trackID=0` |
 * | GStreamer | `/s/trackID=0?q=1`, and since 1.22 `/s/trackID=0` |
 * | query on both sides | `/s?q=1/trackID=0?q=1` |
 * | no control (FFmpeg with MPEG-TS) | `/s/`, `/s?q=1/`, `/s/?q=1`: the first track |
 *
 * @throws {RtspError} `aggregate` (459) for a URL that names no track, `track-not-found` (404) for a
 * track that is no number
 *
 * @example
 * ```ts
 * import { parseRtspUrl, splitTrackUrl } from "@weir/server/rtsp";
 *
 * const { path, query, track } = splitTrackUrl(parseRtspUrl("rtsp://host/s?q=1/trackID=2"));
 * console.log(path, query, track); // /s q=1 2
 * ```
 */
export function splitTrackUrl(url: Pick<RtspUrl, "path" | "query">): RtspTrackPath {
  const inQuery = url.query?.lastIndexOf("/trackID=") ?? -1;
  if (inQuery >= 0) {
    const query = url.query!;
    // Some clients write the query on both sides of the control.
    const track = parseTrack(query.slice(inQuery + 9).split("?", 1)[0]!);
    const { path } = splitStreamUrl({ path: url.path });
    return { path, query: query.slice(0, inQuery), track };
  }
  const inPath = url.path.lastIndexOf("/trackID=");
  if (inPath >= 0) {
    const track = parseTrack(url.path.slice(inPath + 9));
    return { path: url.path.slice(0, inPath), query: url.query, track };
  }
  if (!url.path.endsWith("/") && !url.query?.endsWith("/")) {
    const message = `"${url.path}" names no track and does not end with a slash`;
    throw new RtspError("aggregate", message, { status: 459 });
  }
  return { ...splitStreamUrl(url), track: 0 };
}

function parseTrack(text: string): number {
  if (/^\d+$/.test(text) && text.length <= MAX_TRACK_DIGITS) return Number(text);
  throw new RtspError("track-not-found", `no track "${text.slice(0, 40)}"`, { status: 404 });
}

/**
 * Finds which announced media the URL of a SETUP means. A publisher names its tracks as it likes
 * (`streamid=1`, `bbb=ccc`, an absolute URL); a query of the announced URL stands before the control
 * (FFmpeg: `/s?q=1/streamid=0`) or behind it (GStreamer: `/s/stream=0?q=1`). A single media needs no
 * control at all.
 *
 * @returns the index of the media, or `undefined` if none is meant
 *
 * @example
 * ```ts
 * import { findAnnouncedTrack, parseRtspUrl } from "@weir/server/rtsp";
 * import { parseSdp } from "@weir/server/sdp";
 *
 * const description = parseSdp("m=audio 0 RTP/AVP 0\na=control:streamid=0\n");
 * const announced = parseRtspUrl("rtsp://host/s");
 * const setup = parseRtspUrl("rtsp://host/s/streamid=0");
 * console.log(findAnnouncedTrack(setup, { announced, description })); // 0
 * ```
 */
export function findAnnouncedTrack(
  setup: RtspUrl,
  announcement: { readonly announced: RtspUrl; readonly description: SessionDescription },
): number | undefined {
  const { announced, description } = announcement;
  const wanted = pathAndQuery(setup);
  const found = description.media.findIndex(({ control }) =>
    control !== undefined && controlForms(announced, control).includes(wanted)
  );
  if (found >= 0) return found;
  const sole = description.media.length === 1 && description.media[0]!.control === undefined;
  const { path, query } = splitStreamUrl(announced);
  const named = splitStreamUrl(setup);
  return sole && named.path === path && named.query === query ? 0 : undefined;
}

function controlForms(announced: RtspUrl, control: string): string[] {
  if (/^rtsps?:\/\//i.test(control)) {
    try {
      return [pathAndQuery(parseRtspUrl(control))];
    } catch {
      return [];
    }
  }
  const { path, query } = splitStreamUrl(announced);
  const slashed = resolveControl({ ...announced, path: path + "/" }, control);
  const withoutQuery = { ...announced, path } as { -readonly [K in keyof RtspUrl]: RtspUrl[K] };
  delete withoutQuery.query;
  const behind = resolveControl(withoutQuery, control);
  return [
    pathAndQuery(resolveControl(announced, control)),
    ...(query === undefined
      ? []
      : [`${pathAndQuery(resolveControl(announced, control))}?${query}`]),
    pathAndQuery(slashed),
    pathAndQuery(query === undefined ? behind : { ...behind, query }),
  ];
}

function pathAndQuery(url: Pick<RtspUrl, "path" | "query">): string {
  return url.query === undefined ? url.path : `${url.path}?${url.query}`;
}
