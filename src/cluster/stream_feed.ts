import {
  type Clock,
  openStreamQueue,
  type Publication,
  type Stream,
  type StreamQueue,
  type Timer,
  unitBytes,
} from "../hub/mod.ts";
import type { MediaUnit } from "../media/mod.ts";

/** What a {@linkcode StreamFeed} gives a reader in another thread. */
export interface FeedSink {
  /** Sends a batch. */
  readonly send: (units: readonly MediaUnit[]) => void;
  /** Is called once when the publisher has ended, or is another; all that it has sent is sent before. */
  readonly onEnd: () => void;
}

/** Bytes that may be under way; the rest waits, and is dropped up to a key frame as for any slow reader. */
const MAX_UNDER_WAY = 4 * 1024 * 1024;

/** Audio rides along with video, and waits so long for that at most, milliseconds: each batch wakes a thread. */
const AUDIO_WAIT_MS = 40;

/** What one publisher of a stream sends, in batches, for a reader in another thread. */
export class StreamFeed {
  /** The publisher. */
  readonly publication: Publication;
  readonly #clock: Clock;
  readonly #stream: Stream;
  #sink: FeedSink | undefined;
  readonly #units: StreamQueue;
  readonly #waiting: MediaUnit[] = [];
  #hasVideo = false;
  #isDue = false;
  #timer: Timer | undefined;
  #underWay = 0;
  #isOver = false;
  #finishedAtMs = Infinity;
  #onRoom: (() => void) | undefined;

  /** Keeps from now on what a reader that joins gets; the stream has a publisher. */
  constructor(stream: Stream, clock: Clock) {
    this.publication = stream.publication!;
    this.#clock = clock;
    this.#stream = stream;
    this.#units = openStreamQueue(stream);
  }

  /** How long ago the publisher has ended, milliseconds; less than 0 where it goes on. */
  get finishedMs(): number {
    return this.#clock.now() - this.#finishedAtMs;
  }

  /** Sends what is kept, and all that comes. */
  start(sink: FeedSink): void {
    this.#sink = sink;
    void this.#run(sink);
  }

  /** The reader has taken so many bytes in. */
  taken(bytes: number): void {
    this.#underWay -= bytes;
    this.#onRoom?.();
  }

  /** The publisher has ended or is another: what waits is sent, and the end is told. */
  finish(): void {
    this.#finishedAtMs = Math.min(this.#finishedAtMs, this.#clock.now());
    this.#units.close();
    this.#onRoom?.();
  }

  /** The reader wants no more: nothing is told. */
  stop(): void {
    this.#isOver = true;
    this.finish();
  }

  async #run({ onEnd }: FeedSink): Promise<void> {
    const { queue } = this.#units;
    while (!this.#isOver) {
      this.#drain();
      if (this.#isOver || queue.isEnded) break;
      if (this.#underWay >= MAX_UNDER_WAY) {
        await new Promise<void>((resolve) => this.#onRoom = resolve);
        this.#onRoom = undefined;
      } else await queue.more();
    }
    this.#timer?.cancel();
    if (this.#isOver) return;
    this.#flush();
    this.#isOver = true;
    onEnd();
  }

  /** Takes what the queue has, and sends it unless it is audio that waits for a picture. */
  #drain(): void {
    const { queue } = this.#units;
    while (this.#underWay < MAX_UNDER_WAY || queue.isEnded) {
      const next = queue.next();
      if (next === undefined) break;
      if (next.tag !== undefined && next.tag !== this.publication) {
        // One of the next publisher's: a feed is of one. What is seen while it hangs is not its.
        if (this.#stream.publisher !== this.publication) return this.finish();
        continue;
      }
      const { unit } = next;
      this.#waiting.push(unit);
      this.#underWay += unitBytes(unit);
      this.#hasVideo ||= unit.kind === "video";
      this.#isDue ||= unit.kind === "video" && unit.role === "media";
    }
    if (this.#waiting.length === 0) return;
    if (this.#isDue || !this.#hasVideo) this.#flush();
    else this.#timer ??= this.#clock.setTimer(() => this.#flush(), AUDIO_WAIT_MS);
  }

  #flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#isDue = false;
    if (this.#waiting.length > 0) this.#sink!.send(this.#waiting.splice(0));
  }
}
