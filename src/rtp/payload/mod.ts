export {
  type AccessUnit,
  DEFAULT_MAX_PAYLOAD_SIZE,
  type Depacketizer,
  type DepacketizerOptions,
  type Packetizer,
  type PacketizerOptions,
  type RtpPayload,
} from "./access_unit.ts";
export * from "./aac.ts";
export * from "./ac3.ts";
export { AudioDepacketizer } from "./audio_depacketizer.ts";
export type { AacTiming } from "./audio_specific_config.ts";
export * from "./av1.ts";
export * from "./format.ts";
export {
  H264Depacketizer,
  H264Packetizer,
  MAX_H264_NAL_UNITS,
  MAX_H264_UNIT_SIZE,
} from "./h264.ts";
export {
  H265Depacketizer,
  type H265DepacketizerOptions,
  H265Packetizer,
  MAX_H265_NAL_UNITS,
  MAX_H265_UNIT_SIZE,
} from "./h265.ts";
export * from "./latm.ts";
export * from "./mpeg4_video.ts";
export * from "./mpeg_audio.ts";
export * from "./opus.ts";
export * from "./pcm.ts";
export * from "./random_access.ts";
export { UnitAssembler, type UnitStart } from "./unit_assembler.ts";
export { MAX_VP8_FRAME_SIZE, Vp8Depacketizer, Vp8Packetizer } from "./vp8.ts";
export * from "./vp9.ts";
