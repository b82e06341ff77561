/**
 * G.711 as RTP and FLV carry it: 8000 samples a second, one byte a sample, mono unless said otherwise
 * (RFC 3551, 4.5.14). It has no configuration.
 */
export const G711_SAMPLE_RATE = 8000;

/** Bytes that sound like nothing: A-law's and µ-law's codes for the smallest sample. */
export const G711_SILENCE = { pcma: 0xd5, pcmu: 0xff } as const;

/** Duration in microseconds of `size` bytes of G.711 with `channels` channels. */
export function g711DurationUs(size: number, channels = 1): number {
  return Math.round((size / channels) * (1_000_000 / G711_SAMPLE_RATE));
}
