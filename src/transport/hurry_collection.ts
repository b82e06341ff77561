/** More than V8 lets buffers grow by between two collections. */
const MUCH_BYTES = 512 * 1024 * 1024;

/**
 * Has the garbage collector run soon. Left to itself, V8 lets garbage become several times what is in use, and
 * nothing bounds it: it cannot know what a connection that is gone held for a bound that this program has set.
 *
 * V8 looks at its heap when much memory is taken by buffers. So one is made of memory that nobody touches, which the
 * system therefore does not give, and is given back at once.
 */
export function hurryCollection(): void {
  try {
    new ArrayBuffer(MUCH_BYTES).transfer(0);
  } catch {
    // Where so much may not even be asked for, the collector comes when it comes.
  }
}
