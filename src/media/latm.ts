import { type BitReader, BitWriter } from "../bytes/mod.ts";
import { type AacConfig, readAacConfig } from "./aac.ts";
import { MediaError } from "./errors.ts";
import { malformed, readBits } from "./reading.ts";

/** A `StreamMuxConfig` (ISO/IEC 14496-3, 1.7.3), as far as it is used: one program, one layer. */
export interface LatmConfig {
  /** The layer's codec. */
  readonly config: AacConfig;
  /** The layer's AudioSpecificConfig, moved to a byte boundary. */
  readonly audioSpecificConfig: Uint8Array;
  /** Payloads in one `AudioMuxElement`, 1 to 64. */
  readonly subFrames: number;
  /** Bits of data that follow each payload and are no audio. */
  readonly otherDataBits: number;
}

/** Frame length types: 0 says the length with each payload; others are of CELP and HVXC. */
const VARIABLE_LENGTH = 0;

/**
 * Parses a StreamMuxConfig: the `config` parameter of `MP4A-LATM` in SDP (RFC 6416, 7.3).
 *
 * @throws {MediaError} if it is cut short; `unsupported` with several programs or layers, or a payload
 * of fixed length
 *
 * @example
 * ```ts
 * import { parseLatmConfig } from "@weir/server/media";
 *
 * const { config } = parseLatmConfig(Uint8Array.fromHex("400023203fc0"));
 * console.log(config.sampleRate, config.channels); // 48000 2
 * ```
 */
export function parseLatmConfig(bytes: Uint8Array): LatmConfig {
  return readBits(bytes, "A StreamMuxConfig", (bits) => readStreamMuxConfig(bits, bytes));
}

/**
 * Splits an `AudioMuxElement` without a config of its own (RFC 6416: `cpresent=0`) into raw AAC frames,
 * copies where the data is not on a byte boundary.
 *
 * @throws {MediaError} if it is cut short
 */
export function splitLatm(element: Uint8Array, config: LatmConfig): Uint8Array[] {
  return readBits(element, "An AudioMuxElement", (bits) => {
    const frames: Uint8Array[] = [];
    for (let i = 0; i < config.subFrames; i++) {
      let size = 0;
      let byte = 255;
      while (byte === 255) {
        byte = bits.u(8);
        size += byte;
      }
      frames.push(copyBits(bits, { bytes: element, from: bits.offset, count: size * 8 }));
      bits.skip(size * 8);
    }
    return frames;
  });
}

/**
 * Builds the StreamMuxConfig of one program with one layer, version 0, one payload an element.
 *
 * @throws {MediaError} if the AudioSpecificConfig cannot be parsed
 */
export function buildLatmConfig(audioSpecificConfig: Uint8Array): Uint8Array {
  const writer = new BitWriter().u(0, 1).u(1, 1).u(0, 6).u(0, 4).u(0, 3);
  // Version 0 has no length: the config goes in to the bit, without what fills its last byte.
  readBits(audioSpecificConfig, "An AudioSpecificConfig", (bits) => {
    readAacConfig(bits, false);
    const size = bits.offset;
    bits.offset = 0;
    while (bits.offset < size) writer.u(bits.u(1), 1);
  });
  return writer.u(VARIABLE_LENGTH, 3).u(0xff, 8).u(0, 2).finish();
}

/** Builds the `AudioMuxElement` of one raw AAC frame, without a config. */
export function buildLatmElement(frame: Uint8Array): Uint8Array {
  const escapes = Math.floor(frame.length / 255);
  const element = new Uint8Array(escapes + 1 + frame.length).fill(255, 0, escapes);
  element[escapes] = frame.length % 255;
  element.set(frame, escapes + 1);
  return element;
}

function readStreamMuxConfig(bits: BitReader, bytes: Uint8Array): LatmConfig {
  const version = bits.u(1);
  if (version === 1 && bits.flag()) {
    throw new MediaError("unsupported", "A StreamMuxConfig has the version 1A");
  }
  if (version === 1) readLatmValue(bits); // taraBufferFullness
  if (!bits.flag()) throw new MediaError("unsupported", "LATM streams have no time in common");
  const subFrames = bits.u(6) + 1;
  const programs = bits.u(4) + 1;
  const layers = bits.u(3) + 1;
  if (programs > 1 || layers > 1) {
    throw new MediaError("unsupported", `LATM has ${programs} programs and ${layers} layers`);
  }
  const length = version === 1 ? readLatmValue(bits) : undefined;
  const from = bits.offset;
  const config = readAacConfig(bits, false);
  if (length !== undefined) {
    if (length < bits.offset - from) throw malformed("LATM's config is longer than it claims");
    bits.skip(from + length - bits.offset);
  }
  passSyncExtension(bits);
  const audioSpecificConfig = copyBits(bits, { bytes, from, count: bits.offset - from });
  // GStreamer leaves out what follows.
  if (bits.remaining < 3) return { config, audioSpecificConfig, subFrames, otherDataBits: 0 };
  const lengthType = bits.u(3);
  if (lengthType !== VARIABLE_LENGTH) {
    throw new MediaError("unsupported", `LATM has the frame length type ${lengthType}`);
  }
  bits.skip(Math.min(8, bits.remaining)); // latmBufferFullness
  const otherDataBits = bits.remaining > 0 && bits.flag() ? readOtherDataBits(bits, version) : 0;
  return { config, audioSpecificConfig, subFrames, otherDataBits };
}

/**
 * GStreamer's rtpmp4apay copies all of its source's AudioSpecificConfig, the extension too that says
 * whether there is spectral band replication (ISO/IEC 14496-3, 1.6.5). As a frame length type, its first
 * bits would be 2, which no AAC has.
 */
function passSyncExtension(bits: BitReader): void {
  if (bits.remaining < 17) return;
  if (bits.u(11) !== 0x2b7) {
    bits.offset -= 11;
    return;
  }
  bits.skip(5);
  if (bits.flag() && bits.u(4) === 15) bits.skip(24);
}

function readOtherDataBits(bits: BitReader, version: number): number {
  if (version === 1) return readLatmValue(bits);
  let count = 0;
  for (let more = true; more;) {
    more = bits.flag();
    count = count * 256 + bits.u(8);
    if (count > 0xffffffff) throw malformed("LATM has too much other data");
  }
  return count;
}

/** Reads `LatmGetValue` (1.7.3): 1 to 4 bytes. */
function readLatmValue(bits: BitReader): number {
  return bits.u(8 * (bits.u(2) + 1));
}

/** Copies bits to bytes, the last one filled up with zeros; a view where they are aligned. */
function copyBits(
  bits: BitReader,
  { bytes, from, count }: { bytes: Uint8Array; from: number; count: number },
): Uint8Array {
  const shift = from & 7;
  const start = from >> 3;
  const size = Math.ceil(count / 8);
  if (from + count > bytes.length * 8) bits.skip(count); // throws: cut short
  if (shift === 0 && count % 8 === 0) return bytes.subarray(start, start + size);
  const copy = new Uint8Array(size);
  for (let i = 0; i < size; i++) {
    copy[i] = (bytes[start + i]! << shift) | ((bytes[start + i + 1] ?? 0) >> (8 - shift));
  }
  const spare = size * 8 - count;
  if (spare > 0) copy[size - 1] = copy[size - 1]! & (0xff << spare);
  return copy;
}
