import type { MediaUnit, TrackKind } from "../media/mod.ts";
import type { HeaderSet } from "./header_set.ts";

/**
 * How units become bytes for one kind of player. One instance serves one stream, so that it may
 * keep sequence numbers and the like.
 */
export interface WireFormat {
  /**
   * Whether units of a track become bytes here; all do where this is left out. Where no video does, players
   * start at audio. It may change where a unit shows more of its track.
   */
  carries?(kind: TrackKind, track: number): boolean;
  /**
   * Whether its preamble tells players which tracks there are, which they then wait for: they start when each track
   * that was announced has come, or 2 s of media after the first.
   */
  readonly tellsTracks?: boolean;
  /** Frames that it could not carry so far: broken ones, and those of codecs that its protocol has no form for. */
  readonly dropped?: number;
  /** Appends the bytes of `unit`, none or several messages of them. */
  encode(unit: MediaUnit, log: WireLogWriter): void;
  /**
   * Whether messages are saved where a unit of media is encoded together with those behind it: unless each unit wakes the
   * readers, it then waits for them, at most until readers are woken, and {@linkcode WireFormat.encodeJoined} is called for them in place of `encode`.
   */
  joins?(unit: MediaUnit): boolean;
  /** Appends the bytes of units of one track, in order, of each of which `joins` has said that it may wait. */
  encodeJoined?(units: readonly MediaUnit[], log: WireLogWriter): void;
  /**
   * Returns the bytes that a player needs before the unit at `timeUs`, for the headers in force
   * there; empty when its protocol tells them elsewhere.
   */
  preamble(headers: HeaderSet, timeUs: number): Uint8Array;
}

/** Where a {@linkcode WireFormat} puts its bytes. */
export interface WireLogWriter {
  /**
   * Opens room for one message of exactly `length` bytes, to be filled before the next call.
   * The message is whole in one segment.
   */
  reserve(length: number): WireRoom;
}

/** Room for one message: write to `bytes` from `offset` on. */
export interface WireRoom {
  /** The segment's bytes; what is outside of the room is not to be touched. */
  readonly bytes: Uint8Array;
  /** Where the room begins in them. */
  readonly offset: number;
}
