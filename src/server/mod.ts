/**
 * The server: sockets, timers and permissions around the sessions and the hub.
 *
 * @module
 */
export * from "./address.ts";
export type { ServerTiming } from "./context.ts";
export * from "./errors.ts";
export * from "./hooks.ts";
export type { LogFields, ServerLog } from "./log.ts";
export type { RtspServiceOptions } from "./rtsp_service.ts";
export * from "./server.ts";
export type { StreamPair } from "../transport/mod.ts";
