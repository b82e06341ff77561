/**
 * RTMP: handshake, chunks, messages, and the sessions of server and
 * client, each usable alone and without sockets.
 *
 * @example Cut the bytes of a connection into messages, and read them
 * ```ts
 * import { ChunkDecoder, ChunkEncoder, parseMessage, type RtmpMessage } from "@weir/server/rtmp";
 *
 * const sent = new ChunkEncoder().encode({
 *   chunkStreamId: 2,
 *   type: 5, // window acknowledgement size
 *   streamId: 0,
 *   timestampMs: 0,
 *   payload: new Uint8Array([0, 0x26, 0x25, 0xa0]),
 * });
 * const messages: RtmpMessage[] = [];
 * for (const raw of new ChunkDecoder().push(sent)) parseMessage(raw, messages);
 * console.log(messages[0]?.kind);
 * ```
 *
 * @module
 */
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
export * from "./authenticator.ts";
export * from "./chunk_decoder.ts";
export * from "./chunk_decoder_stream.ts";
export * from "./chunk_encoder.ts";
export {
  CHUNK_LIMITS_BEFORE_ROLE,
  type ChunkLimits,
  DEFAULT_CHUNK_LIMITS,
} from "./chunk_limits.ts";
export { MAX_RTMP_REDIRECTS } from "./client_connect.ts";
export * from "./client_event.ts";
export * from "./client_session.ts";
export type * from "./client_session_options.ts";
export * from "./command_message.ts";
export * from "./connect_authentication.ts";
export * from "./control_message.ts";
export * from "./enhanced_capabilities.ts";
export * from "./errors.ts";
export * from "./handshake.ts";
export * from "./handshake_client.ts";
export * from "./handshake_server.ts";
export * from "./handshake_stream.ts";
export * from "./message.ts";
export * from "./message_parser_stream.ts";
export * from "./raw_message.ts";
export * from "./server_event.ts";
export * from "./server_session.ts";
export type * from "./server_session_options.ts";
export * from "./session_sink.ts";
export * from "./stream_path.ts";
export * from "./timestamp_unwrapper.ts";
export * from "./url.ts";
export * from "./used_challenges.ts";
export * from "./work_budget.ts";
export {
  type Emit,
  SynchronousSink,
  SynchronousTransform,
  type SynchronousTransformer,
} from "../streams/mod.ts";
