/**
 * Recording: streams written to files of MP4, Matroska, FLV or MPEG-TS as they were published, by rules, and kept for a time.
 *
 * @example Where the files of a stream go
 * ```ts
 * import { PathTemplate } from "@weir/server/record";
 *
 * const template = new PathTemplate("{name}/{date}/{time}");
 * console.log(template.pathOf({ name: "live/cam", startUnixMs: 0 })); // live/cam/1970-01-01/00-00-00-000
 * ```
 *
 * @module
 */
export * from "./clip_store.ts";
export * from "./folder_store.ts";
export * from "./memory_store.ts";
export * from "./name_path.ts";
export * from "./past_player.ts";
export * from "./past_units.ts";
export * from "./path_template.ts";
export * from "./recorder.ts";
export * from "./recorders.ts";
export * from "./recording_index.ts";
export * from "./recording_playback.ts";
export { checkRecordingRule, type RecordingRule } from "./recording_rule.ts";
export * from "./recording_store.ts";
export * from "./recordings.ts";
export * from "./record_stream.ts";
export { type S3Access, s3Endpoint } from "./s3_requests.ts";
export * from "./s3_store.ts";
export * from "./segment_structure.ts";
export * from "./retention.ts";
export { RECORDING_FORMATS, type RecordingFormat } from "./segment_writer.ts";
