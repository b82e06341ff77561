import { SoundFormat } from "../../flv/mod.ts";
import type { Track } from "../../media/mod.ts";
import type { Codec } from "./codec.ts";
import { joinParts, plainAudio } from "./flv_bodies.ts";

/** Samples a second by FLV's sound rate (FLV 10.1, E.4.2.1): it has no others. */
const FLV_SAMPLE_RATES: readonly number[] = [5512, 11_025, 22_050, 44_100];

const SAMPLE_BYTES = 2;

/** Payload types of 44.1 kHz by the number of channels (RFC 3551, table 4). */
const STATIC_TYPES: ReadonlyMap<number, number> = new Map([[1, 11], [2, 10]]);

/**
 * Linear samples (RFC 3551, 4.5.10 and 4.5.11; RFC 3190). Those of 16 bits have a form in FLV too, at its rates; there
 * the low byte comes first, and elsewhere the high one.
 */
export const lpcm: Codec = {
  name: "lpcm",
  kind: "audio",
  durationUs: ({ length }, { channels = 1, sampleRate }) =>
    sampleRate === undefined
      ? undefined
      : (length * 1_000_000) / (SAMPLE_BYTES * channels * sampleRate),
  flv: {
    whyNotTrack,
    frame: ({ parts }, { channels, sampleRate }) =>
      plainAudio({
        soundFormat: SoundFormat.LpcmLittleEndian,
        soundRate: FLV_SAMPLE_RATES.indexOf(sampleRate!),
        soundType: channels === 2 ? 1 : 0,
        data: swapped(joinParts(parts)),
      }),
    split: (data: Uint8Array) => [{ data: swapped(data), offsetUs: 0 }],
    soundOfHeader: ({ soundType, soundRate, soundSize }) =>
      // Samples of eight bits are without sign in FLV, and nothing sends them.
      soundSize === 1 ? { sampleRate: FLV_SAMPLE_RATES[soundRate]!, channels: soundType + 1 } : {},
  },
  rtp: {
    encodings: ["L8", "L16", "L24"],
    clockIsSampleRate: true,
    mapping: ({ sampleRate, channels = 1 }) => {
      if (sampleRate === undefined) return "its sample rate is not known";
      const payloadType = sampleRate === 44_100 ? STATIC_TYPES.get(channels) : undefined;
      return {
        ...(payloadType === undefined ? {} : { payloadType }),
        encodingName: "L16",
        clockRate: sampleRate,
        channels,
        parameters: {},
      };
    },
  },
};

function whyNotTrack({ rtp, sampleRate, channels = 1 }: Track): string | undefined {
  const encoding = rtp?.encodingName.toUpperCase() ?? "L16";
  if (encoding !== "L16") return `FLV has linear samples of 16 bits: these are ${encoding}`;
  if (!FLV_SAMPLE_RATES.includes(sampleRate ?? 0)) {
    return `FLV has linear samples of 5.5, 11, 22 and 44.1 kHz: these have ${sampleRate}`;
  }
  return channels > 2
    ? `FLV has two channels of linear samples: these have ${channels}`
    : undefined;
}

/** The samples with their two bytes in the other order; half a sample at the end is left out. */
function swapped(samples: Uint8Array): Uint8Array {
  const target = new Uint8Array(samples.length - samples.length % SAMPLE_BYTES);
  for (let at = 0; at < target.length; at += SAMPLE_BYTES) {
    target[at] = samples[at + 1]!;
    target[at + 1] = samples[at]!;
  }
  return target;
}
