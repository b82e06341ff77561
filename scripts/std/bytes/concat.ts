/** Returns a new array of all that `buffers` hold, in order. */
export function concat(buffers: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(buffers.reduce((length, { length: more }) => length + more, 0));
  let at = 0;
  for (const piece of buffers) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
