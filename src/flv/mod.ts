/**
 * FLV: the bodies of RTMP audio and video messages, FLV files, and `onMetaData`.
 *
 * Sources: Adobe Flash Video File Format Specification 10.1, annex E; Enhanced RTMP v2 (veovera).
 *
 * @example What is this message for?
 * ```ts
 * import { classifyVideo } from "@weir/server/flv";
 *
 * console.log(classifyVideo(new Uint8Array([0x17, 0x00, 0, 0, 0])).role); // "config"
 * ```
 *
 * @module
 */
export * from "./audio_body.ts";
export * from "./classify.ts";
export {
  ALL_FOUR_CCS,
  codecOfAudio,
  codecOfFourCc,
  codecOfVideo,
  fourCcOfCodec,
  plainIdOfCodec,
} from "./codec_ids.ts";
export * from "./constants.ts";
export { type ModEx, ModExType, timestampOffsetModEx, timestampOffsetNs } from "./enhanced.ts";
export * from "./errors.ts";
export * from "./flv_file.ts";
export { fourCcFromNumber, fourCcToNumber } from "./fourcc.ts";
export * from "./multichannel_config.ts";
export * from "./on_meta_data.ts";
export * from "./plain_body.ts";
export * from "./track_body.ts";
export * from "./video_body.ts";
export * from "./video_metadata.ts";
