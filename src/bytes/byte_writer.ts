const utf8Encoder = new TextEncoder();

/**
 * Builds a byte array from big-endian numbers, texts and other byte arrays; it grows as needed.
 *
 * Every method but `finish` returns the writer, so that calls chain.
 *
 * @example
 * ```ts
 * import { ByteWriter } from "@weir/server/bytes";
 *
 * console.log(new ByteWriter().u8(1).u24(2).finish()); // Uint8Array(4) [ 1, 0, 0, 2 ]
 * ```
 */
export class ByteWriter {
  /** Number of bytes written so far. */
  length = 0;
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;

  /** `capacity` is a first guess at the size, in bytes. */
  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(Math.max(capacity, 16));
    this.#view = new DataView(this.#bytes.buffer);
  }

  /** Writes an unsigned 8-bit number. */
  u8(value: number): this {
    const at = this.#reserve(1);
    this.#bytes[at] = value;
    return this;
  }

  /** Writes an unsigned 16-bit number. */
  u16(value: number): this {
    const at = this.#reserve(2);
    this.#view.setUint16(at, value);
    return this;
  }

  /** Writes an unsigned 24-bit number, or the low 24 bits of a signed one. */
  u24(value: number): this {
    const at = this.#reserve(3);
    this.#view.setUint8(at, value >> 16);
    this.#view.setUint16(at + 1, value);
    return this;
  }

  /** Writes an unsigned 32-bit number, or a signed one in two's complement. */
  u32(value: number): this {
    const at = this.#reserve(4);
    this.#view.setUint32(at, value);
    return this;
  }

  /** Writes an unsigned 32-bit number in little-endian order. */
  u32le(value: number): this {
    const at = this.#reserve(4);
    this.#view.setUint32(at, value, true);
    return this;
  }

  /** Writes an IEEE 754 double. */
  f64(value: number): this {
    const at = this.#reserve(8);
    this.#view.setFloat64(at, value);
    return this;
  }

  /** Copies `bytes` in. */
  bytes(bytes: Uint8Array): this {
    const at = this.#reserve(bytes.length);
    this.#bytes.set(bytes, at);
    return this;
  }

  /** Writes `text` as UTF-8, without a length. */
  utf8(text: string): this {
    return this.bytes(utf8Encoder.encode(text));
  }

  /** Returns what was written, owned by the caller, and makes the writer unusable for more. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.length);
  }

  #reserve(count: number): number {
    const at = this.length;
    const end = at + count;
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(end, this.#bytes.length * 2));
      grown.set(this.#bytes.subarray(0, at));
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    this.length = end;
    return at;
  }
}
