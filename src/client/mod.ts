/**
 * Clients over sockets: they publish to servers, and play from them.
 *
 * @example Publish what an encoder makes
 * ```ts
 * import { RtmpClient } from "@weir/server/client";
 * import { Server } from "@weir/server";
 * import { FlvFrameWriter } from "@weir/server/transmux";
 *
 * await using server = new Server({ rtmp: { hostname: "127.0.0.1", port: 0 } });
 * await server.listen();
 * const { port } = server.addresses[0]!;
 *
 * await using client = await RtmpClient.connect(`rtmp://127.0.0.1:${port}/live/radio`);
 * const publication = (await client.publish()).getWriter();
 * // Metadata and codec headers come from the writer, so that frames are all that is given to it.
 * const frames = new FlvFrameWriter({
 *   audio: { codec: "aac", config: new Uint8Array([0x12, 0x10]) },
 * });
 * for (let index = 0; index < 3; index++) {
 *   const frame = { data: new Uint8Array([0x21, 0x10, 0x04]), ptsUs: index * 23_220 };
 *   for (const message of frames.writeAudio(frame)) await publication.write(message);
 * }
 * await publication.close();
 * ```
 *
 * @module
 */
export type { PlaybackBounds } from "./playback_bounds.ts";
export * from "./rtmp_client.ts";
export type * from "./rtmp_client_options.ts";
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
export type * from "./rtsp_client_options.ts";
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
export { RtmpError } from "../rtmp/mod.ts";
export { RtspError } from "../rtsp/mod.ts";
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
  RtmpErrorCode,
  RtmpErrorOptions,
  RtmpPlayOptions,
  RtmpPublishOptions,
  RtmpStatus,
  RtmpUrl,
} from "../rtmp/mod.ts";
