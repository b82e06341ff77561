import type { MediaUnit, TrackKind, UnitRole } from "../media/mod.ts";
import type { HeaderSet } from "./header_set.ts";
import type { HubSettings } from "./options.ts";
import { WireCursor, type WireCursorOptions } from "./wire_cursor.ts";

/**
 * How units become bytes for one kind of player. One instance serves one stream, so that it may
 * keep sequence numbers and the like.
 */
export interface WireFormat {
  /** Appends the bytes of `unit`, none or several messages of them. */
  encode(unit: MediaUnit, log: WireLogWriter): void;
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
  /** What the unit that it is of is for. */
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
  /** The bytes, in use and not. */
  readonly bytes: Uint8Array;
  /** Bytes in use. */
  used: number;
  /** Its messages in order. */
  readonly entries: WireEntry[];
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

/** What the log must know of a unit that is appended. */
export interface WireAppendContext {
  /** The headers in force after it. */
  readonly headers: HeaderSet;
  /** Whether a reader can start at it. */
  readonly startPoint: boolean;
}

/**
 * What a message costs beside its bytes, about: bytes alone would let a publisher of the smallest messages
 * have millions of entries kept.
 */
const ENTRY_COST_BYTES = 128;

/** A low-rate stream should not hold a megabyte. */
const FIRST_SEGMENT_BYTES = 64 * 1024;
const SEGMENT_BYTES = 1024 * 1024;

/**
 * The append-only log of one stream in one wire format. Units are encoded once, and every reader is
 * a {@linkcode WireCursor} into the same bytes.
 */
export class WireLog implements WireLogWriter {
  /** Total bytes ever appended: the position of the head. */
  head = 0;
  /** When the newest unit was appended, on the hub's clock in milliseconds. */
  headArrivedMs = 0;
  /** Messages appended so far. */
  messages = 0;
  /** How units become bytes here. */
  readonly format: WireFormat;
  /** The hub's settings. */
  readonly settings: HubSettings;
  #segments: WireSegment[] = [];
  #newestStart: WirePlace | undefined;
  #waiting = new Set<WireCursor>();
  /** Readers that look for a start. */
  #seeking = new Set<WireCursor>();
  #cursors = new Set<WireCursor>();
  /** What is being appended. */
  #unit: MediaUnit | undefined;
  #headers: HeaderSet | undefined;
  /** Where its first message is. */
  #unitStart: Omit<WirePlace, "end"> | undefined;

  /** Makes an empty log that encodes by `format`. */
  constructor(format: WireFormat, settings: HubSettings) {
    this.format = format;
    this.settings = settings;
  }

  /** Number of readers. */
  get readers(): number {
    return this.#cursors.size;
  }

  /** Bytes of memory that it holds, about. */
  get heldBytes(): number {
    return this.#segments.reduce(
      (sum, { bytes, entries }) => sum + bytes.length + entries.length * ENTRY_COST_BYTES,
      0,
    );
  }

  /** The newest place where a reader can start, if it is still kept. */
  get newestStart(): WirePlace | undefined {
    return this.#newestStart;
  }

