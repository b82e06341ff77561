import type { BitReader } from "../bytes/mod.ts";
import { ByteWriter } from "../bytes/mod.ts";
import { malformed, mediaReader, readBits } from "./reading.ts";

/** What the header of a VP8 or VP9 frame says. */
export interface VpxFrameInfo {
  /** Whether decoding can start here. */
  readonly keyFrame: boolean;
  /** Picture width in pixels; key frames only. */
  readonly width?: number;
  /** Picture height in pixels; key frames only. */
  readonly height?: number;
}

/** What the header of a VP9 frame says. */
export interface Vp9FrameInfo extends VpxFrameInfo {
  /** `profile`, 0 to 3. */
  readonly profile: number;
  /** Bits of a sample: 8, 10 or 12; key frames only. */
  readonly bitDepth?: number;
  /** `color_space`; key frames only. */
  readonly colorSpace?: number;
  /** Whether samples use the full range; key frames only. */
  readonly fullRange?: boolean;
  /** Whether chroma has half the width; key frames only. */
  readonly subsamplingX?: boolean;
  /** Whether chroma has half the height; key frames only. */
  readonly subsamplingY?: boolean;
}

/**
 * Reads the header of a VP8 frame (RFC 6386, 9.1).
 *
 * @throws {MediaError} if it is cut short, or a key frame lacks its start code
 *
 * @example
 * ```ts
 * import { parseVp8Frame } from "@weir/server/media";
 *
 * const frame = new Uint8Array([0x50, 0x22, 0x00, 0x9d, 0x01, 0x2a, 0xa0, 0x00, 0x5a, 0x00]);
 * console.log(parseVp8Frame(frame)); // { keyFrame: true, width: 160, height: 90 }
 * ```
 */
export function parseVp8Frame(frame: Uint8Array): VpxFrameInfo {
  const reader = mediaReader(frame, "A VP8 frame");
  const keyFrame = (reader.u8() & 1) === 0;
  reader.skip(2);
  if (!keyFrame) return { keyFrame };
  if (reader.u24() !== 0x9d012a) throw malformed("A VP8 key frame has no start code");
  const width = reader.u8() | ((reader.u8() & 0x3f) << 8);
  const height = reader.u8() | ((reader.u8() & 0x3f) << 8);
  return { keyFrame, width, height };
}

/**
 * Reads the uncompressed header of a VP9 frame, the first one of a superframe (VP9 Bitstream & Decoding
 * Process Specification, 6.2).
 *
 * @throws {MediaError} if it is cut short or malformed
 */
export function parseVp9Frame(frame: Uint8Array): Vp9FrameInfo {
  return readBits(frame, "A VP9 frame", (bits) => {
    if (bits.u(2) !== 2) throw malformed("A VP9 frame has no frame marker");
    const profile = bits.u(1) | (bits.u(1) << 1);
    if (profile === 3) bits.skip(1);
    if (bits.flag()) return { keyFrame: false, profile }; // show_existing_frame
    const keyFrame = !bits.flag();
    bits.skip(2); // show_frame, error_resilient_mode
    if (!keyFrame) return { keyFrame, profile };
    if (bits.u(24) !== 0x498342) throw malformed("A VP9 key frame has no sync code");
    const color = readVp9Color(bits, profile);
    return { keyFrame, profile, ...color, width: bits.u(16) + 1, height: bits.u(16) + 1 };
  });
}

type Vp9Color = Pick<
  Vp9FrameInfo,
  "bitDepth" | "colorSpace" | "fullRange" | "subsamplingX" | "subsamplingY"
>;

/** `color_space` of RGB. */
const RGB = 7;

