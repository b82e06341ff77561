import { flacHead, flacStreamInfo, parseFlacStreamInfo } from "../../media/mod.ts";
import type { Codec } from "./codec.ts";
import { audioFrame, audioSequenceStart } from "./flv_bodies.ts";

/** FLAC (RFC 9639; Enhanced RTMP); RTP has no payload format for it. */
export const flac: Codec = {
  name: "flac",
  kind: "audio",
  config: {
    isNeeded: true,
    facts: (config) => {
      const { sampleRate, channels } = parseFlacStreamInfo(config);
      return { sampleRate, channels };
    },
    ofHeader: flacStreamInfo,
  },
  durationUs: (_frame, { config }) => {
    if (config === undefined) return undefined;
    const { minBlockSize, maxBlockSize, sampleRate } = parseFlacStreamInfo(config);
    return minBlockSize === maxBlockSize ? (maxBlockSize * 1_000_000) / sampleRate : undefined;
  },
  flv: {
    sequenceHeader: (config) => audioSequenceStart("flac", flacHead(config)),
    frame: audioFrame,
  },
  codecString: () => "fLaC",
  hls: {},
};