  /**
   * Encodes `unit` and appends it.
   *
   * An error of the format is thrown on; nothing of the unit is then in the log.
   */
  append(unit: MediaUnit, { headers, startPoint }: WireAppendContext): void {
    this.#unit = unit;
    this.#headers = headers;
    this.headArrivedMs = this.settings.clock.now();
    this.#encode(unit);
    if (startPoint && this.#unitStart !== undefined) {
      this.#newestStart = { ...this.#unitStart, end: this.head };
      for (const cursor of this.#seeking) cursor.found(this.#newestStart);
      this.#seeking.clear();
    }
    this.#unit = undefined;
    this.#dropOld();
  }

  /** Has readers wait for the next start: what came before is another publisher's. */
  forgetStart(): void {
    this.#newestStart = undefined;
  }

  /** Keeps nothing but the newest segment: readers further back go on at the next start. */
  shed(): void {
    this.#segments.splice(0, this.#segments.length - 1);
    if (this.#newestStart !== undefined && !this.has(this.#newestStart.segment)) {
      this.#newestStart = undefined;
    }
  }

  /** Opens room for one message of the unit that is being appended: for the format only. */
  reserve(length: number): WireRoom {
    const unit = this.#unit!;
    let segment = this.#segments.at(-1);
    if (segment === undefined || segment.used + length > segment.bytes.length) {
      segment = this.#addSegment(length);
    }
    const start = segment.used;
    segment.used += length;
    this.head += length;
    this.messages++;
    segment.entries.push({
      start,
      end: segment.used,
      kind: unit.kind,
      track: unit.track,
      role: unit.role,
      timeUs: unit.dtsUs,
      arrivedMs: this.headArrivedMs,
      headers: this.#headers!,
    });
    this.#unitStart ??= { segment, index: segment.entries.length - 1 };
    return { bytes: segment.bytes, offset: start };
  }

  /** Adds a reader. */
  open(options: WireCursorOptions = {}): WireCursor {
    const cursor = new WireCursor(this, options);
    this.#cursors.add(cursor);
    return cursor;
  }

  /** Removes a reader. */
  close(cursor: WireCursor): void {
    this.#cursors.delete(cursor);
    this.#waiting.delete(cursor);
    this.#seeking.delete(cursor);
  }

  /** Has `cursor` told of the next start. */
  seek(cursor: WireCursor): void {
    this.#seeking.add(cursor);
  }

  /** Has `cursor` woken at the next flush. */
  wait(cursor: WireCursor): void {
    this.#waiting.add(cursor);
  }

  /** Wakes the readers that wait; what they throw goes to `onError`. */
  flush(onError: (error: unknown) => void): void {
    const waiting = this.#waiting;
    if (waiting.size === 0) return;
    this.#waiting = new Set();
    for (const cursor of waiting) {
      try {
        cursor.wake();
      } catch (error) {
        onError(error);
      }
    }
  }

  /** The segment after `segment`, or `undefined` when it is the last or has been dropped. */
  segmentAfter(segment: WireSegment): WireSegment | undefined {
    const first = this.#segments[0];
    return first === undefined ? undefined : this.#segments[segment.id + 1 - first.id];
  }

  /** Whether `segment` is still part of the log. */
  has(segment: WireSegment): boolean {
    const first = this.#segments[0];
    return first !== undefined && segment.id >= first.id;
  }

  /** Whether a reader that starts there now lags no more than is allowed. */
  isWithinBounds({ segment, index }: WirePlace): boolean {
    const { maxLagBytes, maxLagMs } = this.settings;
    const { start, arrivedMs } = segment.entries[index]!;
    return this.has(segment) && this.head - (segment.base + start) <= maxLagBytes &&
      this.headArrivedMs - arrivedMs <= maxLagMs;
  }

  #addSegment(atLeast: number): WireSegment {
    const last = this.#segments.at(-1);
    const size = last === undefined
      ? FIRST_SEGMENT_BYTES
      : Math.min(SEGMENT_BYTES, Math.max(FIRST_SEGMENT_BYTES, last.bytes.length * 2));
    const segment: WireSegment = {
      id: last === undefined ? 0 : last.id + 1,
      base: this.head,
      messagesBefore: this.messages,
      bytes: new Uint8Array(Math.max(size, atLeast)),
      used: 0,
      entries: [],
    };
    this.#segments.push(segment);
    return segment;
  }

  #encode(unit: MediaUnit): void {
    this.#unitStart = undefined;
    const { messages } = this;
    try {
      this.format.encode(unit, this);
    } catch (error) {
      this.#takeBack();
      this.messages = messages;
      throw error;
    }
  }

  /** Removes the messages of the unit that is being appended. */
  #takeBack(): void {
    if (this.#unitStart === undefined) return;
    const { segment, index } = this.#unitStart;
    this.#segments = this.#segments.filter(({ id }) => id <= segment.id);
    segment.used = segment.entries[index]!.start;
    segment.entries.length = index;
    if (index === 0) this.#segments.pop();
    this.head = segment.base + segment.used;
  }

  /** Drops segments that no reader within its bounds can need. */
  #dropOld(): void {
    const { maxLagBytes, maxLagMs, maxGopBytes } = this.settings;
    while (this.#segments.length > 1) {
      const oldest = this.#segments[0]!;
      const { base, used, messagesBefore, entries } = oldest;
      const behind = this.head - (base + used) +
        (this.messages - (messagesBefore + entries.length)) * ENTRY_COST_BYTES;
      const newest = entries.at(-1)!;
      const isOld = behind > maxLagBytes || this.headArrivedMs - newest.arrivedMs > maxLagMs;
      if (!isOld) return;
      if (this.#newestStart?.segment === oldest) {
        if (behind <= maxGopBytes) return;
        this.#newestStart = undefined;
      }
      this.#segments.shift();
    }
  }
}
