import type { Clock, Timer } from "../hub/mod.ts";
import { BitrateMean } from "./bitrate_mean.ts";

/** The longest that a timer can be set for, milliseconds: a longer one would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** Bitrates are looked at this often, milliseconds. */
const LOOK_MS = 1000;

/** The deadlines of one publisher or player: when its permission ends, and whether it keeps to its bitrate. */
export class TicketWatch {
  readonly #clock: Clock;
  #timers: Set<Timer> | undefined;
  #limitBps = Infinity;
  #isOver = false;

  /** Watches nothing yet. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `onExpired` in so many milliseconds; never where that is left out, or Infinity. */
  expire(inMs: number | undefined, onExpired: () => void): void {
    if (inMs === undefined || inMs === Infinity) return;
    const endMs = this.#clock.now() + inMs;
    const wait = (): void => {
      const leftMs = endMs - this.#clock.now();
      if (leftMs <= 0) onExpired();
      else this.#in(Math.min(leftMs, LONGEST_TIMER_MS), wait);
    };
    this.#in(Math.min(inMs, LONGEST_TIMER_MS), wait);
  }

  /**
   * Calls `onOver` when `bytes`, which only grows, has grown faster than `limitBps`, in the mean of 10 s. A later call
   * takes the place of the former.
   */
  limitBitrate(
    limitBps: number,
    { bytes, onOver }: { readonly bytes: () => number; readonly onOver: () => void },
  ): void {
    if (limitBps === this.#limitBps) return;
    this.#limitBps = limitBps;
    if (limitBps === Infinity) return;
    const mean = new BitrateMean({ nowMs: this.#clock.now(), bytes: bytes() });
    const look = (): void => {
      if (this.#limitBps !== limitBps) return;
      const bitrate = mean.look({ nowMs: this.#clock.now(), bytes: bytes() });
      if (bitrate !== undefined && bitrate > limitBps) onOver();
      else this.#in(LOOK_MS, look);
    };
    this.#in(LOOK_MS, look);
  }

  /** Watches no longer; harmless when repeated. */
  stop(): void {
    this.#isOver = true;
    this.#timers?.forEach((timer) => timer.cancel());
    this.#timers = undefined;
  }

  #in(delayMs: number, act: () => void): void {
    if (this.#isOver) return;
    const timer = this.#clock.setTimer(() => {
      this.#timers?.delete(timer);
      act();
    }, delayMs);
    (this.#timers ??= new Set()).add(timer);
  }
}
