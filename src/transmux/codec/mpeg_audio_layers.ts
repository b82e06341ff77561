import { SoundFormat } from "../../flv/mod.ts";
import { MediaError, parseMp3Header } from "../../media/mod.ts";
import type { CodedFrame } from "../coded_frame.ts";
import type { Codec, TimedFrame } from "./codec.ts";
import { joinParts, plainAudio } from "./flv_bodies.ts";

/** Static payload type of MPEG audio, and its clock (RFC 3551, table 4). */
const PAYLOAD_TYPE = 14;
const CLOCK_RATE = 90_000;

/** MP3, and in RTP any layer of MPEG audio (ISO 11172-3 and 13818-3; RFC 2250). */
export const mp3: Codec = {
  name: "mp3",
  kind: "audio",
  frameFacts: ([frame]) => {
    const { sampleRate, channels } = parseMp3Header(frame!);
    return { sampleRate, channels };
  },
  durationUs: (frame) => {
    const { samplesPerFrame, sampleRate } = parseMp3Header(frame);
    return (samplesPerFrame * 1_000_000) / sampleRate;
  },
  flv: { whyNotFrame, frame: ({ parts }) => body(joinParts(parts)), split: splitMessage },
  rtp: {
    encodings: ["MPA"],
    defaultClockRate: () => CLOCK_RATE,
    mapping: () => ({
      payloadType: PAYLOAD_TYPE,
      encodingName: "MPA",
      clockRate: CLOCK_RATE,
      parameters: {},
    }),
  },
  codecString: () => "mp4a.40.34",
  // Chromium and Firefox do not know it in MP4, and its bare frames they do.
  hls: { isPacked: true },
};

/**
 * Why FLV cannot carry a frame: `MPA` in RTP is MPEG audio of any layer, and FLV has a sound format for layer III only.
 */
function whyNotFrame({ parts }: CodedFrame): string | undefined {
  try {
    if (parseMp3Header(parts[0]!).layer === 3) return undefined;
  } catch (error) {
    if (!(error instanceof MediaError)) throw error;
  }
  return "FLV has no sound format for MPEG audio below layer III";
}

/** Makes the body of a frame. FLV's header has only four sample rates: decoders take the real one from the frame. */
function body(data: Uint8Array): Uint8Array {
  const { sampleRate, channels } = parseMp3Header(data);
  const soundFormat = sampleRate === 8000 ? SoundFormat.Mp38k : SoundFormat.Mp3;
  const soundRate = sampleRate >= 32_000 ? 3 : sampleRate >= 16_000 ? 2 : 1;
  return plainAudio({ soundFormat, soundRate, soundType: channels - 1, data });
}

/**
 * Splits frames that were put into one message. What is no chain of frames up to the end is returned as
 * it is.
 */
function splitMessage(data: Uint8Array): TimedFrame[] {
  const whole = [{ data, offsetUs: 0 }];
  const frames: TimedFrame[] = [];
  try {
    let samples = 0;
    for (let at = 0; at < data.length;) {
      const header = parseMp3Header(data.subarray(at));
      const end = at + header.frameSize;
      if (header.frameSize === 0 || end > data.length) return whole;
      const offsetUs = Math.round((samples / header.sampleRate) * 1_000_000);
      frames.push({ data: data.subarray(at, end), offsetUs });
      samples += header.samplesPerFrame;
      at = end;
    }
  } catch (error) {
    if (error instanceof MediaError) return whole;
    throw error;
  }
  return frames;
}
