import type { Publication, Stream, StreamEndReason } from "../hub/mod.ts";
import { type FeedEvent, FrameFeed, type FrameFeedOptions } from "../transmux/mod.ts";

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
  const feed = new FrameFeed(options);
  let publication: Publication | undefined;
  const give = (events: readonly FeedEvent[]): void => {
    for (const event of events) onEvent(event);
  };
  const close = stream.tap((unit) => {
    const now = stream.publication;
    if (now !== undefined && now !== publication) {
      give(feed.end());
      publication = now;
      feed.begin(now.tracks);
    }
    give(feed.take(unit));
  }, (reason) => {
    give(feed.end());
    onEnd?.(reason);
  });
  return {
    get dropped() {
      return feed.dropped;
    },
    get publication() {
      return publication;
    },
    close,
  };
}
