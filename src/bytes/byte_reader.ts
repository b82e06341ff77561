/** Keeps a byte order mark: what is read is written again as it was. */
const utf8Decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Options of a {@linkcode ByteReader}. */
export interface ByteReaderOptions {
  /**
   * Makes the error that is thrown when a read goes past the end, or wants a negative number of
   * bytes; a `RangeError` by default.
   */
  readonly onShort?: (wanted: number, remaining: number) => Error;
}

/**
 * Reads big-endian numbers, texts and views from the front of a byte array.
 *
 * Views that it returns share memory with the input and are valid as long as that is. A read past
 * the end throws what {@linkcode ByteReaderOptions.onShort} makes, and reads nothing.
 *
 * @example
 * ```ts
 * import { ByteReader } from "@weir/server/bytes";
 *
 * const reader = new ByteReader(new Uint8Array([0x01, 0x02, 0x03]));
 * console.log(reader.u8(), reader.u16()); // 1 515
 * ```
 */
export class ByteReader {
  /** The bytes that are read. */
  readonly bytes: Uint8Array;
  /** Index of the next byte. */
  offset = 0;
  readonly #view: DataView;
  readonly #onShort: (wanted: number, remaining: number) => Error;

  /** Reads from the start of `bytes`. */
  constructor(bytes: Uint8Array, options: ByteReaderOptions = {}) {
    this.bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#onShort = options.onShort ?? shortReadError;
  }

  /** Number of bytes not read yet. */
  get remaining(): number {
    return this.bytes.length - this.offset;
  }

  /** Reads an unsigned 8-bit number. */
  u8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  /** Reads an unsigned 16-bit number. */
  u16(): number {
    return this.#view.getUint16(this.#advance(2));
  }

  /** Reads a signed 16-bit number. */
  i16(): number {
    return this.#view.getInt16(this.#advance(2));
  }

  /** Reads an unsigned 24-bit number. */
  u24(): number {
    const at = this.#advance(3);
    return this.#view.getUint16(at) * 0x100 + this.#view.getUint8(at + 2);
  }

  /** Reads a signed 24-bit number. */
  i24(): number {
    return (this.u24() << 8) >> 8;
  }

  /** Reads an unsigned 32-bit number. */
  u32(): number {
    return this.#view.getUint32(this.#advance(4));
  }

  /** Reads a signed 32-bit number. */
  i32(): number {
    return this.#view.getInt32(this.#advance(4));
  }

  /** Reads an unsigned 32-bit number in little-endian order. */
  u32le(): number {
    return this.#view.getUint32(this.#advance(4), true);
  }

  /** Reads an IEEE 754 double. */
  f64(): number {
    return this.#view.getFloat64(this.#advance(8));
  }

  /** Returns the next `length` bytes as a view. */
  view(length: number): Uint8Array {
    const at = this.#advance(length);
    return this.bytes.subarray(at, at + length);
  }

  /** Returns all that is left as a view. */
  rest(): Uint8Array {
    return this.view(this.remaining);
  }

  /** Reads `length` bytes as UTF-8; malformed sequences become U+FFFD. */
  utf8(length: number): string {
    return utf8Decoder.decode(this.view(length));
  }

  /** Passes over `length` bytes. */
  skip(length: number): void {
    this.#advance(length);
  }

  #advance(length: number): number {
    const at = this.offset;
    const remaining = this.bytes.length - at;
    // A negative length is what is left of a size that a peer made too small, so it counts as short.
    if (!(length >= 0 && length <= remaining)) throw this.#onShort(length, remaining);
    this.offset = at + length;
    return at;
  }
}

function shortReadError(wanted: number, remaining: number): RangeError {
  return new RangeError(`Cannot read ${wanted} bytes: only ${remaining} remain`);
}
