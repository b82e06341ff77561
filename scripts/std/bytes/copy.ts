/** Copies as much of `src` as fits into `dst` from `offset` on; returns the number of bytes. */
export function copy(src: Uint8Array, dst: Uint8Array, offset = 0): number {
  const at = Math.min(Math.max(offset, 0), dst.length);
  const left = dst.length - at;
  const fitting = src.length > left ? src.subarray(0, left) : src;
  dst.set(fitting, at);
  return fitting.length;
}
