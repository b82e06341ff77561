/**
 * RTSP and RTSPS clients, and their RTP over UDP and multicast.
 *
 * @module
 */
export type * from "./rtsp_parts.ts";
export { type MulticastOptions, parseMulticastRange } from "./multicast_groups.ts";
export * from "./rtsp_door.ts";
export type { RtspChangePolicy, RtspServiceOptions } from "./rtsp_service.ts";
export type * from "./rtsp_statistics.ts";
