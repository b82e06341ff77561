/**
 * Size of the fewest pieces of at most `maxSize` bytes that something is cut into: no smaller than need be, since a short
 * last one would cost a packet as well, and the same for all but the last, since packets of one size can leave by one call
 * of the system.
 */
export function evenPieceSize(length: number, maxSize: number): number {
  return Math.ceil(length / Math.ceil(length / maxSize));
}

/** Cuts `bytes` into the fewest pieces of at most `maxSize`, all of one size but for a last one that may be shorter. */
export function evenPieces(bytes: Uint8Array, maxSize: number): Uint8Array[] {
  const size = evenPieceSize(bytes.length, maxSize);
  const pieces: Uint8Array[] = [];
  for (let from = 0; from < bytes.length; from += size) {
    pieces.push(bytes.subarray(from, from + size));
  }
  return pieces;
}
