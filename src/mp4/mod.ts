/**
 * Fragmented MP4 and CMAF: writing of initialization segments and fragments, and reading of a file's structure.
 *
 * Sources: ISO/IEC 14496-12 (boxes), 14496-14 and -15 (AAC, H.264, H.265), 23000-19 (CMAF), and the bindings of AV1, VP9,
 * Opus and FLAC.
 *
 * @example Write a file of one audio frame
 * ```ts
 * import { buildFragment, buildInitSegment, mp4TracksOf } from "@weir/server/mp4";
 *
 * const tracks = mp4TracksOf([
 *   { kind: "audio", id: 0, codec: "pcma", config: undefined, sampleRate: 8000, channels: 1 },
 * ]);
 * const frame = { data: new Uint8Array(160), duration: 160, keyFrame: true };
 * const file = [
 *   buildInitSegment(tracks),
 *   buildFragment({ sequenceNumber: 1, tracks: [{ trackId: 1, baseTime: 0, samples: [frame] }] }),
 * ];
 * console.log(file.length); // 2
 * ```
 *
 * @module
 */
export type { CodecName, RtpMapping, Track, TrackKind } from "../media/mod.ts";
export { type BoxHeader, type Mp4Box, readBoxHeader, splitBoxes } from "./box_reading.ts";
export * from "./errors.ts";
export {
  buildFragment,
  buildFreeBox,
  buildReferenceTime,
  type Fragment,
  type FragmentSample,
  type FragmentTrack,
  type ReferenceTime,
} from "./fragment.ts";
export * from "./fragment_index.ts";
export {
  parseFragment,
  type ReadFragment,
  type ReadFragmentTrack,
  type ReadSample,
} from "./fragment_reader.ts";
export * from "./init_reader.ts";
export * from "./init_segment.ts";
export * from "./mp4_track.ts";
export * from "./sample_entry.ts";
