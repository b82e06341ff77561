/**
 * Units, tracks and codecs: what a stream is made of, whatever protocol carries it.
 *
 * Parsers read as much of a codec's headers as carrying it needs, and none decodes a picture or a
 * sound. All of them take views and return views, and throw nothing but {@linkcode MediaError} for
 * what a peer sent.
 *
 * @example Read what AAC's configuration says
 * ```ts
 * import { parseAacConfig } from "@weir/server/media";
 *
 * const { sampleRate, channels } = parseAacConfig(new Uint8Array([0x12, 0x10]));
 * console.log(sampleRate, channels); // 44100 2
 * ```
 *
 * @module
 */
export {
  aacChannelsOfConfig,
  type AacConfig,
  type AacExtension,
  aacRateIndex,
  aacRateOfIndex,
  type BuildAacConfig,
  buildAacConfig,
  parseAacConfig,
} from "./aac.ts";
export * from "./ac3.ts";
export * from "./ac3_config.ts";
export * from "./adts.ts";
export * from "./av1.ts";
export * from "./av1_config.ts";
export {
  type AvcConfig,
  type AvcHighConfig,
  type AvcParameterSets,
  buildAvcConfig,
  parseAvcConfig,
} from "./avc_config.ts";
export * from "./config_unit.ts";
export * from "./dts.ts";
export * from "./errors.ts";
export * from "./flac.ts";
export * from "./g711.ts";
export * from "./h264.ts";
export * from "./h264_sps.ts";
export * from "./h265.ts";
export * from "./h265_sps.ts";
export * from "./hevc_config.ts";
export * from "./latm.ts";
export * from "./mp3.ts";
export * from "./nal.ts";
export * from "./opus.ts";
export * from "./presumed_sound.ts";
export * from "./track.ts";
export * from "./unit.ts";
export * from "./vpx.ts";
