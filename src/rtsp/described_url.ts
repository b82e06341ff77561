import { splitStreamUrl } from "./track_url.ts";
import type { RtspUrl } from "./url.ts";

/**
 * The base of the tracks' URLs. The slash stands before a query: GStreamer since 1.22 puts the track in the place of
 * what follows the last slash of the path (RFC 3986, 5.2.3), the others behind all of it.
 */
export function contentBase(url: RtspUrl): RtspUrl {
  const { path, query } = splitStreamUrl(url);
  const slashed = path.endsWith("/") ? path : `${path}/`;
  return query === undefined ? { ...url, path: slashed } : { ...url, path: slashed, query };
}
