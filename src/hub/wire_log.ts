import type { MediaUnit } from "../media/mod.ts";
import type { HeaderSet } from "./header_set.ts";
import type { HubSettings } from "./options.ts";
import { WakeRounds } from "./wake_rounds.ts";
import { type CursorLog, WireCursor, type WireCursorOptions, type WireRun } from "./wire_cursor.ts";
import type { WireFormat, WireLogWriter, WireRoom } from "./wire_format.ts";
import { positionOf, type WirePlace, type WireSegment } from "./wire_place.ts";

/** Facts about a unit that the log needs in order to append it. */
export interface WireAppendContext {
  /** The headers in force after it. */
  readonly headers: HeaderSet;
  /** Whether a reader can start at it. */
  readonly startPoint: boolean;
}

/** Callbacks by which a log reports on its readers. */
export interface WireLogEvents {
  /** A reader has waited as long as it has to for a start, and goes on with audio alone. */
  readonly onAudioAlone?: () => void;
}

/**
 * What a message costs beside its bytes, about: bytes alone would let a publisher of the smallest messages
 * have millions of entries kept.
 */
const ENTRY_COST_BYTES = 128;

/** Units that are encoded together at most, so that one lost packet is no more than a short gap. */
const MOST_JOINED = 8;

/** Units of one track that wait to be encoded together. */
interface JoiningUnits {
  readonly units: MediaUnit[];
  readonly headers: HeaderSet;
  /** When the first of them came. */
  readonly arrivedMs: number;
}

/** A low-rate stream should not hold a megabyte. */
const FIRST_SEGMENT_BYTES = 64 * 1024;
const SEGMENT_BYTES = 1024 * 1024;

/**
 * The append-only log of one stream in one wire format. Units are encoded once, and every reader is
 * a {@linkcode WireCursor} into the same bytes.
 */
export class WireLog implements WireLogWriter, CursorLog {
  /** Total bytes ever appended: the position of the head. */
  head = 0;
  /** When the newest unit was appended, on the hub's clock in milliseconds. */
  headArrivedMs = 0;
  /** Messages appended so far. */
  messages = 0;
  /** Whether readers are not to start yet. */
  isHeld = false;
  #hadHeld = false;
  /** How units become bytes here. */
  readonly format: WireFormat;
  /** The settings of its stream. */
  settings: HubSettings;
  #segments: WireSegment[] = [];
  #newestStart: WirePlace | undefined;
  /** Readers to wake at the next flush: no set, since each player is added for each picture. */
  #waiting: WireCursor[] = [];
  /** Readers that look for a start. */
  #seeking = new Set<WireCursor>();
  /** Readers that go on with audio alone until there is a start. */
  #listening = new Set<WireCursor>();
  readonly #events: WireLogEvents;
  #cursors = new Set<WireCursor>();
  /** Memory that all messages ever appended have taken, in bytes. */
  #cost = 0;
  /** The preamble that was made last: all who start at the same place share it. */
  #preamble:
    | { readonly headers: HeaderSet; readonly timeUs: number; readonly bytes: Uint8Array }
    | undefined;
  /** The view that was given out last, and where it begins. */
  #view:
    | { readonly segment: WireSegment; readonly start: number; readonly bytes: Uint8Array }
    | undefined;
  /** The messages that were given out last, and where they begin. */
  #run:
    | { readonly segment: WireSegment; readonly from: number; readonly run: WireRun }
    | undefined;
  #joining: JoiningUnits | undefined;
  /** The unit that is being appended. */
  #unit: MediaUnit | undefined;
  #headers: HeaderSet | undefined;
  /** Where its first message is. */
  #unitStart: Omit<WirePlace, "end"> & { readonly headerBytes: number } | undefined;

  /** Whether fewer and larger writes cost its readers less. */
  readonly gathers: boolean;

  /** Makes an empty log that encodes by `format`. */
  constructor(
    format: WireFormat,
    settings: HubSettings,
    { events = {}, gathers = true }: {
      readonly events?: WireLogEvents;
      readonly gathers?: boolean;
    } = {},
  ) {
    this.format = format;
    this.gathers = gathers;
    this.settings = settings;
    this.#events = events;
  }

  /** Number of readers. */
  get readers(): number {
    return this.#cursors.size;
  }

