/**
 * HTTP: streams for players and from publishers by plain requests, and whatever else the server offers by HTTP.
 *
 * @module
 */
export type { SharedOrigins } from "./cross_origin.ts";
export * from "./health_routes.ts";
export type { HlsOptions, HlsRowOptions } from "./hls_options.ts";
export type { HlsPackagingOptions } from "../../wire/mod.ts";
export * from "./http_door.ts";
export { HttpExchange, type LastingAnswer } from "./http_exchange.ts";
export type * from "./http_output.ts";
export type { HttpRequestInfo } from "./http_request_info.ts";
export type * from "./http_routes.ts";
export * from "./http_visit.ts";
export * from "./json_answer.ts";
export * from "./play_refusal.ts";
export type * from "./player_socket.ts";
export * from "./proof.ts";
export { rangeOf } from "./representation.ts";
export type { WebRtcOptions } from "./webrtc/webrtc.ts";
export * from "./whole_answer.ts";
export type { IncomingRequest } from "./incoming_request.ts";
