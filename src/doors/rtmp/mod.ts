/**
 * RTMP and RTMPS clients.
 *
 * @module
 */
export * from "./rtmp_door.ts";
