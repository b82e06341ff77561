/**
 * What servers and players of RTMP, and those who convert, need of the formats that players share: those of RTSP, HLS,
 * MP4 and MPEG-TS are loaded when somebody plays them.
 *
 * @module
 */
export * from "./both_laws.ts";
export * from "./flv_body_source.ts";
export * from "./left_out.ts";
export * from "./rtmp_capabilities.ts";
export * from "./rtmp_wire_format.ts";
export * from "./stream_tracks.ts";
export * from "./track_choice.ts";
