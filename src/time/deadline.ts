import type { Clock, Timer } from "./clock.ts";
import { Interruption } from "./interruption.ts";

/** What a wait gives that was not over in time. */
export const LATE: unique symbol = Symbol("late");

/**
 * A time by which some waits, one after the other, must be over. Its timer is cleared at the end of a `using` block.
 *
 * @example
 * ```ts
 * import { Deadline, LATE } from "./mod.ts";
 *
 * const clock = { setTimer: (due: () => void) => (due(), { cancel: () => {} }) };
 * using deadline = new Deadline(clock, 60_000); // this clock is fast
 * console.log(await deadline.before(new Promise(() => {})) === LATE); // true
 * ```
 */
export class Deadline implements Disposable {
  readonly #late = new Interruption<typeof LATE>();
  readonly #timer: Timer;

  /** Is over `ms` milliseconds from now. */
  constructor(clock: Pick<Clock, "setTimer">, ms: number) {
    this.#timer = clock.setTimer(() => this.#late.happen(LATE), ms);
  }

  /**
   * Resolves or rejects as `work` does, or resolves with {@linkcode LATE} when the time is over before. Work that is
   * late goes on, and nobody hears of what becomes of it, a rejection neither.
   */
  before<T>(work: Promise<T>): Promise<T | typeof LATE> {
    return this.#late.orResultOf(work);
  }

  /** Clears the timer: waits end with their work alone. */
  [Symbol.dispose](): void {
    this.#timer.cancel();
  }
}

/** Waits for `work`, and so long at most: see {@linkcode Deadline.before}. */
export async function within<T>(
  work: Promise<T>,
  { clock, ms }: { readonly clock: Pick<Clock, "setTimer">; readonly ms: number },
): Promise<T | typeof LATE> {
  using deadline = new Deadline(clock, ms);
  return await deadline.before(work);
}
