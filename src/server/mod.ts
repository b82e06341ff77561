/**
 * The server: sockets, timers and permissions around the sessions and the hub.
 *
 * @example A server that one user may publish to, and anybody play from
 * ```ts
 * import { Server } from "@weir/server/server";
 *
 * await using server = new Server({
 *   rtmp: { hostname: "127.0.0.1", port: 0 },
 *   rtsp: { hostname: "127.0.0.1", port: 0 },
 *   hooks: { onPublish: ({ name }) => name === "live/cam" ? undefined : { refuse: "Not here" } },
 * });
 * await server.listen();
 * for (const { protocol, port } of server.addresses) console.log(protocol, port > 0);
 * ```
 *
 * @module
 */
export {
  formatAddress,
  type ListenAddress,
  parseListenAddress,
  ServerError,
  type ServerErrorCode,
  type TlsIdentity,
} from "../transport/mod.ts";
export {
  checkRecordingRule,
  checkS3,
  type ClipStoreOptions,
  isS3Url,
  type ListedSegment,
  RECORDING_FORMATS,
  RecordingError,
  type RecordingErrorCode,
  type RecordingFormat,
  type RecordingRule,
  type Recordings,
  type RecordingStore,
  type S3Access,
  s3Endpoint,
  type SavedClip,
} from "../record/mod.ts";
export type { ClipWindow } from "./server_clips.ts";
export type { FileChannelOptions } from "../files/mod.ts";
export type {
  Door,
  DoorAddress,
  DoorListenOptions,
  DoorSnapshot,
  OpenPort,
  ServedConnection,
  ServerTiming,
  Shell,
} from "../doors/mod.ts";
export {
  type AuthenticationAnswer,
  type AuthenticationRequest,
  type Challenge,
  type ConnectionEnd,
  type ConnectionInfo,
  type DigestCredentials,
  fixedUsers,
  type FixedUsersOptions,
  GATE_LIMITS,
  type GateCounts,
  type GateLimits,
  type HookResult,
  type PublishInfo,
  type Redirected,
  type Redirection,
  type Refusal,
  type RefusalKind,
  type Refused,
  type ServerHooks,
  type ShownCredentials,
  type StreamAction,
  type StreamRequest,
  type StreamTerms,
  type Ticket,
  type TicketInfo,
  type TicketState,
} from "../gate/mod.ts";
export {
  faultAnswer,
  type GrantedPlay,
  type HlsOptions,
  type HlsPackagingOptions,
  type HttpAnswer,
  HttpExchange,
  type HttpFault,
  type HttpOutput,
  type HttpRequestInfo,
  type HttpRoutes,
  HttpVisit,
  type HttpVisitParts,
  type IncomingRequest,
  jsonAnswer,
  type LastingAnswer,
  type PlayerSocket,
  type SharedOrigins,
  type SocketHandler,
  type StreamHandler,
  StreamVisit,
  WholeAnswer,
  type WholeAnswerInit,
} from "../doors/http/mod.ts";
export {
  type HandedConnection,
  type MulticastOptions,
  parseMulticastRange,
  type RtspChangePolicy,
  type RtspDoorSnapshot,
  type RtspParts,
  type RtspServiceOptions,
  type RtspSessionStatistics,
} from "../doors/rtsp/mod.ts";
export type * from "../api/mod.ts";
export type {
  HealthAdvice,
  HealthAdviceCode,
  HealthMeasures,
  StreamHealthReport,
  TrackHealth,
} from "../health/mod.ts";
export { LINE_FIELDS, type LogFields, safeLog, type ServerLog } from "../log/mod.ts";
export type { LossPolicy } from "../transmux/mod.ts";
export type { EnhancedPolicy } from "../wire/mod.ts";
export * from "../relay/mod.ts";
export type {
  ClusterNode,
  ClusterOptions,
  ClusterStatistics,
  ClusterStream,
  ClusterStreamDetail,
  ClusterStreamPage,
  NodeRecord,
} from "../cluster/mod.ts";
export * from "./bounds.ts";
export * from "./defaults.ts";
export type * from "./options.ts";
export type { DrainOptions, DrainState } from "./drainer.ts";
export { type FallbackPlace, fallbackPlace } from "./fallback_source.ts";
export { checkPathRules, type PathRecordingOptions, type PathRule } from "./path_rules.ts";
export * from "./server.ts";
export type * from "./server_part.ts";
export * from "./server_stream.ts";
export type { StreamBackChannel, TalkOptions, TalkResult } from "./stream_talk.ts";
export type * from "./statistics.ts";
export { checkStreamName, HUB_DEFAULTS } from "../hub/mod.ts";
export { WORKER_PROGRAM, type WorkerStatistics } from "./workers/worker_pool.ts";
export type * from "../hub/mod.ts";
export type { ChunkLimits, RtmpServerSessionOptions } from "../rtmp/mod.ts";
export type { Balancers, PassedConnection, StreamPair, Transport } from "../transport/mod.ts";
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
