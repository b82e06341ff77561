import { HubError } from "./errors.ts";
import { type HubOptions, type HubSettings, hubSettings } from "./options.ts";
import type { Publication, PublishOptions } from "./publication.ts";
import type { StreamEndReason } from "./fan_out.ts";
import { type AudioAlone, Stream } from "./stream.ts";
import type { StreamTotals } from "./stream_statistics.ts";
import { WakeRounds } from "./wake_rounds.ts";
import { checkStreamName } from "./stream_name.ts";

/** Called as streams start and end. */
export interface HubEvents {
  /** A publisher has started, anew or after another. */
  readonly onStreamStart?: (stream: Stream) => void;
  /** A published stream has ended. */
  readonly onStreamEnd?: (stream: Stream, reason: StreamEndReason) => void;
  /** Someone waits for a stream that nobody publishes. */
  readonly onStreamWanted?: (stream: Stream) => void;
  /** The publisher of a stream has gone, and its readers stay for a while in case that one returns. */
  readonly onStreamLeft?: (stream: Stream) => void;
  /** The readers of a stream see nothing, or a publisher that is silent, and there is a fallback for that. */
  readonly onFallbackDue?: (stream: Stream) => void;
  /**
   * What is held back of a publisher goes out early, after `heldMs`, as it is more than may be held: told once for each
   * spell.
   */
  readonly onHeldEarly?: (stream: Stream, heldMs: number) => void;
  /** The media of all streams held over `maxHeldBytes`, and this one let go of what it kept. */
  readonly onStreamShed?: (stream: Stream) => void;
  /**
   * Readers of a format have waited for a picture to start at, and go on with audio alone till there is one:
   * told once a publisher and format.
   */
  readonly onAudioAlone?: (stream: Stream, about: AudioAlone) => void;
  /**
   * A callback of a publisher, reader or watcher, or a wire format, has thrown: a mistake in the
   * program, which is kept from the others. Without this it is reported as an uncaught error.
   */
  readonly onError?: (error: unknown) => void;
}

/** Something beside the hub that holds media of streams, such as the segments of HLS. */
export interface MediaHolder {
  /** Bytes of memory that it holds, about. */
  readonly heldBytes: number;
  /** Lets go of what it can do without. */
  shed(): void;
}

/** Callbacks for {@linkcode Hub.observe}. */
export type HubObserver = Omit<HubEvents, "onError">;

/**
 * The registry of streams by name.
 *
 * @example
 * ```ts
 * import { Hub } from "@weir/server/hub";
 *
 * const clock = {
 *   now: () => performance.now(),
 *   setTimer: (callback: () => void, delayMs: number) => {
 *     const id = setTimeout(callback, delayMs);
 *     return { cancel: () => clearTimeout(id) };
 *   },
 * };
 * const hub = new Hub({ clock, conflict: "reject" });
 * const publication = hub.acquire("live/cam", { identity: "10.0.0.7" });
 * console.log(hub.get("live/cam")?.isLive); // true
 * publication.release();
 * console.log(hub.get("live/cam")); // undefined
 * ```
 */
export class Hub {
  #settings: HubSettings;
  readonly #events: HubEvents;
  readonly #observers = new Set<HubObserver>();
  readonly #streams = new Map<string, Stream>();
  /** Those of them that are published, or whose publisher may return: the others are waited for alone. */
  readonly #published = new Set<Stream>();
  /** Everything else that holds media of streams, and that is asked to let go of it too. */
  readonly #holders = new Set<MediaHolder>();
  /** Streams that nobody can find by a name. */
  readonly #detached = new Set<Stream>();
  /** Totals of the streams that have ended. */
  #former: StreamTotals = NO_TOTALS;
  /** Bytes taken in since the streams were last looked at. */
  #tookBytes = 0;
  #closed = false;
  readonly #rounds: WakeRounds;

  /**
   * Makes an empty hub.
   *
   * @throws {RangeError} if a number among the options is negative, not a number, or a fraction of a count
   * @throws {TypeError} if a policy is none of those that there are
   */
  constructor(options: HubOptions, events: HubEvents = {}) {
    this.#settings = hubSettings(options);
    const { clock } = options;
    this.#rounds = new WakeRounds(clock.nextRound && ((callback) => clock.nextRound!(callback)));
    this.#events = events;
    this.#observers.add(events);
  }

  /** The settings in force; those of a stream may differ. */
  get settings(): HubSettings {
    return this.#settings;
  }

