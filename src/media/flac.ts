import { malformed, readBits } from "./reading.ts";

/** What a FLAC STREAMINFO block says (RFC 9639, 8.2). */
export interface FlacStreamInfo {
  /** Samples a second. */
  readonly sampleRate: number;
  /** Number of channels, 1 to 8. */
  readonly channels: number;
  /** Bits of a sample, 4 to 32. */
  readonly bitsPerSample: number;
  /** Fewest samples in a block, of each channel. */
  readonly minBlockSize: number;
  /** Most samples in a block, of each channel. */
  readonly maxBlockSize: number;
  /** Samples in the whole stream, of each channel; 0 where it is not known. */
  readonly totalSamples: number;
}

const STREAMINFO_SIZE = 34;

/**
 * Finds the 34 bytes of STREAMINFO: in a stream's start (`fLaC`, as Enhanced RTMP sends it), in a
 * metadata block with its header, or by itself. A view of `bytes`.
 *
 * @throws {MediaError} if there is none
 */
export function flacStreamInfo(bytes: Uint8Array): Uint8Array {
  let block = bytes;
  const signed = bytes[0] === 0x66 && bytes[1] === 0x4c && bytes[2] === 0x61 && bytes[3] === 0x43;
  if (signed) block = bytes.subarray(4);
  if (signed || block.length === STREAMINFO_SIZE + 4) {
    if (((block[0] ?? 0x7f) & 0x7f) !== 0) throw malformed("FLAC does not start with STREAMINFO");
    block = block.subarray(4);
  }
  if (block.length < STREAMINFO_SIZE) throw malformed(`STREAMINFO has ${block.length} bytes`);
  return block.subarray(0, STREAMINFO_SIZE);
}

/**
 * The metadata of a stream that has STREAMINFO alone (RFC 9639, 8.1): one block, marked as the last, with its header. Of
 * a configuration in any form that {@linkcode flacStreamInfo} takes.
 *
 * @throws {MediaError} if it has no STREAMINFO
 *
 * @example
 * ```ts
 * import { flacMetadata } from "@weir/server/media";
 *
 * console.log(flacMetadata(new Uint8Array(34)).subarray(0, 4)); // Uint8Array(4) [ 128, 0, 0, 34 ]
 * ```
 */
export function flacMetadata(config: Uint8Array): Uint8Array {
  const block = new Uint8Array(4 + STREAMINFO_SIZE);
  block.set([0x80, 0, 0, STREAMINFO_SIZE]);
  block.set(flacStreamInfo(config), 4);
  return block;
}

/** What a FLAC file, or a stream in FLV, begins with: its mark, "fLaC", and {@linkcode flacMetadata}. */
export function flacHead(config: Uint8Array): Uint8Array {
  const metadata = flacMetadata(config);
  const head = new Uint8Array(4 + metadata.length);
  head.set([0x66, 0x4c, 0x61, 0x43]);
  head.set(metadata, 4);
  return head;
}

/**
 * Parses STREAMINFO, in any form that {@linkcode flacStreamInfo} takes.
 *
 * @throws {MediaError} if it is cut short or has no sample rate
 *
 * @example
 * ```ts
 * import { parseFlacStreamInfo } from "@weir/server/media";
 *
 * const block = "1000100000" + "0000000000" + "0bb802f0" + "00000000" + "00".repeat(16);
 * console.log(parseFlacStreamInfo(Uint8Array.fromHex(block)).sampleRate); // 48000
 * ```
 */
export function parseFlacStreamInfo(bytes: Uint8Array): FlacStreamInfo {
  return readBits(flacStreamInfo(bytes), "STREAMINFO", (bits) => {
    const minBlockSize = bits.u(16);
    const maxBlockSize = bits.u(16);
    bits.skip(24 + 24); // frame sizes
    const sampleRate = bits.u(20);
    if (sampleRate === 0) throw malformed("STREAMINFO has no sample rate");
    const channels = bits.u(3) + 1;
    const bitsPerSample = bits.u(5) + 1;
    const totalSamples = bits.u(36);
    return { sampleRate, channels, bitsPerSample, minBlockSize, maxBlockSize, totalSamples };
  });
}