  /** Bytes of memory that it holds, about: segments, messages, their headers, and what readers begin with. */
  get heldBytes(): number {
    let held = 0;
    for (const { bytes, entries, headerBytes } of this.#segments) {
      held += bytes.length + entries.length * ENTRY_COST_BYTES + headerBytes;
    }
    const preambles = new Set([this.#preamble?.bytes.buffer]);
    for (const { preamble } of this.#cursors) preambles.add(preamble.buffer);
    for (const buffer of preambles) held += buffer?.byteLength ?? 0;
    return held;
  }

  /** The newest place where a reader can start, if it is still kept; none while readers are held. */
  get newestStart(): WirePlace | undefined {
    return this.isHeld ? undefined : this.#newestStart;
  }

  /**
   * Encodes `unit` and appends it, at the next flush at the latest.
   *
   * An error of the format is thrown on; nothing of the unit is then in the log.
   */
  append(unit: MediaUnit, { headers, startPoint }: WireAppendContext): void {
    const arrivedMs = this.settings.clock.now();
    const mayWait = this.settings.flush !== "unit" && !startPoint && !this.isHeld &&
      !this.#hadHeld && this.#seeking.size === 0 && this.format.joins?.(unit) === true;
    const [first] = this.#joining?.units ?? [];
    const isFull = this.#joining?.units.length === MOST_JOINED;
    const goesOn = mayWait && !isFull && first?.kind === unit.kind && first.track === unit.track;
    try {
      if (!goesOn) this.#appendJoined();
    } finally {
      if (goesOn) this.#joining!.units.push(unit);
      else if (mayWait) this.#joining = { units: [unit], headers, arrivedMs };
      else {
        const encode = (): void => this.format.encode(unit, this);
        this.#append(unit, { headers, startPoint, arrivedMs, encode });
      }
    }
  }

  /** Encodes the units that have waited for each other, and appends them. */
  #appendJoined(): void {
    const joining = this.#joining;
    if (joining === undefined) return;
    this.#joining = undefined;
    const { units, headers, arrivedMs } = joining;
    const encode = (): void => this.format.encodeJoined!(units, this);
    this.#append(units[0]!, { headers, startPoint: false, arrivedMs, encode });
  }

  #append(
    unit: MediaUnit,
    { headers, startPoint, arrivedMs, encode }: WireAppendContext & {
      readonly arrivedMs: number;
      readonly encode: () => void;
    },
  ): void {
    this.#unit = unit;
    this.#headers = headers;
    this.headArrivedMs = arrivedMs;
    this.#encode(encode);
    const isStart = startPoint && this.#unitStart !== undefined;
    if (isStart) this.#newestStart = { ...this.#unitStart!, end: this.head };
    if ((isStart || this.#hadHeld) && this.newestStart !== undefined) {
      for (const cursor of this.#seeking) cursor.found(this.newestStart);
      for (const cursor of this.#listening) cursor.found(this.newestStart);
      this.#seeking.clear();
      this.#listening.clear();
    } else if (unit.role === "media") this.#tellWaiting(unit);
    this.#hadHeld = this.isHeld;
    this.#unit = undefined;
    this.#dropOld();
  }

  /** Has readers wait for the next start: what came before is another publisher's. */
  forgetStart(): void {
    this.#newestStart = undefined;
    this.isHeld = false;
    for (const cursor of this.#seeking) cursor.waitAnew();
  }

  /** Keeps nothing but the newest segment: readers further back go on at the next start. */
  shed(): void {
    this.#segments.splice(0, this.#segments.length - 1);
    this.#preamble = undefined;
    this.#view = this.#run = undefined;
    if (this.#newestStart !== undefined && !this.has(this.#newestStart.segment)) {
      this.#newestStart = undefined;
    }
  }

  /** Opens room for one message of the unit that is being appended: for the format only. */
  reserve(length: number): WireRoom {
    const unit = this.#unit!;
    const headers = this.#headers!;
    let segment = this.#segments.at(-1);
    if (segment === undefined || isFull(segment, length)) segment = this.#addSegment(length);
    const start = segment.used;
    const before = segment.headerBytes;
    const headerBytes = headers.bytesBeside(segment.entries.at(-1)?.headers);
    segment.used += length;
    segment.headerBytes += headerBytes;
    this.head += length;
    this.messages++;
    this.#cost += length + ENTRY_COST_BYTES + headerBytes;
    segment.entries.push({
      start,
      end: segment.used,
      kind: unit.kind,
      track: unit.track,
      role: unit.role,
      timeUs: unit.dtsUs,
      arrivedMs: this.headArrivedMs,
      headers,
    });
    this.#unitStart ??= { segment, index: segment.entries.length - 1, headerBytes: before };
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
    const at = this.#waiting.indexOf(cursor);
    if (at >= 0) this.#waiting.splice(at, 1);
    this.#seeking.delete(cursor);
    this.#listening.delete(cursor);
  }

  /** Has `cursor` told of the next start. */
  seek(cursor: WireCursor): void {
    this.#seeking.add(cursor);
  }

  /** Has `cursor`, which does not wait yet, woken at the next flush. */
  wait(cursor: WireCursor): void {
    this.#waiting.push(cursor);
  }

  /** Has the readers woken that wait, all at once but for `rounds`; what they throw goes to `onError`. */
  flush(onError: (error: unknown) => void, rounds: WakeRounds = new WakeRounds()): void {
    try {
      this.#appendJoined();
    } catch (error) {
      onError(error);
    }
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    rounds.wake(waiting, onError);
  }

  /** The bytes (headers of the stream) that a reader must get before the message at a place. */
  preambleAt({ segment, index }: WirePlace): Uint8Array {
    const { headers, timeUs } = segment.entries[index]!;
    if (this.#preamble?.headers !== headers || this.#preamble.timeUs !== timeUs) {
      this.#preamble = { headers, timeUs, bytes: this.format.preamble(headers, timeUs) };
    }
    return this.#preamble.bytes;
  }

  /** Returns a view of a segment. Those who are up to date all ask for the same one, and share it. */
  view(segment: WireSegment, start: number, end: number): Uint8Array {
    const last = this.#view;
    if (last?.segment === segment && last.start === start && last.bytes.length === end - start) {
      return last.bytes;
    }
    const bytes = segment.bytes.subarray(start, end);
    this.#view = { segment, start, bytes };
    return bytes;
  }

  /** Returns the messages of a segment from one index up to another: readers at the same place share them. */
  run(segment: WireSegment, from: number, to: number): WireRun {
    const last = this.#run;
    if (
      last?.segment === segment && last.from === from && last.run.entries.length === to - from
    ) return last.run;
    const { bytes, entries } = segment;
    const run = { bytes, entries: entries.slice(from, to) };
    this.#run = { segment, from, run };
    return run;
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
  isWithinBounds(place: WirePlace): boolean {
    const { maxLagBytes, maxLagMs } = this.settings;
    const { arrivedMs } = place.segment.entries[place.index]!;
    return this.has(place.segment) && this.head - positionOf(place) <= maxLagBytes &&
      this.headArrivedMs - arrivedMs <= maxLagMs;
  }

  /** Readers that have waited long enough for a start begin at `unit`, which is audio. */
  #tellWaiting(unit: MediaUnit): void {
    const start = this.#unitStart;
    for (const cursor of this.#seeking) {
      if (!cursor.waited(unit) || start === undefined) continue;
      cursor.listen({ segment: start.segment, index: start.index, end: this.head });
      this.#seeking.delete(cursor);
      this.#listening.add(cursor);
      this.#events.onAudioAlone?.();
    }
  }

  #addSegment(atLeast: number): WireSegment {
    const last = this.#segments.at(-1);
    // One that is full of headers may have few messages.
    const size = last === undefined || last.headerBytes >= SEGMENT_BYTES
      ? FIRST_SEGMENT_BYTES
      : Math.min(SEGMENT_BYTES, Math.max(FIRST_SEGMENT_BYTES, last.bytes.length * 2));
    const segment: WireSegment = {
      id: last === undefined ? 0 : last.id + 1,
      base: this.head,
      messagesBefore: this.messages,
      costBefore: this.#cost,
      bytes: new Uint8Array(Math.max(size, atLeast)),
      used: 0,
      entries: [],
      headerBytes: 0,
    };
    this.#segments.push(segment);
    return segment;
  }

  #encode(encode: () => void): void {
    this.#unitStart = undefined;
    const { messages } = this;
    try {
      encode();
    } catch (error) {
      this.#takeBack();
      this.messages = messages;
      throw error;
    }
  }

  /** Removes the messages of the unit that is being appended. */
  #takeBack(): void {
    if (this.#unitStart === undefined) return;
    const { segment, index, headerBytes } = this.#unitStart;
    this.#segments = this.#segments.filter(({ id }) => id <= segment.id);
    segment.used = segment.entries[index]!.start;
    segment.entries.length = index;
    segment.headerBytes = headerBytes;
    if (index === 0) this.#segments.pop();
    this.head = segment.base + segment.used;
    this.#cost = segment.costBefore + costOf(segment);
  }

  /** Drops segments that no reader within its bounds can need. */
  #dropOld(): void {
    const { maxLagBytes, maxLagMs, maxGopBytes } = this.settings;
    while (this.#segments.length > 1) {
      const oldest = this.#segments[0]!;
      const behind = this.#cost - oldest.costBefore - costOf(oldest);
      const newest = oldest.entries.at(-1)!;
      const isOld = behind > maxLagBytes || this.headArrivedMs - newest.arrivedMs > maxLagMs;
      if (!isOld) return;
      if (this.#newestStart?.segment === oldest) {
        if (behind <= maxGopBytes) return;
        this.#newestStart = undefined;
      }
      this.#segments.shift();
      this.#view = this.#run = undefined;
    }
  }
}

/** Whether a message of `length` bytes needs another segment. */
function isFull({ used, bytes, headerBytes }: WireSegment, length: number): boolean {
  return used + length > bytes.length || headerBytes >= SEGMENT_BYTES;
}

/** Memory that a segment takes, in bytes, without the part of it that is not in use yet. */
function costOf({ used, entries, headerBytes }: WireSegment): number {
  return used + entries.length * ENTRY_COST_BYTES + headerBytes;
}
