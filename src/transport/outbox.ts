import { concat } from "@std/bytes/concat";
import type { Transport } from "./transport.ts";
import { youngSpace } from "./young_space.ts";

/**
 * Bytes of answers that may wait to be written. A peer that asks on and reads nothing is not listened to
 * meanwhile; the longest answer, a description, stays below.
 */
const MAX_WAITING_BYTES = 1024 * 1024;

const NO_FEEDS: readonly Feed[] = [];

/** Media so short costs less to copy than to write by itself, which takes 10 to 50 µs. */
const SHORT_BYTES = 1024;

/**
 * Where media to write comes from: a hub cursor, something that makes its own bytes of one, or what a client
 * publishes.
 */
export interface Feed {
  /** What should be written next; with `onlyMessage` no more than the rest of the current message. */
  next(onlyMessage?: boolean): Uint8Array | undefined;
  /** Says that `count` bytes of that have left. */
  advance(count: number): void;
  /** Whether it stands between two messages. */
  readonly atBoundary: boolean;
  /** Has `onWake` called once when there is more. */
  wait(onWake: () => void): void;
}

/**
 * The one writer of a connection, of a server or a client. What the session says goes first, but never into the middle of a
 * media message; a partial write is gone on with.
 *
 * There are these two priorities and no third, of sound before pictures, which other servers have: media keep the order
 * of their publisher, since players share bytes, take what comes late in time for a mistake, and wait with sound for the
 * pictures that belong to it. What cannot keep up is skipped to a key frame, sound and pictures together.
 */
export class Outbox {
  /** Called once, when a write has failed. */
  onError: ((error: unknown) => void) | undefined;
  /**
   * Says how many bytes of media the peer may be sent now; `undefined` while that is not bounded. A message that
   * others wait behind is finished all the same. When there is room again, `pump` is to be called.
   */
  mediaRoom: (() => number) | undefined;
  readonly #transport: Transport;
  /** One, as good as always: lists that grow, and those that are spread, hold room for sixteen more. */
  #feeds: readonly Feed[] = NO_FEEDS;
  #control: Uint8Array[] = [];
  #controlBytes = 0;
  #onRoom: (() => void) | undefined;
  /** Feeds that get no more, and who wants to know when all they had is written. */
  #finishing: Map<Feed, () => void> | undefined;
  /** The feed whose message is not all written. */
  #current: Feed | undefined;
  /** There is media, and no room for it. */
  #isHeld = false;
  /** The feed that gave the bytes that are being written; `undefined` for the session. */
  #writing: Feed | "control" | undefined;
  /** Writes that were started; and of those, how many `stalledMs` has seen, and since when. */
  #writes = 0;
  #writesSeen = 0;
  #seenAtMs = 0;
  #turn = 0;
  #bytes = 0;
  #ended = false;
  #drained: PromiseWithResolvers<void> | undefined;
  readonly #pump = (): void => this.pump();
  readonly #onWritten = (count: number): void => this.#written(count);
  readonly #onFailed = (error: unknown): void => this.#failed(error);

  /** Writes to `transport`. */
  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Bytes written so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Bytes of answers that wait to be written. */
  get waitingBytes(): number {
    return this.#controlBytes;
  }

