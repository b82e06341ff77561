import { ByteWriter } from "../bytes/mod.ts";
import { malformed, mediaReader } from "./reading.ts";

/** An Opus identification header (RFC 7845, 5.1). */
export interface OpusHead {
  /** Number of channels, 1 to 255. */
  readonly channels: number;
  /** Samples, at 48 kHz, to throw away at the start. */
  readonly preSkip: number;
  /** Sample rate before encoding; Opus itself is always decoded at 48 kHz. */
  readonly inputSampleRate: number;
  /** Gain to apply, in dB times 256. */
  readonly outputGain: number;
  /** Channel mapping family: 0 mono and stereo, 1 Vorbis order, 255 none. */
  readonly mappingFamily: number;
  /** Streams in a packet; 1 in family 0. */
  readonly streams: number;
  /** How many of these are stereo. */
  readonly coupledStreams: number;
  /** Which decoded channel each output channel is; a view. Empty in family 0. */
  readonly mapping: Uint8Array;
}

/** Rate at which Opus counts time, whatever was encoded. */
export const OPUS_CLOCK_RATE = 48000;

const SIGNATURE = "OpusHead";
/** Longest packet (RFC 6716, 3.2.5). */
const MAX_PACKET_US = 120_000;

/**
 * Parses an OpusHead.
 *
 * @throws {MediaError} if it is cut short or malformed
 *
 * @example
 * ```ts
 * import { buildOpusHead, parseOpusHead } from "@weir/server/media";
 *
 * console.log(parseOpusHead(buildOpusHead({ channels: 2 })).mappingFamily); // 0
 * ```
 */
export function parseOpusHead(bytes: Uint8Array): OpusHead {
  const reader = mediaReader(bytes, "OpusHead");
  if (reader.utf8(8) !== SIGNATURE) throw malformed("An Opus header does not start with OpusHead");
  const version = reader.u8();
  if (version >> 4 !== 0) throw malformed(`OpusHead has the version ${version}`);
  const channels = reader.u8();
  if (channels === 0) throw malformed("OpusHead has no channels");
  const preSkip = reader.u8() | (reader.u8() << 8);
  const inputSampleRate = reader.u32le();
  const gain = reader.u8() | (reader.u8() << 8);
  const outputGain = (gain << 16) >> 16;
  const mappingFamily = reader.u8();
  const head = { channels, preSkip, inputSampleRate, outputGain, mappingFamily };
  if (mappingFamily === 0) {
    if (channels > 2) throw malformed(`OpusHead has ${channels} channels in mapping family 0`);
    return { ...head, streams: 1, coupledStreams: channels - 1, mapping: new Uint8Array(0) };
  }
  const streams = reader.u8();
  const coupledStreams = reader.u8();
  if (streams === 0 || coupledStreams > streams) {
    throw malformed(`OpusHead has ${streams} streams, ${coupledStreams} of them coupled`);
  }
  return { ...head, streams, coupledStreams, mapping: reader.view(channels) };
}

/**
 * Builds an OpusHead. Fields that are left out: no pre-skip, 48 kHz, no gain, and for one or two
 * channels mapping family 0.
 *
 * @throws {RangeError} if over two channels come without a mapping family
 */
export function buildOpusHead(
  head: Partial<OpusHead> & { readonly channels: number },
): Uint8Array {
  const { channels, preSkip = 0, inputSampleRate = 48000, outputGain = 0, mappingFamily = 0 } =
    head;
  if (mappingFamily === 0 && (channels < 1 || channels > 2)) {
    throw new RangeError(
      `Cannot build an OpusHead as mapping family 0 has 1 or 2 channels: current value is ${channels}`,
    );
  }
  const writer = new ByteWriter(32).utf8(SIGNATURE).u8(1).u8(channels)
    .u8(preSkip & 0xff).u8(preSkip >> 8).u32le(inputSampleRate)
    .u8(outputGain & 0xff).u8((outputGain >> 8) & 0xff).u8(mappingFamily);
  if (mappingFamily !== 0) {
    const { streams = channels, coupledStreams = 0 } = head;
    const mapping = head.mapping ?? Uint8Array.from({ length: channels }, (_, i) => i);
    writer.u8(streams).u8(coupledStreams).bytes(mapping);
  }
  return writer.finish();
}

/** Frame durations in microseconds by the low bits of `config` (RFC 6716, table 2). */
const SILK_US: readonly number[] = [10_000, 20_000, 40_000, 60_000];
const HYBRID_US: readonly number[] = [10_000, 20_000];
const CELT_US: readonly number[] = [2_500, 5_000, 10_000, 20_000];

/**
 * Returns the duration of an Opus packet in microseconds, from its first bytes (RFC 6716, 3.1).
 *
 * @throws {MediaError} if it is empty or cut short, or longer than the 120 ms that a packet may be
 *
 * @example
 * ```ts
 * import { opusPacketDurationUs } from "@weir/server/media";
 *
 * console.log(opusPacketDurationUs(new Uint8Array([0xfc, 0xff, 0xfe]))); // 20000
 * ```
 */
export function opusPacketDurationUs(packet: Uint8Array): number {
  const reader = mediaReader(packet, "An Opus packet");
  const toc = reader.u8();
  const frameUs = frameDurationUs(toc >> 3);
  const code = toc & 3;
  const frames = code === 0 ? 1 : code < 3 ? 2 : reader.u8() & 0x3f;
  const durationUs = frames * frameUs;
  if (frames === 0 || durationUs > MAX_PACKET_US) {
    throw malformed(`An Opus packet has ${frames} frames of ${frameUs} microseconds`);
  }
  return durationUs;
}

/** Whether an Opus packet is coded in stereo (the `s` bit of RFC 6716, 3.1). */
export function isOpusStereo(packet: Uint8Array): boolean {
  return ((packet[0] ?? 0) & 4) !== 0;
}

function frameDurationUs(config: number): number {
  if (config < 12) return SILK_US[config & 3]!;
  if (config < 16) return HYBRID_US[config & 1]!;
  return CELT_US[config & 3]!;
}
