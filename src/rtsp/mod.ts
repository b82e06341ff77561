/**
 * RTSP 1.0 (RFC 2326) without sockets: messages, headers, URLs, authentication, tunnels, and the state
 * machines of server and client.
 *
 * Bytes go in, values come out, and what is to be written is taken out as bytes: nothing here reads a
 * clock, a socket or a source of randomness.
 *
 * @example Decode what came from a connection
 * ```ts
 * import { encodeRequest, RtspDecoder } from "@weir/server/rtsp";
 *
 * const decoder = new RtspDecoder();
 * const bytes = encodeRequest({ method: "OPTIONS", url: "rtsp://host/cam", headers: { CSeq: "1" } });
 * for (const message of decoder.push(bytes)) {
 *   if (message.kind === "request") console.log(message.method, message.url);
 * }
 * ```
 *
 * @module
 */
export { RTSP_BACK_CHANNEL } from "./back_channel.ts";
export * from "./early.ts";
export * from "./headers.ts";
export * from "./key_mgmt.ts";
export * from "./told_key.ts";
export * from "./message.ts";
export * from "./decoder.ts";
export * from "./decoder_stream.ts";
export * from "./track_url.ts";
export * from "./transport_header.ts";
export * from "./session_header.ts";
export * from "./rtp_info.ts";
export * from "./range.ts";
export { publishedMedia } from "./announcement.ts";
export * from "./authentication_headers.ts";
export * from "./authentication.ts";
export * from "./states.ts";
export * from "./tunnel.ts";
export * from "./server_events.ts";
export * from "./server_session.ts";
export { RtspSessionRegistry } from "./session_registry.ts";
export type { RtspSessionRegistryOptions, RtspSessionTimes } from "./session_table.ts";
export * from "./server_connection.ts";
export type * from "./server_connection_options.ts";
export * from "./session_sink.ts";
export type { RtspTransportPolicy } from "./transport_choice.ts";
export * from "./client_session.ts";
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
export { type Emit, SynchronousTransform, type SynchronousTransformer } from "../streams/mod.ts";
