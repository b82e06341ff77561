import type { TrackKind, UnitRole } from "../media/mod.ts";
import type { HeaderSet } from "./header_set.ts";

/** One message in the log. */
export interface WireEntry {
  /** First byte, as an index into the segment. */
  readonly start: number;
  /** Behind the last byte, as an index into the segment. */
  readonly end: number;
  /** Kind of the unit that it is of. */
  readonly kind: TrackKind;
  /** Track of the unit that it is of. */
  readonly track: number;
  /** The role of the unit that the message is made of. */
  readonly role: UnitRole;
  /** Decoding time of the unit, microseconds. */
  readonly timeUs: number;
  /** When the unit was appended, on the hub's clock in milliseconds. */
  readonly arrivedMs: number;
  /** The headers in force after this message. */
  readonly headers: HeaderSet;
}

/** A part of the log; its bytes are written once and never again. */
export interface WireSegment {
  /** Number of the segment, counted from 0. */
  readonly id: number;
  /** Position of the first byte in the whole log. */
  readonly base: number;
  /** Messages in the whole log before it. */
  readonly messagesBefore: number;
  /** Memory that all messages before it in the log have taken, in bytes. */
  readonly costBefore: number;
  /** The bytes, in use and not. */
  readonly bytes: Uint8Array;
  /** Bytes in use. */
  used: number;
  /** Its messages in order. */
  readonly entries: WireEntry[];
  /** Bytes of the headers that its messages hold, each counted where it changes. */
  headerBytes: number;
}

/** A place where a reader can start. */
export interface WirePlace {
  /** Where the message is. */
  readonly segment: WireSegment;
  /** Index of its first message into the segment's entries. */
  readonly index: number;
  /** Position in the log behind the last message of its unit, which may be in a later segment. */
  readonly end: number;
}

/** Position in the whole log of the first byte at a place. */
export function positionOf({ segment, index }: WirePlace): number {
  return segment.base + segment.entries[index]!.start;
}
