/** A picture that is so much older than one before it is of another time, ticks: two seconds. */
const ANOTHER_TIME_TICKS = 180_000;

/**
 * Finds the pictures that are to be shown before one that was decoded already: B frames. A browser shows each picture of
 * WebRTC as it comes, and so cannot show these; without them it has fewer pictures, each of them in order.
 */
export class ShownOrder {
  /** Pictures that are late. */
  lateCount = 0;
  #latest: number | undefined;
  #last: number | undefined;

  /** The player goes on elsewhere. */
  reset(): void {
    this.#latest = undefined;
  }

  /** Whether a packet is of a late picture; `ticks` is its timestamp. */
  isLate(ticks: number): boolean {
    const lateTicks = this.#latest === undefined ? 0 : (this.#latest - ticks) | 0;
    if (lateTicks <= 0 || lateTicks > ANOTHER_TIME_TICKS) {
      this.#latest = ticks;
      return false;
    }
    if (ticks !== this.#last) this.lateCount++;
    this.#last = ticks;
    return true;
  }
}
