/**
 * RTSP and RTSPS clients, and their RTP over UDP and multicast.
 *
 * @module
 */
export { MulticastGroups, type MulticastOptions, parseMulticastRange } from "./multicast_groups.ts";
export * from "./rtp_sockets.ts";
export * from "./rtsp_front.ts";
export * from "./rtsp_service.ts";
export type * from "./rtsp_statistics.ts";
