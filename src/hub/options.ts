import type { Clock } from "./clock.ts";

/**
 * When readers are woken for what was appended.
 *
 * - `frame`: a video unit wakes them and audio rides along; audio alone, or audio that has waited
 *   40 ms, wakes them too. Video waits for nothing, and a player costs one write a frame. When there are
 *   so many readers that waking them takes over 8 ms, frames are gathered, for 100 ms at most.
 * - `unit`: everything wakes them at once.
 * - a number: what comes within so many milliseconds is gathered into one write.
 */
export type FlushPolicy = "frame" | "unit" | number;

/**
 * Where a reader that joins a running stream starts.
 *
 * - `gop`: at the newest key frame, with all that came since.
 * - `key-frame`: with the newest key frame as a still picture, then at the next key frame.
 * - `none`: at the next key frame.
 */
export type StartPolicy = "gop" | "key-frame" | "none";

/**
 * What happens when a second publisher asks for a name.
 *
 * - `reject`: it is refused.
 * - `takeover`: it replaces the first.
 * - `same-identity`: it replaces the first when it is the same publisher coming back, or when the
 *   first has been silent for `silentMs`; else it is refused.
 */
export type ConflictPolicy = "reject" | "takeover" | "same-identity";

/** Settings and bounds of a hub; every one has a default. */
export interface HubOptions {
  /** Time, as the hub sees it. */
  readonly clock: Clock;
  /** When readers are woken. Default `frame`. */
  readonly flush?: FlushPolicy;
  /** Where new readers start. Default `gop`. */
  readonly start?: StartPolicy;
  /** What happens when a name is taken. Default `same-identity`. */
  readonly conflict?: ConflictPolicy;
  /** Silence after which anyone may take a name over, milliseconds. Default 2000. */
  readonly silentMs?: number;
  /** How long readers stay when their publisher has gone, milliseconds. Default 10 000. */
  readonly lingerMs?: number;
  /** Bytes that a reader may lag before it skips to a key frame. Default 8 MiB. */
  readonly maxLagBytes?: number;
  /**
   * Time that a reader may lag before it skips to a key frame, milliseconds, by when units came.
   * Default 4000.
   */
  readonly maxLagMs?: number;
  /**
   * Bytes of the newest group of pictures kept for readers that join. Default 32 MiB: a longer one
   * is not kept, and readers then start at the next key frame.
   */
  readonly maxGopBytes?: number;
  /**
   * Bytes of memory that the media of all streams may hold together, about. Default 1 GiB: some hundred
   * streams of 5 Mb/s with all that readers may lag. Over it, the streams that hold most let go of what they
   * keep: who joins them, or is behind, goes on at their next key frame.
   */
  readonly maxHeldBytes?: number;
  /** Streams at one time, published or waited for. Default 10 000. */
  readonly maxStreams?: number;
  /** Readers of one stream at one time. Default 100 000. */
  readonly maxReaders?: number;
}

/** The options of a hub with every default filled in. */
export type HubSettings = Required<HubOptions>;

const MIB = 1024 * 1024;

/**
 * Fills in the defaults and checks the numbers.
 *
 * @throws {RangeError} if a number is negative or not a number
 */
export function hubSettings(options: HubOptions): HubSettings {
  const settings: HubSettings = {
    flush: "frame",
    start: "gop",
    conflict: "same-identity",
    silentMs: 2000,
    lingerMs: 10_000,
    maxLagBytes: 8 * MIB,
    maxLagMs: 4000,
    maxGopBytes: 32 * MIB,
    maxHeldBytes: 1024 * MIB,
    maxStreams: 10_000,
    maxReaders: 100_000,
    ...options,
  };
  for (const [key, value] of Object.entries(settings)) {
    if (typeof value === "number" && !(value >= 0)) {
      throw new RangeError(`Cannot use ${key} as it must be at least 0: current value is ${value}`);
    }
  }
  return settings;
}
