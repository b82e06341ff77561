/**
 * The bytes that all players of a format share: RTMP chunks, FLV tags, and RTP in the frames of RTSP.
 *
 * @module
 */
export * from "./early.ts";
export * from "./flv_wire_format.ts";
export * from "./hls_packager.ts";
export * from "./hls_rendition.ts";
export * from "./mp4_wire_format.ts";
export * from "./rtsp_wire_format.ts";
export * from "./stream_frames.ts";
export * from "./ts_wire_format.ts";
