import {
  buildOpusHead,
  isOpusStereo,
  OPUS_CLOCK_RATE,
  opusPacketDurationUs,
  parseOpusHead,
} from "../../media/mod.ts";
import type { Codec } from "./codec.ts";
import { audioFrame, audioSequenceStart } from "./flv_bodies.ts";

/** Opus (RFC 6716 and 7845; Enhanced RTMP; RFC 7587). */
export const opus: Codec = {
  name: "opus",
  kind: "audio",
  config: {
    isNeeded: true,
    facts: (config) => ({
      sampleRate: OPUS_CLOCK_RATE,
      channels: parseOpusHead(config).channels,
    }),
  },
  // Two channels are assumed without a header: a later frame may be stereo where the first one is mono.
  frameFacts: () => ({ config: buildOpusHead({ channels: 2 }) }),
  durationUs: (frame) => opusPacketDurationUs(frame),
  ofEncoder: (data, config = buildOpusHead({ channels: isOpusStereo(data) ? 2 : 1 })) => [
    { data, config, offsetUs: 0 },
  ],
  flv: {
    sequenceHeader: (config) => audioSequenceStart("opus", config),
    frame: audioFrame,
  },
  rtp: {
    encodings: ["OPUS"],
    defaultClockRate: () => OPUS_CLOCK_RATE,
    // The channels of `rtpmap` are always 2 (RFC 7587, 7). What does not call itself mono may be stereo.
    configOf: ({ fmtp }) => buildOpusHead({ channels: fmtp["sprop-stereo"] === "0" ? 1 : 2 }),
    // `rtpmap` always states two channels (RFC 7587, 7): whether the sound is stereo is a parameter.
    mapping: ({ channels = 2 }) =>
      channels > 2 ? `Opus has two channels in RTP: it has ${channels}` : {
        encodingName: "opus",
        clockRate: OPUS_CLOCK_RATE,
        channels: 2,
        parameters: { "sprop-stereo": channels === 2 ? "1" : "0" },
      },
  },
  codecString: () => "opus",
  hls: {},
  webRtc: {},
};
