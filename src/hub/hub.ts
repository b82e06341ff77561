import { HubError } from "./errors.ts";
import { type HubOptions, type HubSettings, hubSettings } from "./options.ts";
import type { Publication, PublishOptions } from "./publication.ts";
import { Stream, type StreamEndReason } from "./stream.ts";

/** Called as streams start and end. */
export interface HubEvents {
  /** A publisher has started, anew or after another. */
  readonly onStreamStart?: (stream: Stream) => void;
  /** A published stream has ended. */
  readonly onStreamEnd?: (stream: Stream, reason: StreamEndReason) => void;
  /** Someone waits for a stream that nobody publishes. */
  readonly onStreamWanted?: (stream: Stream) => void;
  /**
   * A callback of a publisher, reader or watcher, or a wire format, has thrown: a mistake in the
   * program, which is kept from the others. Without this it is reported as an uncaught error.
   */
  readonly onError?: (error: unknown) => void;
}

/** What {@linkcode Hub.observe} calls. */
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
  /** The settings in force. */
  readonly settings: HubSettings;
  readonly #events: HubEvents;
  readonly #observers = new Set<HubObserver>();
  readonly #streams = new Map<string, Stream>();
  #closed = false;

  /**
   * Makes an empty hub.
   *
   * @throws {RangeError} if a number among the options is negative
   */
  constructor(options: HubOptions, events: HubEvents = {}) {
    this.settings = hubSettings(options);
    this.#events = events;
    this.#observers.add(events);
  }

  /** All streams, published or waited for. */
  get streams(): Stream[] {
    return [...this.#streams.values()];
  }

  /** Looks a stream up, without changing anything. */
  get(name: string): Stream | undefined {
    return this.#streams.get(name);
  }

  /**
   * Returns the stream of that name, made now if nobody publishes or waits for it.
   *
   * @throws {HubError} `too-many-streams`, or `closed`
   */
  stream(name: string): Stream {
    const existing = this.#streams.get(name);
    if (existing !== undefined) return existing;
    if (this.#closed) throw new HubError("closed", `Cannot open ${name} as the hub is closed`);
    if (this.#streams.size >= this.settings.maxStreams) {
      throw new HubError(
        "too-many-streams",
        `Cannot open ${name} as the hub has its ${this.settings.maxStreams} streams`,
      );
    }
    const stream = new Stream(name, {
      settings: this.settings,
      release: (idle) => {
        if (this.#streams.get(idle.name) === idle) this.#streams.delete(idle.name);
      },
      started: (started) => {
        for (const { onStreamStart } of [...this.#observers]) onStreamStart?.(started);
      },
      ended: (ended, reason) => {
        for (const { onStreamEnd } of [...this.#observers]) onStreamEnd?.(ended, reason);
      },
      wanted: (wanted) => {
        for (const { onStreamWanted } of [...this.#observers]) onStreamWanted?.(wanted);
      },
      failed: (error) => (this.#events.onError ?? reportError)(error),
    });
    this.#streams.set(name, stream);
    return stream;
  }

  /**
   * Takes the name for a publisher, atomically.
   *
   * @throws {HubError} `name-taken` when another publisher holds it, `too-many-streams`, or `closed`
   */
  acquire(name: string, options: PublishOptions = {}): Publication {
    return this.stream(name).publish(options);
  }

  /** Has `observer` called as streams start, end and are wanted, from now on; returns what stops that. */
  observe(observer: HubObserver): () => void {
    this.#observers.add(observer);
    return () => {
      this.#observers.delete(observer);
    };
  }

  /** Ends all streams; nothing can be opened afterwards. */
  close(): void {
    this.#closed = true;
    for (const stream of this.streams) stream.end("closed");
  }
}
