/** One helper for every decoder: any cut of the input must give the same result. */
import { assertEquals } from "@std/assert";

/** A small seeded generator (mulberry32): the same seed gives the same numbers in [0, 1). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export interface SplitOptions {
  /** Seed of the random cuts; printed when a cut fails. */
  readonly seed?: number;
  /** How many random ways to cut. */
  readonly randomCuts?: number;
  /** At most this many two-way cuts, spread evenly. */
  readonly twoWayCuts?: number;
}

/**
 * Decodes `input` whole, a byte at a time, in every two-way cut and in seeded random cuts, each with
 * a decoder of its own, and asserts that all results are equal and the input is unchanged.
 *
 * `decode` gets the pieces in order and returns everything that came out.
 */
export function assertSplitInvariant<T>(
  input: Uint8Array,
  decode: (pieces: Uint8Array[]) => T,
  options: SplitOptions = {},
): T {
  const { seed = 1, randomCuts = 20, twoWayCuts = 400 } = options;
  const before = input.slice();
  const expected = decode([input.slice()]);
  const check = (pieces: Uint8Array[], how: string) => {
    const copies = pieces.map((piece) => piece.slice());
    assertEquals(decode(copies), expected, `decoded differently when cut ${how}`);
  };
  check(Array.from(input, (byte) => new Uint8Array([byte])), "a byte at a time");
  const step = Math.max(1, Math.ceil(input.length / twoWayCuts));
  for (let at = 1; at < input.length; at += step) {
    check([input.subarray(0, at), input.subarray(at)], `at ${at}`);
  }
  const random = seededRandom(seed);
  for (let round = 0; round < randomCuts; round++) {
    const pieces: Uint8Array[] = [];
    const longest = 1 + Math.floor(random() * Math.max(1, input.length / 2));
    for (let at = 0; at < input.length;) {
      const end = Math.min(input.length, at + 1 + Math.floor(random() * longest));
      pieces.push(input.subarray(at, end));
      at = end;
    }
    check(pieces, `randomly, seed ${seed}, round ${round}`);
  }
  assertEquals(input, before, "the input was changed");
  return expected;
}
