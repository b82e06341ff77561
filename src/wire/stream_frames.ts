import type { Clock, HeaderSet, Publication, Stream, StreamEndReason } from "../hub/mod.ts";
import type { MediaUnit, Track } from "../media/mod.ts";
import { type FeedEvent, FrameFeed, type FrameFeedOptions } from "../transmux/mod.ts";

/** The frames of a stream's units, whoever publishes: a {@linkcode FrameFeed} that is told of publishers. */
export class StreamFrames {
  readonly #stream: Stream;
  readonly #feed: FrameFeed;
  #publication: Publication | undefined;
  #headers: HeaderSet | undefined;

  /** Begins with whoever publishes the next unit. */
  constructor(stream: Stream, options: FrameFeedOptions = {}) {
    this.#stream = stream;
    this.#feed = new FrameFeed(options);
  }

  /** Who publishes what came last. */
  get publication(): Publication | undefined {
    return this.#publication;
  }

  /** Frames that could not be given: see {@linkcode FrameFeed.dropped}. */
  get dropped(): number {
    return this.#feed.dropped;
  }

  /** Takes the stream's next unit, and returns what it completes. */
  take(unit: MediaUnit): FeedEvent[] {
    const now = this.#stream.publication;
    const isNew = now !== undefined && now !== this.#publication;
    const left = isNew ? this.#feed.end() : [];
    if (isNew) {
      this.#publication = now;
      this.#headers = undefined;
      this.#feed.begin(now.tracks);
    }
    this.#takeHeaders(unit);
    return left.length === 0 ? this.#feed.take(unit) : [...left, ...this.#feed.take(unit)];
  }

  /**
   * Headers that a publisher repeats after another are not given to those who had them already, nor to wire formats
   * that are opened later.
   */
  #takeHeaders(next: MediaUnit): void {
    const { headers } = this.#stream;
    if (headers === this.#headers) return;
    const known = this.#headers?.units ?? [];
    this.#headers = headers;
    for (const unit of headers.units) {
      if (unit !== next && !known.includes(unit)) this.#feed.take(unit);
    }
  }

  /** Says that nothing more comes, and returns what still waits. */
  end(): FeedEvent[] {
    return this.#feed.end();
  }
}

/** Options of {@linkcode tapFrames}. */
export interface TapFramesOptions extends FrameFeedOptions {
  /** Takes the tracks, and then frame by frame. */
  readonly onEvent: (event: FeedEvent) => void;
  /** Is told once that the stream has ended. */
  readonly onEnd?: (reason: StreamEndReason) => void;
}

/** A tap of frames. */
export interface FramesTap {
  /** Frames that could not be given: see {@linkcode FrameFeed.dropped}. */
  readonly dropped: number;
  /** Who publishes what comes now. */
  readonly publication: Publication | undefined;
  /** Gives what still waits for other tracks to come. */
  settle(): void;
  /** Leaves the stream; harmless when repeated. */
  close(): void;
}

/**
 * Taps the frames of a stream, whoever publishes it: those kept since its newest key frame at once, and then each as it
 * comes. For what packages a stream as a whole: HLS, recordings. See {@linkcode FrameFeed} for the events.
 *
 * `onEvent` is called while the publisher's units are taken in: what takes long, such as writing, is for later.
 *
 * @throws {HubError} `closed` when the stream has ended
 */
export function tapFrames(stream: Stream, options: TapFramesOptions): FramesTap {
  const { onEvent, onEnd } = options;
  const frames = new StreamFrames(stream, options);
  const give = (events: readonly FeedEvent[]): void => {
    for (const event of events) onEvent(event);
  };
  const close = stream.tap((unit) => give(frames.take(unit)), (reason) => {
    give(frames.end());
    onEnd?.(reason);
  });
  return {
    get dropped() {
      return frames.dropped;
    },
    get publication() {
      return frames.publication;
    },
    settle: () => give(frames.end()),
    close,
  };
}

/** How long tracks are waited for. */
export interface SettledTracksOptions {
  readonly clock: Clock;
  /** Milliseconds. */
  readonly waitMs: number;
}

/**
 * The tracks of a live stream, each with its configuration, as its frames show them; empty where none has come after
 * `waitMs`, or the stream ends before.
 */
export function settledTracks(
  stream: Stream,
  { clock, waitMs }: SettledTracksOptions,
): Promise<readonly Track[]> {
  const { promise, resolve } = Promise.withResolvers<readonly Track[]>();
  const timer = clock.setTimer(() => {
    tap.settle();
    resolve([]);
  }, waitMs);
  const tap = tapFrames(stream, {
    onEvent: (event) => void (event.type === "tracks" && resolve(event.tracks)),
    onEnd: () => resolve([]),
  });
  return promise.finally(() => {
    timer.cancel();
    tap.close();
  });
}
