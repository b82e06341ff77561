/** The buffer of a message of which nothing has arrived. */
export const noBytes: Uint8Array = new Uint8Array(0);

/** Smaller buffers cost more to give back than they hold. */
const leastReleasedBytes = 4096;

/**
 * Returns `buffer`, or a copy of its first `used` bytes with room for at least `needed`: twice that,
 * so that growing costs one copy a byte on average, but no more than `most`.
 */
export function grown(buffer: Uint8Array, used: number, needed: number, most: number): Uint8Array {
  if (needed <= buffer.length) return buffer;
  const larger = new Uint8Array(Math.min(most, Math.max(needed * 2, 64)));
  if (used > 0) larger.set(buffer.subarray(0, used));
  release(buffer);
  return larger;
}

/**
 * Gives back the memory of a buffer that nobody else has seen, without waiting for the garbage collector: many peers
 * that each send a part of a message would else have it hold several times what they hold.
 */
export function release({ buffer }: Uint8Array): void {
  if (buffer.byteLength >= leastReleasedBytes) (buffer as ArrayBuffer).transfer(0);
}
