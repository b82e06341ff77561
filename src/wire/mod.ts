/**
 * The bytes that all players of a format share: RTMP chunks, FLV tags, and RTP in the frames of RTSP.
 *
 * @module
 */
export * from "./both_laws.ts";
export * from "./flv_body_source.ts";
export * from "./flv_wire_format.ts";
export * from "./hls_packager.ts";
export * from "./hls_rendition.ts";
export * from "./left_out.ts";
export * from "./mp4_wire_format.ts";
export * from "./rtmp_capabilities.ts";
export * from "./rtmp_wire_format.ts";
export * from "./rtsp_wire_format.ts";
export * from "./stream_frames.ts";
export * from "./stream_tracks.ts";
export * from "./track_choice.ts";
export * from "./ts_wire_format.ts";
