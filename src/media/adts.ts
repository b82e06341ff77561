import { BitWriter } from "../bytes/mod.ts";
import { aacChannelsOfConfig, type AacConfig, aacRateIndex, aacRateOfIndex } from "./aac.ts";
import { MediaError } from "./errors.ts";
import { malformed, readBits } from "./reading.ts";

/** The header of an ADTS frame (ISO/IEC 14496-3, 1.A.2.2). */
export interface AdtsHeader {
  /** Audio object type: `profile` plus 1. */
  readonly objectType: number;
  /** Samples a second. */
  readonly sampleRate: number;
  /** `channel_configuration`, 0 to 7. */
  readonly channelConfig: number;
  /** Number of channels, 0 where the stream tells. */
  readonly channels: number;
  /** Bytes of the header: 7, or 9 with a checksum. */
  readonly headerSize: number;
  /** Bytes of the frame, its header included. */
  readonly frameSize: number;
  /** AAC raw data blocks in the frame, 1 to 4: each 1024 samples. */
  readonly blocks: number;
}

const SYNC = 0xfff;
const HEADER_SIZE = 7;
const CHECKSUM_SIZE = 2;
/** `aac_frame_length` has 13 bits. */
const MAX_FRAME_SIZE = 0x1fff;
/** Most ADTS frames that one unit is taken apart to: 40 s of sound. */
const MAX_FRAMES = 2048;

/**
 * Parses the ADTS header at the start of `bytes`.
 *
 * @throws {MediaError} if it is cut short or malformed
 */
export function parseAdtsHeader(bytes: Uint8Array): AdtsHeader {
  return readBits(bytes, "An ADTS header", (bits) => {
    if (bits.u(12) !== SYNC) throw malformed("An ADTS frame has no sync word");
    bits.skip(1); // ID: MPEG-4 or MPEG-2
    if (bits.u(2) !== 0) throw malformed("An ADTS frame is of another layer");
    const headerSize = bits.flag() ? HEADER_SIZE : HEADER_SIZE + CHECKSUM_SIZE;
    const objectType = bits.u(2) + 1;
    const sampleRate = aacRateOfIndex(bits.u(4));
    if (sampleRate === undefined) throw malformed("An ADTS frame has a reserved sample rate");
    bits.skip(1); // private_bit
    const channelConfig = bits.u(3);
    bits.skip(4); // original_copy, home, copyright bits
    const frameSize = bits.u(13);
    bits.skip(11); // adts_buffer_fullness
    const blocks = bits.u(2) + 1;
    if (frameSize < headerSize) throw malformed(`An ADTS frame claims ${frameSize} bytes`);
    const channels = aacChannelsOfConfig(channelConfig);
    return { objectType, sampleRate, channelConfig, channels, headerSize, frameSize, blocks };
  });
}

/**
 * Splits ADTS frames that fill `bytes` into raw AAC frames: views without headers.
 *
 * @throws {MediaError} if a frame is malformed or cut short; `unsupported` if it has several raw data
 * blocks, which cannot be told apart without decoding
 *
 * @example
 * ```ts
 * import { buildAdtsHeader, splitAdts } from "@weir/server/media";
 *
 * const config = { objectType: 2, sampleRate: 48000, channelConfig: 2 };
 * const frame = new Uint8Array([...buildAdtsHeader(config, 2), 0x21, 0x10]);
 * console.log(splitAdts(frame)); // [ Uint8Array(2) [ 33, 16 ] ]
 * ```
 */
export function splitAdts(bytes: Uint8Array): Uint8Array[] {
  const frames: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length) {
    const { headerSize, frameSize, blocks } = parseAdtsHeader(bytes.subarray(at));
    if (blocks > 1) throw new MediaError("unsupported", `An ADTS frame has ${blocks} blocks`);
    if (frameSize > bytes.length - at) {
      throw new MediaError(
        "truncated",
        `An ADTS frame claims ${frameSize} bytes where ${bytes.length - at} remain`,
      );
    }
    if (frames.length === MAX_FRAMES) {
      throw new MediaError("too-many-units", `A unit has over ${MAX_FRAMES} ADTS frames`);
    }
    frames.push(bytes.subarray(at + headerSize, at + frameSize));
    at += frameSize;
  }
  return frames;
}

/**
 * Builds the ADTS header, 7 bytes without a checksum, of a raw AAC frame of `size` bytes.
 *
 * @throws {RangeError} if ADTS has no words for the config (object types above 4, odd sample rates,
 * over 8 channels) or the frame is too long
 */
export function buildAdtsHeader(
  config: Pick<AacConfig, "objectType" | "sampleRate" | "channelConfig">,
  size: number,
): Uint8Array {
  const { objectType, sampleRate, channelConfig } = config;
  const rate = aacRateIndex(sampleRate);
  const frameSize = HEADER_SIZE + size;
  if (rate === undefined || objectType > 4 || channelConfig > 7 || frameSize > MAX_FRAME_SIZE) {
    throw new RangeError(
      "Cannot build an ADTS header as its fields are too small: current value is " +
        `object type ${objectType}, ${sampleRate} Hz, channels ${channelConfig}, ${frameSize} bytes`,
    );
  }
  return new BitWriter().u(SYNC, 12).u(0, 3).u(1, 1)
    .u(objectType - 1, 2).u(rate, 4).u(0, 1).u(channelConfig, 3).u(0, 4)
    .u(frameSize, 13).u(0x7ff, 11).u(0, 2).finish();
}
