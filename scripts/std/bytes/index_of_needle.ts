import { equals } from "./equals.ts";

/**
 * Returns where `needle` first occurs in `source` at or after `start`, or -1; a negative `start`
 * counts from the end. Neither an empty needle nor one sought from a fraction is found, as in the
 * real package.
 */
export function indexOfNeedle(source: Uint8Array, needle: Uint8Array, start = 0): number {
  const [first] = needle;
  if (first === undefined) return -1;
  const from = start < 0 ? Math.max(0, source.length + start) : start;
  if (from % 1 !== 0) return -1;
  for (let at = source.indexOf(first, from); at >= 0; at = source.indexOf(first, at + 1)) {
    if (equals(source.subarray(at, at + needle.length), needle)) return at;
  }
  return -1;
}
