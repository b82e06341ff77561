import { type ByteFeed, type FeedEvents, type FeedSink, StallWatch } from "./byte_feed.ts";

/** What a client that is behind is given at once: it can lag in the log, where that is bounded, and not here. */
const MOST_BYTES = 256 * 1024;

/**
 * The body of an answer, taken from a feed as fast as the client reads. Nothing is queued here: what the client does
 * not take stays in the log, where a cursor that lags skips to a key frame.
 */
export class BodySink implements FeedSink {
  /** The body. */
  readonly readable: ReadableStream<Uint8Array>;
  readonly #feed: ByteFeed;
  readonly #events: FeedEvents;
  readonly #stall = new StallWatch();
  readonly #pump = (): void => this.#takeNext();
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  #head: Uint8Array | undefined;
  /** Whether the client's side has asked for bytes that it was not given yet. */
  #isWanted = false;
  #isWaiting = false;
  #isEnding = false;
  #isOver = false;
  #taken = 0;

  /** Takes from `feed`; `head` goes before all. */
  constructor(
    feed: ByteFeed,
    { head, ...events }: FeedEvents & { readonly head: Uint8Array },
  ) {
    this.#feed = feed;
    this.#events = events;
    this.#head = head.length > 0 ? head : undefined;
    this.readable = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#controller = controller;
      },
      pull: () => {
        this.#isWanted = true;
        this.#takeNext();
      },
      cancel: () => this.#done(true),
    }, { highWaterMark: 0 });
  }

  finish(): void {
    this.#isEnding = true;
    this.#takeNext();
  }

  close(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#controller?.close();
  }

  stalledMs(nowMs: number): number {
    return this.#stall.stalledMs(nowMs, { count: this.#taken, isDue: !this.#isWanted });
  }

  #takeNext(): void {
    this.#isWaiting = false;
    if (!this.#isWanted || this.#isOver) return;
    const bytes = this.#nextBytes();
    if (bytes !== undefined) {
      this.#isWanted = false;
      this.#taken += bytes.length;
      this.#events.onTaken(bytes.length);
      this.#controller!.enqueue(bytes);
    } else if (this.#isEnding) {
      this.close();
      this.#events.onDone({ isGone: false });
    } else if (!this.#isWaiting) {
      this.#isWaiting = true;
      this.#feed.wait(this.#pump);
    }
  }

  #nextBytes(): Uint8Array | undefined {
    const head = this.#head;
    if (head !== undefined) {
      this.#head = undefined;
      return head;
    }
    const bytes = this.#feed.next()?.subarray(0, MOST_BYTES);
    if (bytes !== undefined) this.#feed.advance(bytes.length);
    return bytes;
  }

  #done(isGone: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#events.onDone({ isGone });
  }
}
