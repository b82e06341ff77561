/**
 * Matroska: a muxer for live media and for recordings that a crash must not spoil.
 *
 * Sources: RFC 8794 (EBML), RFC 9559 (Matroska), and the codec specifications of its working group.
 *
 * @example Can a track be carried?
 * ```ts
 * import { whyNotMkv } from "@weir/server/mkv";
 *
 * console.log(whyNotMkv({ kind: "audio", id: 0, codec: "mp3", config: undefined })); // undefined
 * ```
 *
 * @module
 */
import type { Track } from "../media/mod.ts";
import { codecFormOf } from "./codec_forms.ts";

export type { CodecName, RtpMapping, Track, TrackKind } from "../media/mod.ts";
export * from "./mkv_muxer.ts";

/** Why a track cannot be written to Matroska, in words for a log line; `undefined` where it can. */
export function whyNotMkv(track: Track): string | undefined {
  const form = codecFormOf(track);
  return typeof form === "string" ? form : undefined;
}
