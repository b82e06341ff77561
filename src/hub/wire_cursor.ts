import type { HeaderSet } from "./header_set.ts";
import type { StartPolicy } from "./options.ts";
import type { WireEntry, WireLog, WirePlace, WireSegment } from "./wire_log.ts";

/** Settings of one reader. */
export interface WireCursorOptions {
  /** Where to start; the hub's policy by default. */
  readonly start?: StartPolicy;
}

/** Whole messages, one behind the other, in one segment of the log. */
export interface WireRun {
  /** The segment's bytes; the messages are where the entries say. */
  readonly bytes: Uint8Array;
  /** The messages in order. */
  readonly entries: readonly WireEntry[];
}

const NOTHING = new Uint8Array(0);

/**
 * One reader's place in a {@linkcode WireLog}: what a player costs.
 *
 * The reader asks for `next` bytes, writes them, and says by `advance` how many have left; when there
 * is nothing it calls `wait`. A reader that lags over the bounds finishes the message it is in and
 * goes on at the newest key frame, or, where that lies behind it, at the next.
 *
 * Views that it hands out are never overwritten, and stay valid as long as they are held.
 */
export class WireCursor {
  /** How often the reader was too slow and had to skip. */
  skips = 0;
  /** Bytes that have left. */
  bytes = 0;
  /** Messages up to the last move to a start, and how many stood before the cursor then. */
  #messages = 0;
  #messagesBefore = 0;
  readonly #log: WireLog;
  readonly #start: StartPolicy;
  #segment: WireSegment | undefined;
  #offset = 0;
  #preamble: Uint8Array = NOTHING;
  /** Headers that the reader had when it came to `#headersAt` in the segment. */
  #headers: HeaderSet | undefined;
  #headersAt = 0;
  /** Looking for a start at or after this position; undefined while running. */
  #seekFrom: number | undefined;
  /** The first start that came while it looked for one. */
  #found: WirePlace | undefined;
  /** To look for a start as soon as the message that it is in has left. */
  #mustRestart = false;
  /** Position in the log behind the one key frame that is shown as a still picture. */
  #stillEnd: number | undefined;
  /** Position in the log that it does not read beyond. */
  #last: number | undefined;
  /** How far back it was allowed to start. */
  #startLagBytes = 0;
  #startLagMs = 0;
  /** Bytes were handed out, and have not left yet. */
  #isWriting = false;
  #onWake: (() => void) | undefined;
  #closed = false;

