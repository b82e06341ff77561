/**
 * What of RTSP is needed while nobody speaks it: its error and its URLs, and the frames of WebSocket, which HTTP has too.
 *
 * @module
 */
export * from "./errors.ts";
export * from "./url.ts";
export * from "./websocket.ts";
