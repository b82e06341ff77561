/**
 * RTMP: handshake, chunks, messages, and the sessions of server and
 * client, each usable alone and without sockets.
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
export * from "./client_event.ts";
export * from "./client_session.ts";
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
export * from "./session_sink.ts";
export * from "./stream_path.ts";
export * from "./timestamp_unwrapper.ts";
export * from "./url.ts";
export * from "./work_budget.ts";
