import type { Clock } from "../time/mod.ts";

/**
 * When readers are woken for what was appended.
 *
 * - `frame`: a video unit wakes them and audio rides along; audio alone, or audio that has waited
 *   40 ms, wakes them too. Video waits for nothing, and a player costs one write a frame. When there are
 *   so many readers that waking them takes over a quarter of the time, some frames wait for the next, so that
 *   readers are woken each 50 ms on average; 100 ms at most.
 * - `unit`: everything wakes them at once.
 * - a number: what comes within so many milliseconds is gathered into one write. The time that waking all readers
 *   takes is part of that, and the last picture that can come in time ends it.
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
  /** Streams that are published at one time, those too whose publisher may return. Default 10 000. */
  readonly maxStreams?: number;
  /**
   * Names at one time that someone waits for and nobody publishes. Default 10 000. They are counted apart, so
   * that nobody can keep publishers out by asking for what there is not.
   */
  readonly maxWaitedNames?: number;
  /** Readers of one stream at one time. Default 100 000. */
  readonly maxReaders?: number;
  /**
   * How long what publishers send is held back before anybody sees it, milliseconds. Default 0. Who sends a publisher
   * away (`kicked`) has what is held of it dropped; what is held of one that has gone by itself goes out.
   */
  readonly delayMs?: number;
  /** Bytes that may be held back of one stream: over it the oldest go out early. Default 256 MiB. */
  readonly maxDelayBytes?: number;
  /**
   * What readers see while nobody publishes, or the publisher is silent: for whoever listens to `onFallbackDue` and
   * publishes that with `isFallback`. Default none: the empty text.
   */
  readonly fallback?: string;
  /** Silence of a publisher after which readers see the fallback, milliseconds. Default 2000. */
  readonly fallbackAfterMs?: number;
  /**
   * Settings of the stream of a name, where they differ from those of all. It is asked once for a stream that is
   * opened, and again when the hub is configured; where it throws, those of all hold.
   */
  readonly streamSettings?: (name: string) => StreamSettings;
}

/** The settings of a hub that a stream may have of its own. */
export type StreamSettings = Pick<
  HubOptions,
  | "flush"
  | "start"
  | "conflict"
  | "silentMs"
  | "lingerMs"
  | "maxLagBytes"
  | "maxLagMs"
  | "maxGopBytes"
  | "maxReaders"
  | "delayMs"
  | "maxDelayBytes"
  | "fallback"
  | "fallbackAfterMs"
>;

/** The options of a hub with every default filled in. */
export type HubSettings = Required<HubOptions>;

const MIB = 1024 * 1024;

/** The longest that a timer can be set for, milliseconds: a longer one would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The range that each number of the options must be in. */
const BOUNDS: Readonly<Partial<Record<keyof HubOptions, "count" | "time" | "timer">>> = {
  flush: "timer",
  silentMs: "time",
  lingerMs: "timer",
  maxLagBytes: "count",
  maxLagMs: "time",
  maxGopBytes: "count",
  maxHeldBytes: "count",
  maxStreams: "count",
  maxWaitedNames: "count",
  maxReaders: "count",
  delayMs: "timer",
  maxDelayBytes: "count",
  fallbackAfterMs: "timer",
};

/** For each kind of range its description in words, and the check. */
const KINDS = {
  count: [
    "a whole number from 0 on, or Infinity",
    (value: number) => value >= 0 && (Number.isInteger(value) || value === Infinity),
  ],
  time: ["at least 0", (value: number) => value >= 0],
  timer: [
    `from 0 to ${LONGEST_TIMER_MS}`,
    (value: number) => value >= 0 && value <= LONGEST_TIMER_MS,
  ],
} as const;

/** The values that each option of words may have. */
const WORDS: Readonly<Partial<Record<keyof HubOptions, readonly string[]>>> = {
  flush: ["frame", "unit"],
  start: ["gop", "key-frame", "none"],
  conflict: ["reject", "takeover", "same-identity"],
};

const NOTHING_ELSE: StreamSettings = {};

/** The settings in force where nothing else is said. */
export const HUB_DEFAULTS: Readonly<Omit<HubSettings, "clock">> = {
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
  maxWaitedNames: 10_000,
  maxReaders: 100_000,
  delayMs: 0,
  maxDelayBytes: 256 * MIB,
  fallback: "",
  fallbackAfterMs: 2000,
  streamSettings: () => NOTHING_ELSE,
};

/**
 * Fills in the defaults, and checks what is given.
 *
 * @throws {RangeError} if a number is out of its bounds, or not a number
 * @throws {TypeError} if a policy is none of those that there are
 */
export function hubSettings(options: HubOptions): HubSettings {
  const settings: HubSettings = {
    ...HUB_DEFAULTS,
    // Plain JavaScript may name an option and leave it undefined.
    ...Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)),
    clock: options.clock,
  };
  for (const [key, value] of Object.entries(settings)) check(key as keyof HubOptions, value);
  return settings;
}

function check(key: keyof HubOptions, value: unknown): void {
  const [words, bound] = [WORDS[key], BOUNDS[key]];
  if (words !== undefined && typeof value === "string") {
    if (words.includes(value)) return;
    throw new TypeError(
      `Cannot make a hub as '${key}' must be one of ${words.join(", ")}: current value is ${value}`,
    );
  }
  if (bound !== undefined) {
    const [rule, holds] = KINDS[bound];
    if (typeof value === "number" && holds(value)) return;
    throw new RangeError(
      `Cannot make a hub as '${key}' must be ${rule}: current value is ${value}`,
    );
  }
  if (words === undefined) return;
  throw new TypeError(
    `Cannot make a hub as '${key}' must be one of ${words.join(", ")}: current value is ${value}`,
  );
}
