import type { Clock, Timer } from "../../src/hub/mod.ts";

/** Time that passes when a test turns the clock, and by nothing else. */
export class TurnedClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Set<{ readonly atMs: number; readonly callback: () => void }>();

  /** Timers that are set and have neither fired nor been cancelled. */
  get pending(): number {
    return this.#timers.size;
  }

  now(): number {
    return this.#nowMs;
  }

  setTimer(callback: () => void, delayMs: number): Timer {
    const timer = { atMs: this.#nowMs + delayMs, callback };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  /** Lets time pass; timers fire in order, each at its time, and may let some pass themselves. */
  turn(byMs: number): void {
    const untilMs = this.#nowMs + byMs;
    for (let next; (next = this.#next(untilMs)) !== undefined;) this.#fire(next);
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  /** As `turn`; what a timer has set off is done before time goes on. */
  async turnSlowly(byMs: number): Promise<void> {
    const untilMs = this.#nowMs + byMs;
    await settled();
    for (let next; (next = this.#next(untilMs)) !== undefined;) {
      this.#fire(next);
      await settled();
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  #next(untilMs: number) {
    let next: { readonly atMs: number; readonly callback: () => void } | undefined;
    for (const timer of this.#timers) {
      if (timer.atMs <= untilMs && timer.atMs < (next?.atMs ?? Infinity)) next = timer;
    }
    return next;
  }

  #fire(timer: { readonly atMs: number; readonly callback: () => void }): void {
    this.#timers.delete(timer);
    this.#nowMs = timer.atMs;
    timer.callback();
  }
}

/** Resolves when all is done that waits for no timer and no peer. */
export async function settled(): Promise<void> {
  for (let turns = 0; turns < 40; turns++) await null;
}
