/** The longest prefix of an Exp-Golomb code: one more, and the value passes 32 bits (H.264, 9.1). */
const MAX_LEADING_ZEROS = 31;

/**
 * Reads bit fields, most significant bit first, and Exp-Golomb codes (ITU-T H.264, 9.1).
 *
 * @example
 * ```ts
 * import { BitReader } from "@weir/server/bytes";
 *
 * const reader = new BitReader(new Uint8Array([0b101_00110]));
 * console.log(reader.u(3), reader.ue()); // 5 5
 * ```
 */
export class BitReader {
  /** Index of the next bit. */
  offset = 0;
  readonly #bytes: Uint8Array;

  /** Reads from the first bit of `bytes`. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Number of bits not read yet. */
  get remaining(): number {
    return this.#bytes.length * 8 - this.offset;
  }

  /**
   * Reads an unsigned number of `count` bits, 0 to 53.
   *
   * @throws {RangeError} if fewer remain
   */
  u(count: number): number {
    this.#need(count, "read");
    let value = 0;
    let left = count;
    while (left > 0) {
      const available = 8 - (this.offset & 7);
      const taken = Math.min(available, left);
      const byte = this.#bytes[this.offset >> 3]!;
      const bits = (byte >> (available - taken)) & ((1 << taken) - 1);
      value = value * 2 ** taken + bits;
      this.offset += taken;
      left -= taken;
    }
    return value;
  }

  /**
   * Reads one bit as a boolean.
   *
   * @throws {RangeError} if none remains
   */
  flag(): boolean {
    return this.u(1) === 1;
  }

  /**
   * Passes over `count` bits.
   *
   * @throws {RangeError} if fewer remain
   */
  skip(count: number): void {
    this.#need(count, "skip");
    this.offset += count;
  }

  /**
   * Reads an unsigned Exp-Golomb code, 0 to 2 ** 32 - 2.
   *
   * @throws {RangeError} if it is greater, or does not end
   */
  ue(): number {
    let zeros = 0;
    while (!this.flag()) {
      if (++zeros > MAX_LEADING_ZEROS) {
        throw new RangeError("Cannot read an Exp-Golomb code as it is over 2 ** 32 - 2");
      }
    }
    return 2 ** zeros - 1 + this.u(zeros);
  }

  /**
   * Reads a signed Exp-Golomb code.
   *
   * @throws {RangeError} if it is over 31 bits, or does not end
   */
  se(): number {
    const code = this.ue();
    return code % 2 === 0 ? 0 - code / 2 : (code + 1) / 2;
  }

  #need(count: number, action: string): void {
    if (count >= 0 && count <= this.remaining) return;
    throw new RangeError(`Cannot ${action} ${count} bits: only ${this.remaining} remain`);
  }
}
