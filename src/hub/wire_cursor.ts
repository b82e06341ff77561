import type { MediaUnit } from "../media/mod.ts";
import type { HeaderSet } from "./header_set.ts";
import type { HubSettings, StartPolicy } from "./options.ts";
import { isPicture, StartWait } from "./start_wait.ts";
import { positionOf, type WireEntry, type WirePlace, type WireSegment } from "./wire_place.ts";

/** Settings of one reader. */
export interface WireCursorOptions {
  /** Where to start; the hub's policy by default. */
  readonly start?: StartPolicy;
}

/** A run of whole messages that lie one behind the other in one segment of the log. */
export interface WireRun {
  /** The segment's bytes; the messages are where the entries say. */
  readonly bytes: Uint8Array;
  /** The messages in order. */
  readonly entries: readonly WireEntry[];
}

/** The messages that a reader has still to get. */
export interface WireAhead {
  /** The pieces that it would be given now, in order. */
  readonly runs: readonly WireRun[];
  /** Whether it is to have all that comes behind that, with nothing left out in between. */
  readonly goesOn: boolean;
}

/** The part of a log that its cursors use. */
export interface CursorLog {
  /** The settings of its stream. */
  readonly settings: HubSettings;
  /** Total bytes ever appended. */
  readonly head: number;
  /** When the newest unit was appended, on the hub's clock in milliseconds. */
  readonly headArrivedMs: number;
  /** The newest place where a reader can start, if it is still kept. */
  readonly newestStart: WirePlace | undefined;
  /** Whether `segment` is still part of the log. */
  has(segment: WireSegment): boolean;
  /** The segment after `segment`, or `undefined` when it is the last or has been dropped. */
  segmentAfter(segment: WireSegment): WireSegment | undefined;
  /** Whether a reader that starts there now lags no more than is allowed. */
  isWithinBounds(place: WirePlace): boolean;
  /** The bytes (headers of the stream) that a reader must get before the message at a place. */
  preambleAt(place: WirePlace): Uint8Array;
  /** Returns a view of a segment: readers at the same place share one. */
  view(segment: WireSegment, start: number, end: number): Uint8Array;
  /** Returns the messages of a segment from one index up to another: readers at the same place share them. */
  run(segment: WireSegment, from: number, to: number): WireRun;
  /** Has `cursor` told of the next start. */
  seek(cursor: WireCursor): void;
  /** Has `cursor`, which does not wait yet, woken at the next flush. */
  wait(cursor: WireCursor): void;
  /** Removes `cursor`. */
  close(cursor: WireCursor): void;
}

/** The one state that a cursor is in. */
type CursorState =
  /**
   * Looks for a start at or after a position; `found` is the first that came meanwhile, or, when the wait for
   * one is over, audio.
   */
  | {
    readonly is: "seeking";
    readonly from: number;
    readonly wait: StartWait;
    found: WirePlace | undefined;
    withoutPicture: boolean;
  }
  /** Reads on, but for pictures, up to where a start has come. */
  | { readonly is: "listening"; until: number }
  /** Reads on. */
  | { readonly is: "running" }
  /** Shows a key frame as a still picture, which ends at that position, and then looks for the next start. */
  | { readonly is: "still"; readonly end: number }
  /** Finishes the message that it is in, and then looks for a start. */
  | { readonly is: "leaving" };

