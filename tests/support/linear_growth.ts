/** Tells whether a parser's time grows faster than the length of what it is given. */

/** Below this, milliseconds, nobody is hurt, and a measurement says nothing on a machine that others share. */
const QUICK_MS = 30;
/** Four times the length may take this many times as long: 4 where time is linear, 16 where it is quadratic. */
const MOST_GROWTH = 9;
const LENGTH = 8 * 1024;

/**
 * Parses inputs of one shape and two lengths, `length` and four times that; what it throws is its own business.
 * Returns a sentence on what is wrong, or `undefined`.
 */
export function superLinear(
  parse: (length: number) => void,
  length: number = LENGTH,
): string | undefined {
  const long = millisecondsOf(() => parse(4 * length));
  if (long < QUICK_MS) return undefined;
  // Slow once may be the machine; slow in the best of several runs is the parser.
  const best = (of: number): number =>
    Math.min(...Array.from({ length: 3 }, () => millisecondsOf(() => parse(of))));
  const [short, again] = [best(length), best(4 * length)];
  if (again < QUICK_MS || again <= MOST_GROWTH * short) return undefined;
  return `${length}: ${short.toFixed(1)} ms, ${4 * length}: ${again.toFixed(1)} ms`;
}

function millisecondsOf(act: () => void): number {
  const start = performance.now();
  try {
    act();
  } catch {
    // A refusal, which is an answer too.
  }
  return performance.now() - start;
}
