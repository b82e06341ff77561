/**
 * Streams by name, and their fan-out: one log of wire bytes a format, one cursor a player.
 *
 * The hub knows neither sockets nor protocols. A {@linkcode WireFormat} turns units into bytes once;
 * every reader of that format writes the same bytes from its own place.
 *
 * @module
 */
export type {
  CodecName,
  MediaUnit,
  RtpMapping,
  Track,
  TrackKind,
  UnitPayload,
  UnitRole,
} from "../media/mod.ts";
export * from "./clock.ts";
export * from "./errors.ts";
export * from "./header_set.ts";
export * from "./hub.ts";
export * from "./options.ts";
export * from "./publication.ts";
export * from "./stream.ts";
export * from "./stream_name.ts";
export * from "./stream_queue.ts";
export * from "./unit_bytes.ts";
export * from "./unit_queue.ts";
export * from "./wire_cursor.ts";
export * from "./wire_log.ts";
