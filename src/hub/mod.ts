/**
 * Streams by name, and their fan-out: one log of wire bytes a format, one cursor a player.
 *
 * The hub knows neither sockets nor protocols. A {@linkcode WireFormat} turns units into bytes once;
 * every reader of that format writes the same bytes from its own place.
 *
 * @example A format that copies bodies as they are, and a player of it
 * ```ts
 * import { Hub, type WireFormat } from "@weir/server/hub";
 *
 * const bodies: WireFormat = {
 *   encode({ payload }, log) {
 *     if (payload.format !== "flv") return;
 *     const room = log.reserve(payload.body.length);
 *     room.bytes.set(payload.body, room.offset);
 *   },
 *   preamble: () => new Uint8Array(0),
 * };
 *
 * // Time is passed in. In this example it stands still.
 * const hub = new Hub({ clock: { now: () => 0, setTimer: () => ({ cancel() {} }) } });
 * const publication = hub.acquire("live/cam", { identity: "10.0.0.7" });
 * const player = publication.stream.read({ format: "bodies", create: () => bodies });
 * publication.write({
 *   kind: "audio",
 *   role: "media",
 *   track: 0,
 *   dtsUs: 0,
 *   ptsUs: 0,
 *   keyFrame: true,
 *   discardable: false,
 *   payload: { format: "flv", body: new Uint8Array([0xaf, 1, 0x21]) },
 * });
 * const bytes = player.cursor.next(); // what a connection writes, and then says by `advance`
 * console.log(bytes?.length); // 3
 * player.close();
 * publication.release();
 * ```
 *
 * @module
 */
export { type Clock, pause, type Timer } from "../time/mod.ts";
export type {
  CodecName,
  MediaUnit,
  RtpMapping,
  Track,
  TrackKind,
  UnitPayload,
  UnitRole,
} from "../media/mod.ts";
export * from "./back_channel.ts";
export * from "./errors.ts";
export type { ReaderRequest, StreamEndReason, StreamReader } from "./fan_out.ts";
export * from "./header_set.ts";
export * from "./hub.ts";
export * from "./options.ts";
export * from "./publication.ts";
export * from "./stream.ts";
export * from "./stream_name.ts";
export * from "./stream_queue.ts";
export type * from "./stream_statistics.ts";
export * from "./unit_bytes.ts";
export * from "./unit_queue.ts";
export * from "./wake_rounds.ts";
export * from "./wire_cursor.ts";
export * from "./wire_format.ts";
export * from "./wire_log.ts";
export * from "./wire_place.ts";
