import { buildAc3Config, type CodecName, parseAc3Header } from "../../media/mod.ts";
import type { Codec, FrameFacts } from "./codec.ts";
import { audioFrame } from "./flv_bodies.ts";

/** The sample rate of broadcasts and discs, assumed where a description gives no clock rate. */
const USUAL_SAMPLE_RATE = 48_000;

/** AC-3 (ETSI TS 102 366; Enhanced RTMP; RFC 4184). */
export const ac3: Codec = ofDolby("ac3", { encodingName: "AC3", codecString: "ac-3" });

/** E-AC-3 (ETSI TS 102 366, annex E; Enhanced RTMP; RFC 4598). */
export const eac3: Codec = ofDolby("eac3", { encodingName: "EAC3", codecString: "ec-3" });

function ofDolby(
  name: CodecName,
  { encodingName, codecString }: { readonly encodingName: string; readonly codecString: string },
): Codec {
  return {
    name,
    kind: "audio",
    frameFacts,
    durationUs,
    flv: { frame: audioFrame },
    rtp: {
      encodings: [encodingName],
      clockIsSampleRate: true,
      defaultClockRate: () => USUAL_SAMPLE_RATE,
      mapping: ({ sampleRate, channels }) =>
        sampleRate === undefined ? "its sample rate is not known" : {
          encodingName,
          clockRate: sampleRate,
          ...(channels === undefined ? {} : { channels }),
          parameters: {},
        },
    },
    codecString: () => codecString,
    hls: { isRare: true },
  };
}

function frameFacts([frame]: readonly Uint8Array[]): FrameFacts {
  const { sampleRate, channels } = parseAc3Header(frame!);
  return { config: buildAc3Config(frame!), sampleRate, channels };
}

function durationUs(frame: Uint8Array): number {
  const { samplesPerFrame, sampleRate } = parseAc3Header(frame);
  return (samplesPerFrame * 1_000_000) / sampleRate;
}
