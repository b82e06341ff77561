import type { BitReader } from "../../bytes/mod.ts";
import { RtpError } from "../errors.ts";

/** What RTP must know of an AudioSpecificConfig (ISO 14496-3, 1.6.2.1). */
export interface AacTiming {
  /** Samples a second of the core coder, before spectral band replication. */
  readonly sampleRate: number;
  /** Samples of a frame at that rate: 1024, 960, 512 or 480. */
  readonly frameSamples: number;
}

const SAMPLE_RATES: readonly number[] = [
  ...[96000, 88200, 64000, 48000, 44100, 32000, 24000],
  ...[22050, 16000, 12000, 11025, 8000, 7350],
];

const SBR = 5;
const PARAMETRIC_STEREO = 29;
const LOW_DELAY = 23;
const ENHANCED_LOW_DELAY = 39;

/** Reads an AudioSpecificConfig up to the end of its GASpecificConfig. */
export function readAacTiming(reader: BitReader): AacTiming {
  let objectType = readObjectType(reader);
  const sampleRate = readSampleRate(reader);
  const channels = reader.u(4);
  if (objectType === SBR || objectType === PARAMETRIC_STEREO) {
    readSampleRate(reader);
    objectType = readObjectType(reader);
  }
  const short = reader.flag();
  const lowDelay = objectType === LOW_DELAY || objectType === ENHANCED_LOW_DELAY;
  if (!lowDelay || objectType === LOW_DELAY) {
    if (reader.flag()) reader.skip(14);
    reader.skip(1);
  }
  if (channels === 0) throw unsupported("channels in a program config element");
  return { sampleRate, frameSamples: (short ? 960 : 1024) / (lowDelay ? 2 : 1) };
}

function readObjectType(reader: BitReader): number {
  const type = reader.u(5);
  return type === 31 ? 32 + reader.u(6) : type;
}

function readSampleRate(reader: BitReader): number {
  const index = reader.u(4);
  const rate = index === 15 ? reader.u(24) : SAMPLE_RATES[index] ?? 0;
  if (rate === 0) throw unsupported(`sample rate index ${index}`);
  return rate;
}

function unsupported(what: string): RtpError {
  return new RtpError("unsupported-payload", `Unsupported AAC configuration: ${what}`);
}
