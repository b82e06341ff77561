/** More than V8 lets buffers grow by between two collections: a quarter of that does nothing. */
const MUCH_BYTES = 512 * 1024 * 1024;

/**
 * Has the garbage collector run soon. Left to itself, V8 lets garbage become several times what is in use, and
 * nothing bounds it: it cannot know what a connection that is gone held for a bound that this program has set.
 *
 * V8 looks at its heap when much memory is taken by buffers. So one is made of memory that nobody touches, which the
 * system therefore does not give, and is given back at once. That takes half a millisecond; the collection follows
 * beside what else is done, the sooner the more that is: 60 MB of buffers that nobody holds are the system's again within
 * one to three seconds. It does no harm in a container with less memory than is asked for, since what is not touched does
 * not count there (tried with a limit of 200 MB); where a system promises no memory that it may not have, the request
 * fails, and that is all.
 *
 * There is no gentler way. What a connection holds is held in many places, by reads under way too, so that it cannot be
 * given back buffer by buffer with `transfer(0)`. A program can get at `gc`, by `setFlagsFromString("--expose-gc")` of
 * `node:v8` and a context of `node:vm`, but that stops all else for the whole of a collection, whichever kind it is asked
 * for: 150 ms with 1000 players. Options that bound the heap (`--max-semi-space-size`) change nothing once a program runs.
 */
export function hurryCollection(): void {
  try {
    new ArrayBuffer(MUCH_BYTES).transfer(0);
  } catch {
    // Where so much may not even be asked for, the collector comes when it comes.
  }
}
