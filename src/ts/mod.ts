/**
 * MPEG transport streams: a muxer for live media.
 *
 * Sources: ISO/IEC 13818-1; for AC-3, ATSC A/52 annex A; for Opus, its mapping into MPEG-TS.
 *
 * @example Can a track be carried?
 * ```ts
 * import { whyNotTs } from "@weir/server/ts";
 *
 * console.log(whyNotTs({ kind: "audio", id: 0, codec: "mp3", config: undefined })); // undefined
 * ```
 *
 * @module
 */
export type { CodecName, RtpMapping, Track, TrackKind } from "../media/mod.ts";
export { type TsFrameParts, whyNotTs } from "./stream_forms.ts";
export * from "./ts_muxer.ts";
