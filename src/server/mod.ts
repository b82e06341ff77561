/**
 * The server: sockets, timers and permissions around the sessions and the hub.
 *
 * @module
 */
export { formatAddress, type ListenAddress, parseListenAddress } from "../transport/mod.ts";
export type { ServerTiming } from "../doors/mod.ts";
export { ServerError, type ServerErrorCode } from "../transport/mod.ts";
export type {
  ConnectionEnd,
  ConnectionInfo,
  Credentials,
  CredentialsRequest,
  HookResult,
  PublishInfo,
  Redirected,
  Refused,
  ServerHooks,
  StreamRequest,
} from "../gate/mod.ts";
export {
  type MulticastOptions,
  parseMulticastRange,
  type RtspServiceOptions,
  type RtspSessionStatistics,
} from "../doors/rtsp/mod.ts";
export type { LogFields, ServerLog } from "../log/mod.ts";
export type { EnhancedPolicy } from "../wire/mod.ts";
export * from "../relay/mod.ts";
export * from "./server.ts";
export * from "./server_stream.ts";
export type * from "./statistics.ts";
export type * from "../hub/mod.ts";
export type { ChunkLimits, RtmpServerSessionOptions } from "../rtmp/mod.ts";
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
