/** Options of a {@linkcode DtsEstimator}. */
export interface DtsEstimatorOptions {
  /**
   * How many pictures may precede another in coding order and follow it in display order:
   * `reorderDepth` of the SPS. 0 by default. It grows when the stream shows that it is too small.
   */
  readonly reorderDepth?: number;
  /** Duration of a frame in microseconds where it is known, to place the first pictures. */
  readonly frameDurationUs?: number;
}

/** No codec lets a picture wait for more than 16 others. */
const MAX_DEPTH = 16;

/**
 * Derives decoding times from presentation times, for streams that carry only the latter (RTP) and
 * formats that need both (FLV, MPEG-TS).
 *
 * With a reorder depth of `d`, at most `d` of the pictures before one in coding order are shown after
 * it; so the presentation time that is `d` places back in sorted order is never later than its own, and
 * taking it as the decoding time gives each picture a time that never goes back. Nothing is delayed. The
 * first picture coded is taken to be the first one shown, as an IDR picture is.
 *
 * @example A group of pictures I P B B at 40 ms a frame
 * ```ts
 * import { DtsEstimator } from "@weir/server/media";
 *
 * const estimator = new DtsEstimator({ reorderDepth: 1, frameDurationUs: 40_000 });
 * console.log([80_000, 200_000, 120_000, 160_000].map((ptsUs) => estimator.next(ptsUs)));
 * // [ 40000, 80000, 120000, 160000 ]
 * ```
 */
export class DtsEstimator {
  #depth: number;
  readonly #frameDurationUs: number;
  /** The `depth + 1` latest presentation times, ascending. */
  #latest: number[] = [];
  #lastUs = -1;

  /** Starts before the first picture. */
  constructor({ reorderDepth = 0, frameDurationUs = 0 }: DtsEstimatorOptions = {}) {
    this.#depth = Math.min(Math.max(0, Math.trunc(reorderDepth)), MAX_DEPTH);
    this.#frameDurationUs = Math.max(0, Math.round(frameDurationUs));
  }

  /** The depth in use: what was given, or more where the stream needed it. */
  get reorderDepth(): number {
    return this.#depth;
  }

  /**
   * Takes the presentation time of the next picture in coding order, in integer microseconds, and
   * returns its decoding time: not negative, not before the last one, not after `ptsUs`. It equals the
   * last one at most at the start, where there is no room below. Only for a picture that shows that the
   * stream reorders deeper than was said is it later than `ptsUs`; the depth then grows.
   */
  next(ptsUs: number): number {
    const pts = Math.max(0, Math.round(ptsUs));
    if (pts < this.#lastUs && this.#depth < MAX_DEPTH) this.#depth++;
    this.#remember(pts);
    this.#lastUs = Math.max(this.#candidate(), this.#lastUs, 0);
    return this.#lastUs;
  }

  /** Forgets all times, for a stream that starts anew or jumps; the depth stays. */
  reset(): void {
    this.#latest = [];
    this.#lastUs = -1;
  }

  #remember(pts: number): void {
    let at = this.#latest.length;
    while (at > 0 && this.#latest[at - 1]! > pts) at--;
    this.#latest.splice(at, 0, pts);
    if (this.#latest.length > this.#depth + 1) this.#latest.shift();
  }

  /** The sorted time `depth` places back; before there is one, extrapolated from the first. */
  #candidate(): number {
    const missing = this.#depth + 1 - this.#latest.length;
    return this.#latest[0]! - missing * this.#frameDurationUs;
  }
}
