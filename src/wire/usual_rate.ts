const USUAL_RATES = [15, 20, 24_000 / 1001, 24, 25, 30_000 / 1001, 30, 50, 60_000 / 1001, 60];

/**
 * A frame rate that was counted for a time, or a usual one that it can be nothing else than where times are rounded by
 * so much.
 */
export function usualRate(
  rate: number,
  { countedUs, roundingUs }: { readonly countedUs: number; readonly roundingUs: number },
): number {
  const nearest = USUAL_RATES.toSorted((a, b) => Math.abs(a - rate) - Math.abs(b - rate))[0]!;
  const mayBeOff = Math.max(0.0008, roundingUs / countedUs);
  return Math.abs(nearest - rate) / rate < mayBeOff ? nearest : rate;
}