const RUNNING: CursorState = { is: "running" };
const LEAVING: CursorState = { is: "leaving" };

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
  readonly #log: CursorLog;
  readonly #start: StartPolicy;
  #state: CursorState;
  /** Where it stands; `undefined` before its first start. */
  #segment: WireSegment | undefined;
  #offset = 0;
  /** Index of an entry at or before the one that the cursor is in: where to look for that. */
  #hint = 0;
  #preamble: Uint8Array = NOTHING;
  /** Headers that the reader had when it came to `#headersAt` in the segment. */
  #headers: HeaderSet | undefined;
  #headersAt = 0;
  /** Position in the log that it does not read beyond. */
  #last: number | undefined;
  /** How far back it was allowed to start. */
  #startLagBytes = 0;
  #startLagMs = 0;
  /** Bytes were handed out, and have not left yet. */
  #isWriting = false;
  #onWake: (() => void) | undefined;
  #isClosed = false;

  /** Opened by {@linkcode WireLog.open}. */
  constructor(log: CursorLog, options: WireCursorOptions) {
    this.#log = log;
    this.#start = options.start ?? log.settings.start;
    const from = this.#start === "none" ? log.head : 0;
    this.#state = seekingFrom(from);
    if (this.#placeFrom(from, undefined) === undefined) log.seek(this);
  }

  /** Number of whole messages that have been written. Messages of preambles are not counted. */
  get messages(): number {
    return this.#messages + this.#messageIndex() - this.#messagesBefore;
  }

  /** Bytes between the reader and the head; 0 while it waits for a start. */
  get lagBytes(): number {
    return this.#segment === undefined || this.#state.is === "seeking"
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

  /** What is due before the next message, as far as it has not left; empty when nothing is. */
  get preamble(): Uint8Array {
    return this.#preamble;
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
      const isOver = count === this.#preamble.length;
      this.#preamble = isOver ? NOTHING : this.#preamble.subarray(count);
      return;
    }
    this.#offset += count;
  }

  /**
   * Returns whole messages that the reader has not had yet, and passes over them: for readers that do
   * not want the bytes as they are. Only at a boundary, and without the preamble: see `takePreamble`.
   * Readers at the same place get the same object, so that what one makes of it can be kept for the others.
   */
  takeRun(): WireRun | undefined {
    if (!this.#settle()) return undefined;
    const run = this.#run();
    const length = this.#end - this.#offset;
    this.bytes += length;
    this.#offset += length;
    return run;
  }

  /**
   * Returns all that `takeRun` would give, one call after the other, without passing over it; `undefined` during a
   * write, since the reader is then not where it will go on.
   */
  peek(): WireAhead | undefined {
    if (this.#isWriting) return undefined;
    const runs = this.#settle() ? [this.#run()] : [];
    const goesOn = this.#state.is === "running" && this.#last === undefined;
    let segment = runs.length > 0 && goesOn ? this.#log.segmentAfter(this.#segment!) : undefined;
    for (; segment !== undefined; segment = this.#log.segmentAfter(segment)) {
      runs.push({ bytes: segment.bytes, entries: segment.entries });
    }
    return { runs, goesOn };
  }

  /** Takes the preamble that is due before the next message; empty when none is. */
  takePreamble(): Uint8Array {
    const preamble = this.#preamble;
    this.#preamble = NOTHING;
    this.bytes += preamble.length;
    return preamble;
  }

  /** Has `onWake` called once, at the log's next flush; never when it has left. */
  wait(onWake: () => void): void {
    if (this.#isClosed) return;
    if (this.#onWake === undefined) this.#log.wait(this);
    this.#onWake = onWake;
  }

  /** Called by the log; another one's wake-up may have closed this one. */
  wake(): void {
    const onWake = this.#onWake;
    this.#onWake = undefined;
    onWake?.();
  }

  /** Called by the log: the start that it asked for has come. */
  found(place: WirePlace): void {
    if (this.#state.is === "listening") this.#state.until = positionOf(place);
    if (this.#state.is !== "seeking") return;
    this.#state.found = place;
    this.#state.withoutPicture = false;
  }

  /** Called by the log while it looks for a start: whether it is to go on at this audio without one. */
  waited(unit: MediaUnit): boolean {
    return this.#state.is === "seeking" && this.#state.wait.isOverAt(unit);
  }

  /** Called by the log: the wait for a start is over, and it is to go on at this audio. */
  listen(place: WirePlace): void {
    if (this.#state.is !== "seeking") return;
    this.#state.found = place;
    this.#state.withoutPicture = true;
  }

  /** Called by the log: whoever publishes now has as long for a start as the one before. */
  waitAnew(): void {
    if (this.#state.is === "seeking") this.#state.wait.restart();
  }

  /**
   * Goes on at the newest start after all that the reader has had, as after a pause; the message that
   * it is in is finished first.
   */
  restart(): void {
    if (this.#state.is !== "seeking") this.#state = LEAVING;
  }

  /**
   * Goes on at the newest start that the log still has, though the reader has had it before: for players that ask for
   * a key frame since they have lost one. Only between two messages.
   */
  rewind(): void {
    if (this.#state.is === "seeking" || !this.atBoundary) return;
    this.#headers = this.#headersSeen();
    this.#headersAt = this.#offset;
    this.#state = seekingFrom(0);
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
    this.#isClosed = true;
    this.#onWake = undefined;
    this.#log.close(this);
  }

  get #position(): number {
    return this.#segment === undefined ? 0 : this.#segment.base + this.#offset;
  }

  /** Where what can be read now ends in the segment. */
  get #end(): number {
    const { base, used } = this.#segment!;
    const stillEnd = this.#state.is === "still" ? this.#state.end : Infinity;
    const end = Math.min(used, Math.min(stillEnd, this.#last ?? Infinity) - base);
    return this.#state.is === "listening" ? Math.min(end, this.#nextPicture) : end;
  }

  /** Where the next picture begins in the segment. */
  get #nextPicture(): number {
    const { entries } = this.#segment!;
    for (let index = this.#entryIndex(); index < entries.length; index++) {
      if (isPicture(entries[index]!)) return entries[index]!.start;
    }
    return Infinity;
  }

  #next(onlyMessage: boolean): Uint8Array | undefined {
    if (this.#preamble.length > 0) return this.#preamble;
    if (onlyMessage && this.atBoundary) return undefined;
    if (!this.#settle()) return undefined;
    if (this.#preamble.length > 0) return this.#preamble;
    const segment = this.#segment!;
    const entry = segment.entries[this.#entryIndex()]!;
    const end = this.#end;
    const isLast = onlyMessage || entry.end > end ||
      (entry.start !== this.#offset && (this.#state.is === "leaving" || this.#isLagging()));
    return this.#log.view(segment, this.#offset, isLast ? entry.end : end);
  }

  #run(): WireRun {
    const { entries } = this.#segment!;
    const end = this.#end;
    let to = entries.length;
    while (entries[to - 1]!.end > end) to--;
    return this.#log.run(this.#segment!, this.#entryIndex(), to);
  }

  /** Makes sure that there is a message to read at the cursor. */
  #settle(): boolean {
    if (this.#state.is !== "seeking") this.#stepOverEnd();
    if (this.#state.is !== "seeking" && this.atBoundary) this.#leaveIfDue();
    if (this.#state.is === "listening") this.#passOverPictures(this.#state);
    if (this.#isOver) return false;
    if (this.#state.is === "seeking" && !this.#seek(this.#state)) return false;
    return this.#offset < this.#segment!.used;
  }

  /** At the end of a segment or of a still picture: goes on, or notes that it has caught up. */
  #stepOverEnd(): void {
    const segment = this.#segment!;
    if (this.#state.is === "still" && this.#position >= this.#state.end) {
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
      this.#hint = 0;
    } else if (this.#log.has(segment)) {
      this.#startLagBytes = 0;
      this.#startLagMs = 0;
    }
  }

  /** Goes to what is no picture, or to the start that has come: from there on it has all. */
  #passOverPictures(state: Extract<CursorState, { is: "listening" }>): void {
    while (this.atBoundary) {
      if (this.#position >= state.until) {
        this.#state = RUNNING;
        return;
      }
      const segment = this.#segment!;
      const entry = segment.entries[this.#entryIndex()];
      if (entry === undefined) {
        this.#stepOverEnd();
        if (this.#segment === segment) return;
      } else if (isPicture(entry)) this.#offset = entry.end;
      else return;
    }
  }

  /** Whether it has come to where it is to stop: what it would have to look for lies behind that. */
  get #isOver(): boolean {
    if (this.#last === undefined) return false;
    return this.#state.is === "seeking" || (this.atBoundary && this.#position >= this.#last);
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

  /** Between two messages: goes elsewhere where it is to, or lags too much. */
  #leaveIfDue(): void {
    if (this.#state.is === "leaving") this.#leave();
    else if (this.#isLagging()) {
      if (!this.#isAtNewestStart()) this.skips++;
      this.#leave();
    }
  }

  /** From here on, which is between two messages, looks for a start. */
  #leave(): void {
    this.#headers = this.#headersSeen();
    this.#headersAt = this.#offset;
    this.#state = seekingFrom(this.#position);
  }

  /**
   * Where to start, at or after `from`: at the newest start that there is; who had to wait begins with
   * the one that ended the wait, unless it has become too old meanwhile.
   */
  #placeFrom(from: number, found: WirePlace | undefined): WirePlace | undefined {
    if (found !== undefined && this.#log.isWithinBounds(found)) return found;
    const newest = this.#log.newestStart;
    return newest !== undefined && positionOf(newest) >= from ? newest : undefined;
  }

  /** Moves to a start at or after `from`. */
  #seek({ from, found, withoutPicture }: Extract<CursorState, { is: "seeking" }>): boolean {
    const place = this.#placeFrom(from, found);
    if (place === undefined) {
      this.#log.seek(this);
      return false;
    }
    const { segment, index } = place;
    const entry = segment.entries[index]!;
    // What follows a picture that was waited for, or is the newest of all, is not missed.
    const isStill = this.#start === "key-frame" && this.#segment === undefined &&
      place !== found && place.end < this.#log.head;
    this.#messages = this.messages;
    this.#segment = segment;
    this.#offset = entry.start;
    this.#hint = index;
    this.#messagesBefore = this.#messageIndex();
    if (isStill) this.#state = { is: "still", end: place.end };
    else {this.#state = withoutPicture && place === found
        ? { is: "listening", until: Infinity }
        : RUNNING;}
    if (this.#headers !== entry.headers) this.#preamble = this.#log.preambleAt(place);
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

  /** Index of the entry that holds the byte at the cursor: a step or none from where it was, as it reads forwards. */
  #entryIndex(): number {
    const { entries } = this.#segment!;
    const offset = this.#offset;
    let index = this.#hint;
    while (index < entries.length && entries[index]!.end <= offset) index++;
    this.#hint = index;
    return index;
  }
}

function seekingFrom(from: number): CursorState {
  return { is: "seeking", from, wait: new StartWait(), found: undefined, withoutPicture: false };
}
