/**
 * The server: sockets, timers and permissions around the sessions and the hub.
 *
 * @module
 */
export * from "./address.ts";
export type { ServerTiming } from "./context.ts";
export * from "./errors.ts";
export * from "./hooks.ts";
export { type MulticastOptions, parseMulticastRange } from "./multicast_groups.ts";
export type { LogFields, ServerLog } from "./log.ts";
export type { RtspServiceOptions } from "./rtsp_service.ts";
export type { EnhancedPolicy } from "./rtmp_capabilities.ts";
export * from "./relay.ts";
export * from "./relay_options.ts";
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
