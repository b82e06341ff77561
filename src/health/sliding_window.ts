/** Numbers of the last seconds, kept in buckets of a second: what is old is forgotten, and memory is bounded. */
export class SlidingWindow {
  readonly #buckets: { second: number; sum: number; count: number; min: number; max: number }[] =
    [];
  readonly #seconds: number;

  /** Makes a window of so many seconds. */
  constructor(seconds: number) {
    this.#seconds = seconds;
  }

  /** Adds a number that belongs to a time. */
  add(value: number, nowMs: number): void {
    const second = Math.floor(nowMs / 1000);
    const last = this.#buckets.at(-1);
    if (last?.second === second) {
      last.sum += value;
      last.count++;
      last.min = Math.min(last.min, value);
      last.max = Math.max(last.max, value);
      return;
    }
    this.#buckets.push({ second, sum: value, count: 1, min: value, max: value });
    this.#forget(nowMs);
  }

  /** What the window holds at a time; `spread` is how far the numbers of one second lie apart, on average. */
  at(nowMs: number): { readonly sum: number; readonly count: number; readonly spread: number } {
    this.#forget(nowMs);
    const total = { sum: 0, count: 0, spread: 0 };
    for (const { sum, count, min, max } of this.#buckets) {
      total.sum += sum;
      total.count += count;
      total.spread += (max - min) / this.#buckets.length;
    }
    return total;
  }

  #forget(nowMs: number): void {
    const oldest = Math.floor(nowMs / 1000) - this.#seconds;
    while (this.#buckets.length > 0 && this.#buckets[0]!.second <= oldest) this.#buckets.shift();
  }
}
