/**
 * RTSP, whole: messages, headers, authentication and the sessions of both sides, each usable alone and
 * without sockets, and a client over sockets, {@linkcode RtspClient}.
 *
 * @module
 */
export * from "../rtsp/mod.ts";
export * from "./rtsp_client.ts";
export type { RtspRequestOptions } from "./rtsp_client_connection.ts";
export type { RtspLink, RtspLinkPacket, RtspLinkProtocol, RtspLinkRequest } from "./rtsp_link.ts";
export * from "./rtsp_playback.ts";
export * from "./rtsp_recording.ts";
export * from "./rtsp_track.ts";
export type {
  CodecName,
  MediaUnit,
  RtpMapping,
  Track,
  TrackKind,
  UnitPayload,
  UnitRole,
} from "../media/mod.ts";
export type { ReportBlock, RtpExtension, RtpPacket, RtpReceiverStats } from "../rtp/mod.ts";
export type { StreamPair } from "../transport/mod.ts";
