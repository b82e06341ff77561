/**
 * Conversions between what publishers send, units, and what players take: pure functions.
 *
 * @module
 */
export type { MediaUnit, TrackKind, UnitPayload, UnitRole } from "../media/mod.ts";
export * from "./flv_unit.ts";
export type { CodedFrame, FrameTiming } from "./coded_frame.ts";
export * from "./flv_remuxer.ts";
export * from "./flv_tracks.ts";
export * from "./frame_reader.ts";
export * from "./rtp_ingest.ts";
export * from "./rtp_remuxer.ts";
export * from "./sdp_of_tracks.ts";
export * from "./track_config.ts";
export * from "./tracks_of_sdp.ts";
export * from "./unsupported_track.ts";