  /**
   * Gives the hub other settings, which hold from now on; nobody is disconnected for it. What is left out has its
   * default again.
   *
   * @throws as the constructor: then nothing is changed
   */
  configure(options: Omit<HubOptions, "clock">): void {
    this.#settings = hubSettings({ ...options, clock: this.#settings.clock });
    for (const stream of this.#streams.values()) stream.configure(this.settingsOf(stream.name));
  }

  /** The settings that the stream of a name has, or would have. */
  settingsOf(name: string): HubSettings {
    try {
      const own = this.#settings.streamSettings(name);
      for (const _ in own) return hubSettings({ ...this.#settings, ...own });
    } catch (error) {
      (this.#events.onError ?? reportError)(error);
    }
    return this.#settings;
  }

  /** All streams, published or waited for. */
  get streams(): Stream[] {
    return [...this.#streams.values()];
  }

  /** Number of streams that are published, or whose publisher may return: what `maxStreams` bounds. */
  get publishedCount(): number {
    return this.#published.size;
  }

  /** Number of names that are waited for, and that nobody publishes: what `maxWaitedNames` bounds. */
  get waitedCount(): number {
    return this.#streams.size - this.#published.size;
  }

  /** Looks a stream up, without changing anything. */
  get(name: string): Stream | undefined {
    return this.#streams.get(name);
  }

  /**
   * Returns the stream of that name, made now if nobody publishes or waits for it.
   *
   * @throws {HubError} `bad-name`, `too-many-waited`, or `closed`
   */
  stream(name: string): Stream {
    const existing = this.#streams.get(name);
    if (existing !== undefined) return existing;
    checkStreamName(name);
    const { maxWaitedNames } = this.settings;
    if (!this.#closed && this.#streams.size - this.#published.size >= maxWaitedNames) {
      throw new HubError(
        "too-many-waited",
        `Cannot wait for ${name} as ${maxWaitedNames} names are waited for`,
      );
    }
    return this.#open(name);
  }

  /**
   * Takes the name for a publisher, atomically.
   *
   * @throws {HubError} `bad-name`; `name-taken` when another publisher holds it; `too-many-streams`, or `closed`
   */
  acquire(name: string, options: PublishOptions = {}): Publication<Stream> {
    const existing = this.#streams.get(name);
    if (existing === undefined) checkStreamName(name);
    return (existing ?? this.#open(name)).publish(options);
  }

  /**
   * Looks whether `acquire` would be refused now, and takes nothing.
   *
   * @throws {HubError} as `acquire`
   */
  checkFree(name: string, options: PublishOptions = {}): void {
    if (this.#closed) throw new HubError("closed", `Cannot open ${name} as the hub is closed`);
    const existing = this.#streams.get(name);
    if (existing !== undefined) existing.checkFree(options);
    else checkStreamName(name);
    this.#checkRoom(existing ?? { name });
  }

  #checkRoom(stream: Stream | Pick<Stream, "name">): void {
    const { maxStreams } = this.settings;
    if (stream instanceof Stream && this.#published.has(stream)) return;
    if (this.#published.size < maxStreams) return;
    throw new HubError(
      "too-many-streams",
      `Cannot publish ${stream.name} as the hub has its ${maxStreams} streams`,
    );
  }

  #open(name: string): Stream {
    if (this.#closed) throw new HubError("closed", `Cannot open ${name} as the hub is closed`);
    const stream = new Stream(name, {
      settings: this.settingsOf(name),
      rounds: this.#rounds,
      release: (idle) => {
        if (this.#streams.get(idle.name) !== idle) return;
        this.#streams.delete(idle.name);
        this.#former = summed(this.#former, idle.totals);
      },
      occupy: (occupied) => {
        this.#checkRoom(occupied);
        this.#published.add(occupied);
      },
      vacate: (vacated) => void this.#published.delete(vacated),
      started: (started) => {
        for (const { onStreamStart } of [...this.#observers]) onStreamStart?.(started);
      },
      ended: (ended, reason) => {
        for (const { onStreamEnd } of [...this.#observers]) onStreamEnd?.(ended, reason);
      },
      wanted: (wanted) => {
        for (const { onStreamWanted } of [...this.#observers]) onStreamWanted?.(wanted);
      },
      left: (left) => {
        for (const { onStreamLeft } of [...this.#observers]) onStreamLeft?.(left);
      },
      fallbackDue: (due) => {
        for (const { onFallbackDue } of [...this.#observers]) onFallbackDue?.(due);
      },
      early: (held, heldMs) => {
        for (const { onHeldEarly } of [...this.#observers]) onHeldEarly?.(held, heldMs);
      },
      failed: (error) => (this.#events.onError ?? reportError)(error),
      audioAlone: (stream, about) => {
        for (const { onAudioAlone } of [...this.#observers]) onAudioAlone?.(stream, about);
      },
      took: (bytes) => this.#took(bytes),
    });
    this.#streams.set(name, stream);
    return stream;
  }

  /**
   * Makes a stream that nobody finds by its name, such as what one player sees of another time: its memory counts as that
   * of the others, and no rule stands between its publisher and its readers. It lasts until it is ended, or has neither;
   * `onJoined` is called as each reader comes.
   *
   * @throws {HubError} `bad-name`, or `closed`
   */
  detached(name: string, onJoined: () => void = () => {}): Stream {
    checkStreamName(name);
    if (this.#closed) throw new HubError("closed", `Cannot open ${name} as the hub is closed`);
    const stream = new Stream(name, {
      settings: { ...this.settingsOf(name), delayMs: 0, fallback: "" },
      rounds: this.#rounds,
      release: (idle) => {
        if (this.#detached.delete(idle)) this.#former = summed(this.#former, idle.totals);
      },
      occupy: () => {},
      vacate: () => {},
      started: () => {},
      ended: () => {},
      wanted: () => {},
      left: () => {},
      fallbackDue: () => {},
      early: () => {},
      joined: onJoined,
      failed: (error) => (this.#events.onError ?? reportError)(error),
      audioAlone: () => {},
      took: (bytes) => this.#took(bytes),
    });
    this.#detached.add(stream);
    return stream;
  }

  /** Has `observer` called as streams start, end and are wanted, from now on; returns what stops that. */
  observe(observer: HubObserver): () => void {
    this.#observers.add(observer);
    return () => {
      this.#observers.delete(observer);
    };
  }

  /**
   * Has what `holder` holds of streams counted with what they hold themselves, and let go with it, until the function that
   * is returned is called.
   */
  hold(holder: MediaHolder): () => void {
    this.#holders.add(holder);
    return () => void this.#holders.delete(holder);
  }

  /** Bytes of memory that the media of all streams holds, about. */
  get heldBytes(): number {
    let bytes = 0;
    for (const holder of this.#allHolders()) bytes += holder.heldBytes;
    return bytes;
  }

  *#allHolders(): Iterable<Stream | MediaHolder> {
    yield* this.#all;
    yield* this.#holders;
  }

  /** What has come and left of all streams, those that are no more too; it only grows. */
  get totals(): StreamTotals {
    let totals = this.#former;
    for (const stream of this.#all) totals = summed(totals, stream.totals);
    return totals;
  }

  /** Ends all streams; nothing can be opened afterwards. */
  close(): void {
    this.#closed = true;
    for (const stream of this.#all) stream.end("closed");
  }

  get #all(): Stream[] {
    return [...this.#streams.values(), ...this.#detached];
  }

  /** What has come in is all that can have made the streams grow: the sum need not be kept up. */
  #took(bytes: number): void {
    this.#tookBytes += bytes;
    if (this.#tookBytes < this.settings.maxHeldBytes / LOOKS) return;
    this.#tookBytes = 0;
    let over = this.heldBytes - this.settings.maxHeldBytes;
    if (over <= 0) return;
    const held = Array.from(this.#allHolders(), (one) => ({ one, bytes: one.heldBytes }));
    held.sort((a, b) => b.bytes - a.bytes);
    for (const { one, bytes } of held) {
      one.shed();
      over -= bytes - one.heldBytes;
      if (one instanceof Stream) this.#tellShed(one);
      if (over <= 0) return;
    }
  }

  #tellShed(stream: Stream): void {
    for (const { onStreamShed } of [...this.#observers]) {
      try {
        onStreamShed?.(stream);
      } catch (error) {
        (this.#events.onError ?? reportError)(error);
      }
    }
  }
}

/** The streams are looked at each time that so large a part of what they may hold has come in. */
const LOOKS = 64;

const NO_TOTALS: StreamTotals = {
  bytesReceived: 0,
  unitsReceived: 0,
  bytesSent: 0,
  messagesSent: 0,
  skips: 0,
  dropped: 0,
};

function summed(a: StreamTotals, b: StreamTotals): StreamTotals {
  return {
    bytesReceived: a.bytesReceived + b.bytesReceived,
    unitsReceived: a.unitsReceived + b.unitsReceived,
    bytesSent: a.bytesSent + b.bytesSent,
    messagesSent: a.messagesSent + b.messagesSent,
    skips: a.skips + b.skips,
    dropped: a.dropped + b.dropped,
  };
}