  /**
   * How long the write under way has made no progress, milliseconds, as far as earlier calls tell: to
   * be asked every now and then. So a write need not look at the clock.
   */
  stalledMs(nowMs: number): number {
    if (this.#writing === undefined) return 0;
    if (this.#writes !== this.#writesSeen) {
      this.#writesSeen = this.#writes;
      this.#seenAtMs = nowMs;
    }
    return nowMs - this.#seenAtMs;
  }

  /** Adds what the session has to say, and starts to write it. */
  send(control: readonly Uint8Array[]): void {
    if (control.length === 0 || this.#ended) return;
    for (const bytes of control) this.#put(bytes);
    this.pump();
  }

  #put(bytes: Uint8Array): void {
    this.#control.push(bytes);
    this.#controlBytes += bytes.length;
  }

  /**
   * Resolves when there is room for more answers, or none will be written; `undefined` while there is.
   * For one who reads the peer's requests.
   */
  room(): Promise<void> | undefined {
    if (this.#controlBytes < MAX_WAITING_BYTES || this.#ended) return undefined;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onRoom = resolve;
    return promise;
  }

  /** Adds a feed and starts to write from it, behind what the session has to say of it. */
  add(feed: Feed, control: readonly Uint8Array[] = []): void {
    this.#feeds = this.#feeds.concat(feed);
    if (control.length > 0 && !this.#ended) {
      for (const bytes of control) this.#put(bytes);
      if (this.mediaRoom === undefined) this.#putShort(feed);
    }
    this.pump();
  }

  /** Has what a feed begins with leave in one write with the answers before it, as long as that is short. */
  #putShort(feed: Feed): void {
    for (let taken = 0; taken < SHORT_BYTES;) {
      const bytes = feed.next();
      if (bytes === undefined) return;
      const count = bytes.length <= SHORT_BYTES ? bytes.length : 0;
      feed.advance(count);
      if (count === 0) return;
      this.#put(bytes);
      taken += count;
    }
  }

  /** Takes no more from `feed` than the rest of the message that it is in. */
  remove(feed: Feed): void {
    this.#feeds = this.#feeds.filter((other) => other !== feed);
    this.#finishing?.delete(feed);
  }

  /** Writes all that `feed` still has, then removes it and calls `onDone`. */
  finish(feed: Feed, onDone: () => void): void {
    this.#finishing ??= new Map();
    this.#finishing.set(feed, onDone);
    this.pump();
  }

  /**
   * Resolves when all that was sent and all that feeds have now is written, or nothing will be any more. Any number
   * may ask.
   */
  drained(): Promise<void> {
    const drained = this.#drained ??= Promise.withResolvers();
    if (this.#ended) drained.resolve();
    this.pump();
    return drained.promise;
  }

  /** Writes nothing more. */
  end(): void {
    this.#ended = true;
    this.#control = [];
    this.#controlBytes = 0;
    this.#onRoom?.();
    this.#feeds = NO_FEEDS;
    this.#finishing = undefined;
    this.#drained?.resolve();
  }

  /** Starts the next write, unless one is under way. */
  pump(): void {
    if (this.#writing !== undefined || this.#ended) return;
    const bytes = this.#next();
    if (bytes === undefined) {
      if (!this.#isHeld) this.#rest();
      return;
    }
    this.#writes++;
    youngSpace.began();
    this.#transport.write(bytes).then(this.#onWritten, this.#onFailed);
  }

  /** Nothing is left to write. */
  #rest(): void {
    if (this.#finishing !== undefined) this.#finish(this.#finishing);
    for (let at = 0; at < this.#feeds.length; at++) this.#feeds[at]!.wait(this.#pump);
    if (this.#writing !== undefined) return;
    this.#drained?.resolve();
    this.#drained = undefined;
  }

  #finish(finishing: Map<Feed, () => void>): void {
    this.#finishing = undefined;
    for (const [feed, onDone] of finishing) {
      this.remove(feed);
      onDone();
    }
  }

  #next(): Uint8Array | undefined {
    this.#isHeld = false;
    if (this.#current !== undefined) {
      const mustHurry = this.#control.length > 0 || !this.#feeds.includes(this.#current);
      const bytes = this.#nextOf(this.#current, mustHurry);
      if (bytes !== undefined || this.#isHeld) return bytes;
      this.#current = undefined;
    }
    if (this.#control.length > 0) {
      this.#writing = "control";
      if (this.#control.length > 1) this.#control = [concat(this.#control)];
      return this.#control[0];
    }
    for (let tried = 0; tried < this.#feeds.length; tried++) {
      const bytes = this.#nextOf(this.#feeds[this.#turn++ % this.#feeds.length]!, false);
      if (bytes !== undefined || this.#isHeld) return bytes;
    }
    return undefined;
  }

  #nextOf(feed: Feed, onlyMessage: boolean): Uint8Array | undefined {
    const room = onlyMessage || this.mediaRoom === undefined ? Infinity : this.mediaRoom();
    if (room <= 0) {
      this.#isHeld = true;
      return undefined;
    }
    const bytes = feed.next(onlyMessage);
    if (bytes === undefined) return undefined;
    this.#writing = feed;
    return bytes.length <= room ? bytes : bytes.subarray(0, room);
  }

  #written(count: number): void {
    youngSpace.ended();
    this.#bytes += count;
    const source = this.#writing;
    this.#writing = undefined;
    if (source === "control") {
      // What was left of it went with the end.
      if (this.#ended) return;
      const rest = this.#control[0]?.subarray(count);
      if (rest !== undefined && rest.length > 0) this.#control[0] = rest;
      else this.#control.shift();
      this.#controlBytes -= count;
      if (this.#controlBytes < MAX_WAITING_BYTES) this.#onRoom?.();
    } else if (source !== undefined) {
      source.advance(count);
      this.#current = source.atBoundary ? undefined : source;
    }
    this.pump();
  }

  #failed(error: unknown): void {
    youngSpace.ended();
    this.#writing = undefined;
    if (this.#ended) return;
    this.end();
    this.onError?.(error);
  }
}
