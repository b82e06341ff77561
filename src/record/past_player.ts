import { type Clock, pause, type Publication, type Stream } from "../hub/mod.ts";
import { configUnit } from "../media/mod.ts";
import type { PastEvent, PastUnit } from "./past_units.ts";

/** How a {@linkcode PastPlayer} plays. */
export interface PastPlayerOptions {
  /** Where the units go: a stream that is this player's own. */
  readonly stream: Stream;
  /** What is played: it begins with tracks. */
  readonly events: AsyncGenerator<PastEvent>;
  /** From when on, milliseconds since 1970; what is before that is given at once. */
  readonly fromUnixMs: number;
  /** Whether it is faster than time until it is live, and not as far behind for ever. */
  readonly catchesUp: boolean;
  /** Media that is given at once beside, milliseconds: for players that want some before they begin. */
  readonly aheadMs: number;
  /** Time. */
  readonly clock: Clock;
  /** The time of the day, milliseconds since 1970. */
  readonly nowUnixMs: () => number;
  /** Is told once of what ends it, but not of `close`. */
  readonly onFailed: (error: unknown) => void;
}

/** So much faster than time is who catches up. */
const CATCH_UP_SPEED = 4;

/** What a slow reader may have waiting while others catch up, bytes. */
const MOST_WAITING_BYTES = 2 * 1024 * 1024;

/** Units that are so late had to be waited for, milliseconds. */
const LATE_MS = 200;

/** Who is no further behind than this has caught up, milliseconds: about what a fragment takes to be written. */
const LIVE_MS = 2000;

/** Who catches up and is so late has nothing to catch up with, milliseconds. */
const CAUGHT_UP_LATE_MS = 1000;

/** A pause is no longer than this, milliseconds, so that it is seen what has changed. */
const LONGEST_PAUSE_MS = 250;

/** Gives what was recorded to the readers of a stream at the pace in which it was: for as long as it lasts. */
export class PastPlayer {
  readonly #options: PastPlayerOptions;
  readonly #abort = new AbortController();
  #publication: Publication | undefined;
  /** When its first unit was, milliseconds since 1970. */
  #startUnixMs = 0;
  /** How far behind it is, milliseconds. */
  #behindMs: number;
  /** What was before this is given at once, milliseconds since 1970. */
  #pacedFromUnixMs = 0;
  /** While it catches up: when it began to, and with what. */
  #catching: { readonly atUnixMs: number; readonly fromUnixMs: number } | undefined;
  #isStarted = false;

  /** Plays nothing yet. */
  constructor(options: PastPlayerOptions) {
    this.#options = options;
    this.#behindMs = options.nowUnixMs() - options.fromUnixMs;
  }

  /** When the first unit was, once it was opened, milliseconds since 1970. */
  get startUnixMs(): number {
    return this.#startUnixMs;
  }

  /**
   * Publishes the first tracks, so that they can be described.
   *
   * @throws as the events do
   */
  async open(): Promise<void> {
    const { value, done } = await this.#options.events.next();
    if (done || value.type !== "tracks") throw new TypeError("Cannot play a recording of nothing");
    this.#startUnixMs = value.startUnixMs;
    this.#follow(value);
    // Where nothing is so old, it is as far behind as the oldest.
    const { nowUnixMs, fromUnixMs } = this.#options;
    const sinceUnixMs = Math.max(fromUnixMs, value.startUnixMs);
    this.#behindMs = nowUnixMs() - sinceUnixMs;
    this.#pacedFromUnixMs = sinceUnixMs + this.#options.aheadMs;
  }

  /** Begins to give units; does nothing when it has begun. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    const { catchesUp, nowUnixMs } = this.#options;
    if (catchesUp) {
      const atUnixMs = nowUnixMs();
      this.#catching = { atUnixMs, fromUnixMs: atUnixMs - this.#behindMs };
    }
    void this.#run().catch((error) => {
      if (!this.#abort.signal.aborted) this.#options.onFailed(error);
    }).finally(() => this.close("unpublished"));
  }

  /** Ends the stream. */
  close(reason: "closed" | "unpublished" = "closed"): void {
    this.#abort.abort();
    const { stream, events } = this.#options;
    stream.end(reason);
    void events.return(undefined).catch(() => {});
  }

  async #run(): Promise<void> {
    const { events } = this.#options;
    for (;;) {
      const { value, done } = await events.next();
      if (done || this.#abort.signal.aborted) return;
      if (value.type === "tracks") this.#skipTo(value);
      else for (const unit of value.units) if (!await this.#give(unit)) return;
    }
  }

  /** Nobody waits for as long as nothing was recorded. */
  #skipTo(event: Extract<PastEvent, { readonly type: "tracks" }>): void {
    const nowUnixMs = this.#options.nowUnixMs();
    if (this.#catching === undefined) {
      this.#behindMs = Math.min(this.#behindMs, nowUnixMs - event.startUnixMs);
    } else this.#catching = { atUnixMs: nowUnixMs, fromUnixMs: event.startUnixMs };
    this.#follow(event);
  }

  #follow({ tracks, originUnixMs }: Extract<PastEvent, { readonly type: "tracks" }>): void {
    this.#publication = this.#options.stream.publish({
      conflict: "takeover",
      tracks,
      epochUnixUs: () => originUnixMs * 1000,
    });
    for (const track of tracks) this.#publication.write(configUnit(track));
  }

  /** Gives a unit when it is time; false where it has ended meanwhile. */
  async #give({ unit, unixMs }: PastUnit): Promise<boolean> {
    for (;;) {
      const waitMs = this.#waitMs(unixMs);
      // Timers of a few milliseconds are late by as much.
      if (waitMs <= 2) break;
      const { signal } = this.#abort;
      await pause(Math.min(waitMs, LONGEST_PAUSE_MS), { clock: this.#options.clock, signal });
      if (signal.aborted) return false;
    }
    this.#publication?.write(unit);
    this.#publication?.commit();
    return true;
  }

  /** How long it is until a unit is due, milliseconds. */
  #waitMs(unixMs: number): number {
    const { nowUnixMs, aheadMs } = this.#options;
    const catching = this.#catching;
    const now = nowUnixMs();
    if (catching === undefined) {
      const waitMs = unixMs + this.#behindMs - aheadMs - now;
      // What was late by itself makes all that follows late: else players would have to hurry.
      if (waitMs < -LATE_MS && unixMs > this.#pacedFromUnixMs) this.#behindMs -= waitMs;
      return waitMs;
    }
    const waitMs = (unixMs - catching.fromUnixMs) / CATCH_UP_SPEED - (now - catching.atUnixMs);
    const isLate = waitMs < -CAUGHT_UP_LATE_MS && unixMs > catching.fromUnixMs;
    if (isLate || now - unixMs < LIVE_MS) {
      this.#catching = undefined;
      this.#behindMs = now - unixMs + aheadMs;
      return 0;
    }
    if (waitMs > 2 || !this.#isAnybodySlow) return waitMs;
    this.#catching = { ...catching, atUnixMs: catching.atUnixMs + LONGEST_PAUSE_MS };
    return LONGEST_PAUSE_MS;
  }

  get #isAnybodySlow(): boolean {
    return this.#options.stream.statistics.readers.some(({ lagBytes }) =>
      lagBytes > MOST_WAITING_BYTES
    );
  }
}
