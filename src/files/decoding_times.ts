/** A picture or a piece of sound, with its times. */
export interface TimedItem<T> {
  /** What was pushed. */
  readonly item: T;
  /** Decoding time in microseconds; it never goes back, and is never later than the presentation time. */
  readonly dtsUs: number;
  /** Presentation time in microseconds, as it was pushed. */
  readonly ptsUs: number;
}

/** H.264 and H.265 allow no more pictures between a picture and the place where it is shown. */
const MOST_REORDERED = 16;

/**
 * Finds decoding times where only presentation times are known. Items come in decoding order; the n-th of them is
 * decoded at the n-th presentation time, earlier by as much as no picture is decoded behind its own time.
 */
export class DecodingTimes<T> {
  #waiting: { readonly item: T; readonly ptsUs: number }[] = [];
  /** Presentation times that no item has been given yet, ascending. */
  readonly #free: number[] = [];
  #delayUs: number | undefined;
  #lastUs = -Infinity;

  /** Takes the next item, and returns those whose times are known now. */
  push(item: T, ptsUs: number): TimedItem<T>[] {
    this.#waiting.push({ item, ptsUs });
    let at = this.#free.length;
    while (at > 0 && this.#free[at - 1]! > ptsUs) at--;
    this.#free.splice(at, 0, ptsUs);
    // Of the newest ones, those that are shown earlier may still come.
    return this.#waiting.length > 2 * MOST_REORDERED ? this.#take(1, MOST_REORDERED) : [];
  }

  /** Returns the rest. */
  flush(): TimedItem<T>[] {
    return this.#take(this.#waiting.length, this.#waiting.length);
  }

  /** Takes the first `count`; of the first `known` it is sure when each is decoded. */
  #take(count: number, known: number): TimedItem<T>[] {
    this.#delayUs ??= Math.max(
      0,
      ...this.#waiting.slice(0, known).map(({ ptsUs }, at) => this.#free[at]! - ptsUs),
    );
    const taken = this.#waiting.splice(0, count);
    return taken.map(({ item, ptsUs }) => {
      const dueUs = this.#free.shift()! - this.#delayUs!;
      const dtsUs = Math.max(this.#lastUs, Math.min(dueUs, ptsUs));
      this.#lastUs = dtsUs;
      return { item, dtsUs, ptsUs };
    });
  }
}
