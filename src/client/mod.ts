/**
 * Clients over sockets: they publish to servers, and play from them.
 *
 * @module
 */
export * from "./rtmp_client.ts";
export {
  RtmpPlayback,
  type RtmpPlaybackControl,
  type RtmpRequestOptions,
} from "./rtmp_playback.ts";
export {
  type RtmpMedia,
  RtmpPublication,
  type RtmpPublicationControl,
} from "./rtmp_publication.ts";
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
export type {
  RtspCredentials,
  RtspError,
  RtspErrorCode,
  RtspErrorOptions,
  RtspHeaders,
  RtspRange,
  RtspResponse,
  RtspRtpInfo,
  RtspUrl,
  SdpAttribute,
  SdpBandwidth,
  SdpConnection,
  SdpDirection,
  SdpFormat,
  SdpMedia,
  SdpOrigin,
  SdpTime,
  SessionDescription,
  SmpteTime,
} from "../rtsp/mod.ts";
export type { StreamPair } from "../transport/mod.ts";
export type {
  AmfAvmPlus,
  AmfDictionary,
  AmfEcmaArray,
  AmfExternalizable,
  AmfObject,
  AmfTraits,
  AmfTypedObject,
  AmfUnsupported,
  AmfValue,
  AmfVector,
  AmfXml,
} from "../amf/mod.ts";
export type {
  ChunkLimits,
  ConnectedEvent,
  EnhancedCapabilities,
  MediaMessage,
  RtmpClientSessionOptions,
  RtmpClientSessionStatistics,
  RtmpError,
  RtmpErrorCode,
  RtmpErrorOptions,
  RtmpPlayOptions,
  RtmpPublishOptions,
  RtmpStatus,
  RtmpUrl,
} from "../rtmp/mod.ts";
