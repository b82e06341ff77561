export {
  type AccessUnit,
  DEFAULT_MAX_PAYLOAD_SIZE,
  type Depacketizer,
  type DepacketizerOptions,
  type Packetizer,
  type PacketizerOptions,
  type RtpPayload,
} from "./access_unit.ts";
export {
  AacDepacketizer,
  type AacDepacketizerOptions,
  AacPacketizer,
  type AacPacketizerOptions,
  type AuHeaderLayout,
  MAX_AAC_FRAME_SIZE,
} from "./aac.ts";
export { Ac3Depacketizer, Ac3Packetizer, MAX_AC3_FRAME_SIZE } from "./ac3.ts";
export { Eac3Depacketizer, Eac3Packetizer, MAX_EAC3_FRAME_SIZE } from "./eac3.ts";
export { AudioDepacketizer } from "./audio_depacketizer.ts";
export type { AacTiming } from "./audio_specific_config.ts";
export { Av1Depacketizer, Av1Packetizer, MAX_AV1_OBUS, MAX_AV1_UNIT_SIZE } from "./av1.ts";
export * from "./format_table.ts";
export {
  H264Depacketizer,
  H264Packetizer,
  type H264PacketizerOptions,
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
export {
  LatmDepacketizer,
  type LatmDepacketizerOptions,
  LatmPacketizer,
  type LatmPacketizerOptions,
  MAX_LATM_ELEMENT_SIZE,
  parseStreamMuxConfig,
  type StreamMuxConfig,
} from "./latm.ts";
export {
  MAX_MPEG4_VIDEO_FRAME_SIZE,
  Mpeg4VideoDepacketizer,
  Mpeg4VideoPacketizer,
} from "./mpeg4_video.ts";
export {
  MAX_MPEG_AUDIO_FRAME_SIZE,
  MpegAudioDepacketizer,
  MpegAudioPacketizer,
} from "./mpeg_audio.ts";
export { OpusDepacketizer, OpusPacketizer } from "./opus.ts";
export {
  PcmDepacketizer,
  type PcmDepacketizerOptions,
  type PcmLayout,
  PcmPacketizer,
  type PcmPacketizerOptions,
} from "./pcm.ts";
export { UnitAssembler, type UnitStart } from "./unit_assembler.ts";
export { MAX_VP8_FRAME_SIZE, Vp8Depacketizer, Vp8Packetizer } from "./vp8.ts";
export {
  MAX_VP9_LAYERS,
  MAX_VP9_PICTURE_SIZE,
  Vp9Depacketizer,
  Vp9Packetizer,
  type Vp9PacketizerOptions,
} from "./vp9.ts";
