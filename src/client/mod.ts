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
export type { MediaUnit, TrackKind, UnitPayload, UnitRole } from "../media/mod.ts";
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
