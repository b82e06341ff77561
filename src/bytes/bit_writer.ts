/**
 * Writes bit fields, most significant bit first; the last byte is filled up with zero bits.
 *
 * @example
 * ```ts
 * import { BitWriter } from "@weir/server/bytes";
 *
 * console.log(new BitWriter().u(5, 3).u(6, 5).finish()); // Uint8Array(1) [ 166 ]
 * ```
 */
export class BitWriter {
  readonly #bytes: number[] = [];
  #pending = 0;
  #pendingBits = 0;

  /** Writes the low `count` bits (0 to 53) of `value`. */
  u(value: number, count: number): this {
    for (let bit = count - 1; bit >= 0; bit--) {
      this.#pending = (this.#pending << 1) | (Math.floor(value / 2 ** bit) & 1);
      if (++this.#pendingBits === 8) {
        this.#bytes.push(this.#pending);
        this.#pending = 0;
        this.#pendingBits = 0;
      }
    }
    return this;
  }

  /** Returns what was written, owned by the caller. */
  finish(): Uint8Array<ArrayBuffer> {
    const whole = Uint8Array.from(this.#bytes);
    if (this.#pendingBits === 0) return whole;
    const bytes = new Uint8Array(whole.length + 1);
    bytes.set(whole);
    bytes[whole.length] = this.#pending << (8 - this.#pendingBits);
    return bytes;
  }
}