  /** Opened by {@linkcode WireLog.open}. */
  constructor(log: WireLog, options: WireCursorOptions) {
    this.#log = log;
    this.#start = options.start ?? log.settings.start;
    this.#seekFrom = this.#start === "none" ? log.head : 0;
    if (this.#placeFrom(this.#seekFrom) === undefined) log.seek(this);
  }

  /** Whole messages that have left; those of preambles are not counted. */
  get messages(): number {
    return this.#messages + this.#messageIndex() - this.#messagesBefore;
  }

  /** Bytes between the reader and the head; 0 while it waits for a start. */
  get lagBytes(): number {
    return this.#segment === undefined || this.#seekFrom !== undefined
      ? 0
      : this.#log.head - this.#position;
  }

  /**
   * Time between the arrival of what the reader is to have next and of the newest unit, milliseconds;
   * 0 while it waits for a start. By arrival, since what a publisher says of time may jump.
   */
  get lagMs(): number {
    if (this.lagBytes === 0) return 0;
    const entry = this.#segment!.entries[this.#entryIndex()];
    return entry === undefined ? 0 : this.#log.headArrivedMs - entry.arrivedMs;
  }

  /** Whether the reader stands between two messages, so that others may be put in here. */
  get atBoundary(): boolean {
    if (this.#preamble.length > 0) return false;
    const segment = this.#segment;
    if (segment === undefined || this.#offset === segment.used) return true;
    return segment.entries[this.#entryIndex()]!.start === this.#offset;
  }

  /**
   * Returns what the reader should write next, as one view, or `undefined` when it has all.
   *
   * With `onlyMessage`, nothing but the rest of the message that it is in: `undefined` at a boundary.
   */
  next(onlyMessage = false): Uint8Array | undefined {
    const bytes = this.#next(onlyMessage);
    this.#isWriting = bytes !== undefined;
    return bytes;
  }

  /** Says that the first `count` bytes of what `next` returned have left. */
  advance(count: number): void {
    this.#isWriting = false;
    this.bytes += count;
    if (this.#preamble.length > 0) {
      this.#preamble = this.#preamble.subarray(count);
      return;
    }
    this.#offset += count;
  }

  /**
   * Returns whole messages that the reader has not had yet, and passes over them: for readers that do
   * not want the bytes as they are. Only at a boundary, and without the preamble: see `takePreamble`.
   */
  takeRun(): WireRun | undefined {
    if (!this.#settle()) return undefined;
    const run = this.#run();
    const length = this.#end - this.#offset;
    this.bytes += length;
    this.#offset += length;
    return run;
  }

  /** Returns what `takeRun` would, without passing over it; `undefined` during a write. */
  peekRun(): WireRun | undefined {
    return !this.#isWriting && this.#settle() ? this.#run() : undefined;
  }

  /** Takes the preamble that is due before the next message; empty when none is. */
  takePreamble(): Uint8Array {
    const preamble = this.#preamble;
    this.#preamble = NOTHING;
    this.bytes += preamble.length;
    return preamble;
  }

  /** Has `onWake` called once, at the log's next flush. */
  wait(onWake: () => void): void {
    this.#onWake = onWake;
    if (!this.#closed) this.#log.wait(this);
  }

  /** Called by the log. */
  wake(): void {
    const onWake = this.#onWake;
    this.#onWake = undefined;
    if (!this.#closed) onWake?.();
  }

  /** Called by the log: the start that it asked for has come. */
  found(place: WirePlace): void {
    this.#found = place;
  }

  /**
   * Goes on at the newest start after all that the reader has had, as after a pause; the message that
   * it is in is finished first.
   */
  restart(): void {
    this.#mustRestart = this.#seekFrom === undefined;
  }

  /** The position in the log behind all that there is so far: for `stopAt`. */
  get head(): number {
    return this.#log.head;
  }

  /**
   * Gives nothing that lies beyond `position`, a `head` of before, but for the rest of the message that it is
   * in. What lies before is given however long the reader takes, as far as the log still has it.
   */
  stopAt(position: number): void {
    this.#last = position;
  }

  /** Leaves the log. */
  close(): void {
    this.#closed = true;
    this.#onWake = undefined;
    this.#log.close(this);
  }

  get #position(): number {
    return this.#segment === undefined ? 0 : this.#segment.base + this.#offset;
  }

  /** Where what can be read now ends in the segment. */
  get #end(): number {
    const { base, used } = this.#segment!;
    const end = Math.min(this.#stillEnd ?? Infinity, this.#last ?? Infinity);
    return Math.min(used, end - base);
  }

  #next(onlyMessage: boolean): Uint8Array | undefined {
    if (this.#preamble.length > 0) return this.#preamble;
    if (onlyMessage && this.atBoundary) return undefined;
    if (!this.#settle()) return undefined;
    if (this.#preamble.length > 0) return this.#preamble;
    const { bytes, entries } = this.#segment!;
    const entry = entries[this.#entryIndex()]!;
    const end = this.#end;
    const isLast = onlyMessage || entry.end > end ||
      (entry.start !== this.#offset && (this.#mustRestart || this.#isLagging()));
    return bytes.subarray(this.#offset, isLast ? entry.end : end);
  }

  #run(): WireRun {
    const { bytes, entries } = this.#segment!;
    const end = this.#end;
    let to = entries.length;
    while (entries[to - 1]!.end > end) to--;
    return { bytes, entries: entries.slice(this.#entryIndex(), to) };
  }

  /** Makes sure that there is a message to read at the cursor. */
  #settle(): boolean {
    if (this.#seekFrom === undefined) this.#stepOverEnd();
    if (this.#seekFrom === undefined && this.atBoundary) {
      if (this.#mustRestart) this.#leave();
      else if (this.#isLagging()) {
        if (!this.#isAtNewestStart()) this.skips++;
        this.#leave();
      }
    }
    if (this.#isOver) return false;
    if (this.#seekFrom !== undefined && !this.#seek(this.#seekFrom)) return false;
    return this.#offset < this.#segment!.used;
  }

  /** At the end of a segment or of a still picture: goes on, or notes that it has caught up. */
  #stepOverEnd(): void {
    const segment = this.#segment!;
    if (this.#stillEnd !== undefined && this.#position >= this.#stillEnd) {
      this.#leave();
      return;
    }
    if (this.#offset < segment.used) return;
    const following = this.#log.segmentAfter(segment);
    if (following !== undefined) {
      this.#headers = this.#headersSeen();
      this.#headersAt = 0;
      this.#segment = following;
      this.#offset = 0;
    } else if (this.#log.has(segment)) {
      this.#startLagBytes = 0;
      this.#startLagMs = 0;
    }
  }

  /** Whether it has come to where it is to stop: what it would have to look for lies behind that. */
  get #isOver(): boolean {
    if (this.#last === undefined) return false;
    return this.#seekFrom !== undefined || (this.atBoundary && this.#position >= this.#last);
  }

  #isLagging(): boolean {
    if (this.#last !== undefined) return false;
    const { maxLagBytes, maxLagMs } = this.#log.settings;
    return !this.#log.has(this.#segment!) ||
      this.lagBytes > maxLagBytes + this.#startLagBytes ||
      this.lagMs > maxLagMs + this.#startLagMs;
  }

  #isAtNewestStart(): boolean {
    const place = this.#log.newestStart;
    return place !== undefined && positionOf(place) === this.#position;
  }

  /** From here on, which is between two messages, looks for a start. */
  #leave(): void {
    this.#headers = this.#headersSeen();
    this.#headersAt = this.#offset;
    this.#mustRestart = false;
    this.#stillEnd = undefined;
    this.#seekFrom = this.#position;
  }

  /**
   * Where to start, at or after `from`: at the newest start that there is; who had to wait begins with
   * the one that ended the wait, unless it has become too old meanwhile.
   */
  #placeFrom(from: number): WirePlace | undefined {
    const place = this.#found;
    if (place !== undefined && this.#log.isWithinBounds(place)) return place;
    const newest = this.#log.newestStart;
    return newest !== undefined && positionOf(newest) >= from ? newest : undefined;
  }

  /** Moves to a start at or after `from`. */
  #seek(from: number): boolean {
    const place = this.#placeFrom(from);
    if (place === undefined) {
      this.#log.seek(this);
      return false;
    }
    const { segment, index } = place;
    const entry = segment.entries[index]!;
    // What follows a picture that was waited for, or is the newest of all, is not missed.
    const isStill = this.#start === "key-frame" && this.#segment === undefined &&
      place !== this.#found && place.end < this.#log.head;
    this.#found = undefined;
    this.#messages = this.messages;
    this.#segment = segment;
    this.#offset = entry.start;
    this.#messagesBefore = this.#messageIndex();
    this.#seekFrom = undefined;
    this.#stillEnd = isStill ? place.end : undefined;
    if (this.#headers !== entry.headers) {
      this.#preamble = this.#log.format.preamble(entry.headers, entry.timeUs);
    }
    this.#headers = entry.headers;
    this.#headersAt = entry.start;
    this.#startLagBytes = this.lagBytes;
    this.#startLagMs = this.lagMs;
    return true;
  }

  /** The headers in force after the last whole message that the reader has had. */
  #headersSeen(): HeaderSet | undefined {
    if (this.#offset === this.#headersAt) return this.#headers;
    const { entries, used } = this.#segment!;
    const index = this.#offset === used ? entries.length : this.#entryIndex();
    return entries[index - 1]!.headers;
  }

  /** Messages in the whole log before the one that the cursor is in. */
  #messageIndex(): number {
    return this.#segment === undefined ? 0 : this.#segment.messagesBefore + this.#entryIndex();
  }

  /** Index of the entry that holds the byte at the cursor. */
  #entryIndex(): number {
    const { entries } = this.#segment!;
    let low = 0;
    let high = entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (entries[middle]!.end <= this.#offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function positionOf(place: WirePlace): number {
  return place.segment.base + place.segment.entries[place.index]!.start;
}
