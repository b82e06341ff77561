import { G711_SAMPLE_RATE, isG711Law } from "./g711.ts";
import { OPUS_CLOCK_RATE } from "./opus.ts";
import type { Track } from "./track.ts";

/** The rate of broadcasting and of most encoders, for sound that does not tell its own. */
const USUAL_SAMPLE_RATE = 48_000;

/**
 * What a file says of a track's sound, where each track needs a rate and a number of channels: those of the track, and
 * for one that does not tell them what its codec has nearly always. Opus counts 48 000 samples a second, whatever went
 * into its encoder.
 *
 * @example
 * ```ts
 * import { presumedSound } from "@weir/server/media";
 *
 * console.log(presumedSound({ codec: "pcma" })); // { sampleRate: 8000, channels: 1 }
 * ```
 */
export function presumedSound(
  { codec, sampleRate, channels }: Pick<Track, "codec" | "sampleRate" | "channels">,
): { readonly sampleRate: number; readonly channels: number } {
  if (codec === "opus") return { sampleRate: OPUS_CLOCK_RATE, channels: channels ?? 2 };
  const isG711 = isG711Law(codec);
  return {
    sampleRate: sampleRate || (isG711 ? G711_SAMPLE_RATE : USUAL_SAMPLE_RATE),
    channels: channels ?? (isG711 ? 1 : 2),
  };
}
