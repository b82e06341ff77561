/**
 * Conversions between what publishers send, units, and what players take: pure functions and small state
 * machines, without sockets and clocks.
 *
 * - In: `unitOfFlv` (RTMP), {@linkcode RtpTrackIngest} (RTSP); their tracks by {@linkcode FlvTrackProbe}
 *   and {@linkcode tracksOfSdp}.
 * - Out: {@linkcode RtpRemuxer} with {@linkcode sdpOfTracks}, {@linkcode FlvRemuxer},
 *   {@linkcode FrameFeed} for containers, {@linkcode FrameReader} for those who want frames.
 *
 * @example Turn the body of an FLV tag into RTP packets
 * ```ts
 * import { RtpRemuxer, sdpOfTracks, unitOfFlv } from "@weir/server/transmux";
 *
 * const body = new Uint8Array(161).fill(0x72, 0, 1); // 20 ms of A-law sound
 * const unit = unitOfFlv({ kind: "audio", dtsUs: 0, body });
 * const { tracks } = sdpOfTracks([{ kind: "audio", id: 0, codec: "pcma", config: undefined }]);
 * const packets = new RtpRemuxer(tracks).remux(unit!);
 * console.log(packets.map(({ timestamp }) => timestamp)); // [ 0 ]
 * ```
 *
 * @module
 */
export type { OnMetaData } from "../flv/mod.ts";
export type {
  CodecName,
  MediaUnit,
  RtpMapping,
  Track,
  TrackKind,
  UnitPayload,
  UnitRole,
} from "../media/mod.ts";
export type {
  AlignedTrack,
  NtpTime,
  ReportBlock,
  RtpExtension,
  RtpPacket,
  SenderReport,
} from "../rtp/mod.ts";
export type {
  SdpAttribute,
  SdpBandwidth,
  SdpConnection,
  SdpDirection,
  SdpFormat,
  SdpMedia,
  SdpOrigin,
  SdpTime,
  SessionDescription,
} from "../sdp/mod.ts";
export * from "./contained_track.ts";
export type { CodedFrame, FrameTiming } from "./coded_frame.ts";
export * from "./back_channel_formats.ts";
export * from "./codec_string.ts";
export * from "./flv_frame_writer.ts";
export * from "./flv_remuxer.ts";
export * from "./flv_tracks.ts";
export * from "./flv_tag_of.ts";
export * from "./flv_unit.ts";
export * from "./fragment_writer.ts";
export * from "./frame_bytes.ts";
export * from "./frame_duration.ts";
export * from "./frame_feed.ts";
export * from "./frame_reader.ts";
export * from "./rtp_ingest.ts";
export * from "./rtp_remuxer.ts";
export * from "./rtp_session_ingest.ts";
export * from "./sdp_of_tracks.ts";
export { tracksAfter, trackWithConfig } from "./track_config.ts";
export { tracksOfSdp } from "./tracks_of_sdp.ts";
export { EMPTY_METADATA, metadataWithout, toldMetadata } from "./track_metadata.ts";
export * from "./hls_codecs.ts";
export * from "./loss_feedback.ts";
export * from "./unit_budget.ts";
export * from "./unsupported_track.ts";
export * from "./webrtc_encodings.ts";
export type { WebRtcReordering } from "./codec/codec.ts";
export type { WebRtcEncoding, WebRtcEncodings } from "../webrtc/mod.ts";
