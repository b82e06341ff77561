import type { CodecName } from "./track.ts";

/**
 * G.711 as RTP and FLV carry it: 8000 samples a second, one byte a sample, mono unless said otherwise
 * (RFC 3551, 4.5.14). It has no configuration.
 */
export const G711_SAMPLE_RATE = 8000;

/** The codecs of G.711: A-law is `pcma`, and µ-law `pcmu`. */
export type G711Law = "pcma" | "pcmu";

/** Whether a codec is G.711. */
export function isG711Law(codec: CodecName | undefined): codec is G711Law {
  return codec === "pcma" || codec === "pcmu";
}

/** The law that `law` is not: {@linkcode convertG711} converts to it. */
export function otherG711Law(law: G711Law): G711Law {
  return law === "pcma" ? "pcmu" : "pcma";
}

/** Bytes that sound like nothing: A-law's and µ-law's codes for the smallest sample. */
export const G711_SILENCE = { pcma: 0xd5, pcmu: 0xff } as const;

/** Duration in microseconds of `size` bytes of G.711 with `channels` channels. */
export function g711DurationUs(size: number, channels = 1): number {
  return Math.round((size / channels) * (1_000_000 / G711_SAMPLE_RATE));
}

/** One law's code for each of the other's, by where it comes from; made when they are needed. */
const conversions = new Map<G711Law, Uint8Array>();

/**
 * Converts sound from one law of G.711 to the other, each sample to the nearest that there is; what `from` says, `bytes`
 * are.
 *
 * @example
 * ```ts
 * import { convertG711 } from "@weir/server/media";
 *
 * const silence = new Uint8Array(160).fill(0xff);
 * console.log(convertG711(silence, "pcmu")[0]); // 213, which is A-law's 0xd5
 * ```
 */
export function convertG711(bytes: Uint8Array, from: G711Law): Uint8Array {
  let table = conversions.get(from);
  if (table === undefined) {
    table = from === "pcma"
      ? conversionTable(sampleOfALaw, sampleOfMuLaw)
      : conversionTable(sampleOfMuLaw, sampleOfALaw);
    conversions.set(from, table);
  }
  const codes = table;
  return bytes.map((code) => codes[code]!);
}

/** Of both laws the highest bit is the sign, which stays: silence has one too. */
function conversionTable(from: (code: number) => number, to: (code: number) => number): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, code) => {
    const sample = from(code);
    let best = code & 0x80;
    for (let other = best; other < (code & 0x80) + 128; other++) {
      if (Math.abs(to(other) - sample) < Math.abs(to(best) - sample)) best = other;
    }
    return best;
  });
}

/** The sample of 16 bits that an A-law code stands for (ITU-T G.711, table 1a). */
function sampleOfALaw(code: number): number {
  const bits = code ^ 0x55;
  const segment = (bits & 0x70) >> 4;
  const step = (bits & 0x0f) << 4;
  const size = segment === 0 ? step + 8 : (step + 0x108) << (segment - 1);
  return (bits & 0x80) !== 0 ? size : -size;
}

/** The sample of 16 bits that a µ-law code stands for (ITU-T G.711, table 2a). */
function sampleOfMuLaw(code: number): number {
  const bits = ~code & 0xff;
  const size = ((((bits & 0x0f) << 3) + 0x84) << ((bits & 0x70) >> 4)) - 0x84;
  return (bits & 0x80) !== 0 ? -size : size;
}
