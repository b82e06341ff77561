import { indexOfNeedle } from "./index_of_needle.ts";

/** Tells whether `needle` occurs in `source` at or after `start`. */
export function includesNeedle(source: Uint8Array, needle: Uint8Array, start = 0): boolean {
  return indexOfNeedle(source, needle, start) >= 0;
}
