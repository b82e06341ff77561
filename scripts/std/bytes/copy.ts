/** Copies as much of `src` as fits into `dst` from `offset` on; returns the number of bytes. */
export function copy(src: Uint8Array, dst: Uint8Array, offset = 0): number {
  const at = Math.min(Math.max(offset, 0), dst.length);
  const count = Math.min(src.length, dst.length - at);
  dst.set(src.subarray(0, count), at);
  return count;
}
