import { SoundFormat } from "../../flv/mod.ts";
import { type CodecName, G711_SAMPLE_RATE, type Track } from "../../media/mod.ts";
import type { Codec } from "./codec.ts";
import { joinParts, plainAudio } from "./flv_bodies.ts";

/** G.711, A-law (ITU-T G.711; RFC 3551, 4.5.14). */
export const pcma: Codec = g711("pcma", {
  soundFormat: SoundFormat.G711ALaw,
  encodingName: "PCMA",
  payloadType: 8,
  nameInFiles: "alaw",
});

/** G.711, mu-law (ITU-T G.711; RFC 3551, 4.5.14). */
export const pcmu: Codec = g711("pcmu", {
  soundFormat: SoundFormat.G711MuLaw,
  encodingName: "PCMU",
  payloadType: 0,
  nameInFiles: "ulaw",
});

interface Law {
  readonly soundFormat: number;
  readonly encodingName: string;
  /** The static payload type, which stands for one channel at 8000 samples a second (RFC 3551, table 4). */
  readonly payloadType: number;
  /** Its name in `codecs`, and in files. */
  readonly nameInFiles: string;
}

function g711(
  name: CodecName,
  { soundFormat, encodingName, payloadType, nameInFiles }: Law,
): Codec {
  return {
    name,
    kind: "audio",
    durationUs: ({ length }, { channels = 1, sampleRate = G711_SAMPLE_RATE }) =>
      (length * 1_000_000) / (channels * sampleRate),
    flv: {
      whyNotTrack,
      frame: ({ parts }, { channels }) =>
        plainAudio({
          soundFormat,
          soundRate: 0,
          soundType: channels === 2 ? 1 : 0,
          data: joinParts(parts),
        }),
      soundOfHeader: ({ soundType }) => ({ sampleRate: G711_SAMPLE_RATE, channels: soundType + 1 }),
    },
    rtp: {
      encodings: [encodingName],
      clockIsSampleRate: true,
      mapping: ({ channels = 1, sampleRate = G711_SAMPLE_RATE }) => ({
        ...(channels === 1 && sampleRate === G711_SAMPLE_RATE ? { payloadType } : {}),
        encodingName,
        clockRate: sampleRate,
        channels,
        parameters: {},
      }),
    },
    codecString: () => nameInFiles,
    webRtc: {},
    nameInFiles,
  };
}

function whyNotTrack({ sampleRate = G711_SAMPLE_RATE, channels = 1 }: Track): string | undefined {
  if (sampleRate !== G711_SAMPLE_RATE) {
    return `G.711 has 8000 samples a second in FLV: it has ${sampleRate}`;
  }
  return channels > 2 ? `G.711 has two channels in FLV: it has ${channels}` : undefined;
}
