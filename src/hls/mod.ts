/**
 * The text of HLS: media and multivariant playlists, those of low latency too, and the directives of requests for them.
 *
 * Source: RFC 8216bis (draft-pantos-hls-rfc8216bis).
 *
 * @example A playlist of a recording, whose segments are parts of one file
 * ```ts
 * import { writeMediaPlaylist } from "@weir/server/hls";
 *
 * const map = { uri: "cam.mp4", byteRange: { offset: 0, length: 800 } };
 * const text = writeMediaPlaylist({
 *   type: "vod",
 *   targetDurationS: 2,
 *   mediaSequence: 0,
 *   segments: [
 *     { uri: "cam.mp4", durationS: 2, byteRange: { offset: 800, length: 90_000 }, map },
 *   ],
 * });
 * console.log(text.includes("#EXT-X-BYTERANGE:90000@800")); // true
 * ```
 *
 * @module
 */
export * from "./delivery_directives.ts";
export * from "./media_playlist.ts";
export * from "./multivariant_playlist.ts";
