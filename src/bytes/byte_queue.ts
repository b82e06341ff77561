import { concat } from "@std/bytes/concat";

const NOTHING = new Uint8Array(0);

/**
 * A first-in first-out queue of bytes, for decoders whose input arrives in arbitrary pieces.
 *
 * What lies in one pushed piece is taken as a view of it; what crosses pieces is copied together.
 *
 * @example
 * ```ts
 * import { ByteQueue } from "@weir/server/bytes";
 *
 * const queue = new ByteQueue();
 * queue.push(new Uint8Array([1, 2]));
 * queue.push(new Uint8Array([3]));
 * console.log(queue.take(3)); // Uint8Array(3) [ 1, 2, 3 ]
 * ```
 */
export class ByteQueue {
  /** Number of bytes that wait. */
  length = 0;
  #head: Uint8Array = NOTHING;
  #offset = 0;
  #tail: Uint8Array[] = [];

  /** Appends `bytes`, which must not be changed afterwards. */
  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    if (this.length === 0) {
      this.#head = bytes;
      this.#offset = 0;
    } else {
      this.#tail.push(bytes);
    }
    this.length += bytes.length;
  }

  /**
   * Returns the first `count` bytes without removing them, or `undefined` when fewer wait.
   *
   * @throws {RangeError} if `count` is negative
   */
  peek(count: number): Uint8Array | undefined {
    if (count > this.length) return undefined;
    if (!(count >= 0)) throw new RangeError(`Cannot peek at ${count} bytes`);
    if (this.#offset + count > this.#head.length) this.#join();
    return this.#head.subarray(this.#offset, this.#offset + count);
  }

  /**
   * Removes and returns the first `count` bytes, or returns `undefined` when fewer wait.
   *
   * @throws {RangeError} if `count` is negative
   */
  take(count: number): Uint8Array | undefined {
    const bytes = this.peek(count);
    if (bytes !== undefined) this.skip(count);
    return bytes;
  }

  /** Removes and returns all that waits. */
  takeAll(): Uint8Array {
    return this.take(this.length)!;
  }

  /**
   * Removes the first `count` bytes.
   *
   * @throws {RangeError} if fewer wait, or `count` is negative
   */
  skip(count: number): void {
    if (!(count >= 0 && count <= this.length)) {
      throw new RangeError(`Cannot skip ${count} bytes: only ${this.length} wait`);
    }
    this.length -= count;
    if (this.length === 0) {
      // What the bytes are a view of is not held any longer.
      this.#head = NOTHING;
      this.#offset = 0;
      this.#tail = [];
      return;
    }
    this.#offset += count;
    while (this.#offset >= this.#head.length && this.#tail.length > 0) {
      this.#offset -= this.#head.length;
      this.#head = this.#tail.shift()!;
    }
  }

  #join(): void {
    this.#head = concat([this.#head.subarray(this.#offset), ...this.#tail]);
    this.#offset = 0;
    this.#tail = [];
  }
}
