/** Returns a new array of all that `buffers` hold, in order. */
export function concat(buffers: Iterable<Uint8Array>): Uint8Array<ArrayBuffer> {
  const pieces = Array.from(buffers);
  const whole = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
