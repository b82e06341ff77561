/**
 * Bytes that the access units of one publisher may hold together while they are gathered: four of the
 * largest that a track may have. A description may announce 64 tracks.
 */
export const MAX_OPEN_BYTES: number = 32 * 1024 * 1024;

/**
 * What the tracks of one publisher hold together of access units that are not complete.
 *
 * @example
 * ```ts
 * import { UnitBudget } from "@weir/server/transmux";
 *
 * const budget = new UnitBudget(1000);
 * budget.change(1200);
 * console.log(budget.isExceeded); // true
 * ```
 */
export class UnitBudget {
  readonly #maxBytes: number;
  #bytes = 0;

  /** `maxBytes` is {@linkcode MAX_OPEN_BYTES} by default. */
  constructor(maxBytes: number = MAX_OPEN_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** Whether more is held than there may be. */
  get isExceeded(): boolean {
    return this.#bytes > this.#maxBytes;
  }

  /** Adds `bytes` to what is held; a negative number takes away. */
  change(bytes: number): void {
    this.#bytes += bytes;
  }
}
