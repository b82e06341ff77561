/**
 * Undoes the wrap of 32-bit millisecond timestamps (RTMP 1.0, chapter 4): each is taken to be less than
 * 2^31 ms from the one before it, on either side.
 *
 * @example
 * ```ts
 * import { TimestampUnwrapper } from "@weir/server/rtmp";
 *
 * const clock = new TimestampUnwrapper();
 * console.log(clock.unwrap(0xffffffff)); // 4294967295
 * console.log(clock.unwrap(5)); // 4294967301
 * ```
 */
export class TimestampUnwrapper {
  #lastMs: number | undefined;

  /** Returns `timestampMs`, 0 to 2^32 - 1, on a clock that does not wrap. */
  unwrap(timestampMs: number): number {
    this.#lastMs = this.#lastMs === undefined
      ? timestampMs
      : this.#lastMs + ((timestampMs - this.#lastMs) | 0);
    return this.#lastMs;
  }
}