function readVp9Color(bits: BitReader, profile: number): Vp9Color {
  const bitDepth = profile >= 2 ? (bits.flag() ? 12 : 10) : 8;
  const colorSpace = bits.u(3);
  const odd = (profile & 1) === 1;
  if (colorSpace === RGB) {
    if (!odd) throw malformed("A VP9 frame of an even profile is RGB");
    bits.skip(1);
    return { bitDepth, colorSpace, fullRange: true, subsamplingX: false, subsamplingY: false };
  }
  const fullRange = bits.flag();
  const [subsamplingX, subsamplingY] = odd ? [bits.flag(), bits.flag()] : [true, true];
  if (odd) bits.skip(1);
  return { bitDepth, colorSpace, fullRange, subsamplingX, subsamplingY };
}

/** A `VPCodecConfigurationRecord` (VP Codec ISO Media File Format Binding), called vpcC. */
export interface VpxConfig {
  /** Profile, 0 to 3. */
  readonly profile: number;
  /** Ten times the level; 0 where it is not known. */
  readonly level: number;
  /** Bits of a sample: 8, 10 or 12. */
  readonly bitDepth: number;
  /** 0 and 1: 4:2:0, 2: 4:2:2, 3: 4:4:4. */
  readonly chromaSubsampling: number;
  /** Whether samples use the full range. */
  readonly fullRange: boolean;
  /** H.273 "Colour primaries". */
  readonly colorPrimaries: number;
  /** H.273 "Transfer characteristics". */
  readonly transferCharacteristics: number;
  /** H.273 "Matrix coefficients". */
  readonly matrixCoefficients: number;
}

/**
 * Parses vpcC, with or without the four bytes of version and flags that it has as a box: peers differ
 * in what they send over RTMP.
 *
 * @throws {MediaError} if it is cut short, or has no such bit depth
 */
export function parseVpxConfig(record: Uint8Array): VpxConfig {
  // As a box it begins 01 000000, which would be profile 1, level 0, and no bit depth.
  const boxed = record.length >= 12 && record[0] === 1 && (record[2] ?? 0) >> 4 === 0;
  const reader = mediaReader(boxed ? record.subarray(4) : record, "vpcC");
  const profile = reader.u8();
  const level = reader.u8();
  const packed = reader.u8();
  const bitDepth = packed >> 4;
  if (![8, 10, 12].includes(bitDepth)) throw malformed(`vpcC has samples of ${bitDepth} bits`);
  return {
    profile,
    level,
    bitDepth,
    chromaSubsampling: (packed >> 1) & 7,
    fullRange: (packed & 1) === 1,
    colorPrimaries: reader.u8(),
    transferCharacteristics: reader.u8(),
    matrixCoefficients: reader.u8(),
  };
}

/** Options of {@linkcode buildVpxConfig}. */
export interface BuildVpxConfigOptions {
  /** Whether the four bytes of version and flags come first, as in a box; false by default. */
  readonly boxed?: boolean;
}

/** Builds vpcC. */
export function buildVpxConfig(
  config: VpxConfig,
  { boxed = false }: BuildVpxConfigOptions = {},
): Uint8Array {
  const writer = new ByteWriter(16);
  if (boxed) writer.u32(0x01000000);
  return writer.u8(config.profile).u8(config.level)
    .u8((config.bitDepth << 4) | (config.chromaSubsampling << 1) | (config.fullRange ? 1 : 0))
    .u8(config.colorPrimaries).u8(config.transferCharacteristics).u8(config.matrixCoefficients)
    .u16(0).finish();
}

/** Ten times the level by the largest picture, in samples (VP9 levels; webmproject.org/vp9/levels). */
const VP9_LEVELS: readonly (readonly [samples: number, level: number])[] = [
  [36_864, 10],
  [73_728, 11],
  [122_880, 20],
  [245_760, 21],
  [552_960, 30],
  [983_040, 31],
  [2_228_224, 41],
  [8_912_896, 51],
  [35_651_584, 61],
];
const HIGHEST_LEVEL = 62;

/** Ten times the least VP9 level that has pictures of that size, in pixels, for what does not tell its level. */
export function vp9LevelOf(
  { width = 0, height = 0 }: { readonly width?: number; readonly height?: number },
): number {
  return VP9_LEVELS.find(([samples]) => width * height <= samples)?.[1] ?? HIGHEST_LEVEL;
}
