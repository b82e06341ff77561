import { flacStreamInfo, parseFlacStreamInfo } from "../../media/mod.ts";
import type { Codec } from "./codec.ts";
import { audioFrame, audioSequenceStart, joinParts } from "./flv_bodies.ts";

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
    sequenceHeader: (config) => audioSequenceStart("flac", streamStart(config)),
    frame: audioFrame,
  },
  codecString: () => "fLaC",
  hls: {},
};

/** `fLaC` and STREAMINFO as the last metadata block (Enhanced RTMP v2, `FlacSequenceStart`). */
function streamStart(streamInfo: Uint8Array): Uint8Array {
  const head = new Uint8Array([0x66, 0x4c, 0x61, 0x43, 0x80, 0, 0, streamInfo.length]);
  return joinParts([head, streamInfo]);
}
