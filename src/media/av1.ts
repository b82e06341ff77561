import { type BitReader, ByteWriter } from "../bytes/mod.ts";
import { MediaError } from "./errors.ts";
import type { AccessUnitInfo } from "./h264.ts";
import { malformed, readBits } from "./reading.ts";

/** OBU types of AV1 (AV1 Bitstream & Decoding Process Specification, 6.2.2). */
export const Av1ObuType = {
  SequenceHeader: 1,
  TemporalDelimiter: 2,
  FrameHeader: 3,
  TileGroup: 4,
  Metadata: 5,
  Frame: 6,
  RedundantFrameHeader: 7,
  TileList: 8,
  Padding: 15,
} as const;

/** One open bitstream unit. */
export interface Av1Obu {
  /** One of {@linkcode Av1ObuType}, or a reserved number up to 15. */
  readonly type: number;
  /** `temporal_id`, 0 to 7; 0 without an extension header. */
  readonly temporalId: number;
  /** `spatial_id`, 0 to 3; 0 without an extension header. */
  readonly spatialId: number;
  /** The bytes behind header and size; a view. */
  readonly payload: Uint8Array;
  /** The first byte, and the extension byte where there is one. */
  readonly header: Uint8Array;
}

/** Most OBUs in one temporal unit: tile groups, headers and metadata of 32 layers; more is nonsense. */
export const MAX_OBUS = 4096;

const EXTENSION_FLAG = 0x04;
const HAS_SIZE_FLAG = 0x02;
/** LEB128 of AV1 has at most 8 bytes (4.10.5). */
const MAX_LEB128_BYTES = 8;

/** A number read by {@linkcode readLeb128}, and how many bytes it took. */
export interface Leb128 {
  /** The number. */
  readonly value: number;
  /** Number of bytes. */
  readonly size: number;
}

/**
 * Reads a little-endian base-128 number at `offset` (AV1 specification, 4.10.5).
 *
 * @throws {MediaError} if it is cut short or beyond 32 bits
 */
export function readLeb128(bytes: Uint8Array, offset = 0): Leb128 {
  let value = 0;
  for (let size = 1; size <= MAX_LEB128_BYTES; size++) {
    const byte = bytes[offset + size - 1];
    if (byte === undefined) throw new MediaError("truncated", "A LEB128 number is cut short");
    value += (byte & 0x7f) * 2 ** (7 * (size - 1));
    if (byte < 0x80) {
      if (value > 0xffffffff) break;
      return { value, size };
    }
  }
  throw malformed("A LEB128 number is beyond 32 bits");
}

/** Encodes `value`, 0 to 2^32 - 1, as LEB128 in as few bytes as it needs. */
export function encodeLeb128(value: number): Uint8Array {
  const bytes: number[] = [];
  let left = value;
  for (; left >= 0x80; left = Math.floor(left / 0x80)) bytes.push((left & 0x7f) | 0x80);
  return Uint8Array.of(...bytes, left);
}

/**
 * Splits AV1's low-overhead bitstream (5.2), as FLV and MP4 carry a temporal unit, into OBUs. One
 * without a size reaches to the end.
 *
 * @throws {MediaError} if an OBU is cut short, or there are over {@linkcode MAX_OBUS}
 *
 * @example
 * ```ts
 * import { splitObus } from "@weir/server/media";
 *
 * console.log(splitObus(new Uint8Array([0x12, 0x00, 0x32, 0x01, 0x10])).map(({ type }) => type)); // [ 2, 6 ]
 * ```
 */
export function splitObus(bytes: Uint8Array): Av1Obu[] {
  const obus: Av1Obu[] = [];
  let at = 0;
  while (at < bytes.length) {
    if (obus.length === MAX_OBUS) {
      throw new MediaError("too-many-units", `A temporal unit has over ${MAX_OBUS} OBUs`);
    }
    const first = bytes[at]!;
    if (first & 0x80) throw malformed("An OBU has its forbidden bit set");
    const headerSize = first & EXTENSION_FLAG ? 2 : 1;
    const header = bytes.subarray(at, at + headerSize);
    if (header.length < headerSize) throw new MediaError("truncated", "An OBU is cut short");
    at += headerSize;
    let length = bytes.length - at;
    if (first & HAS_SIZE_FLAG) {
      const { value, size } = readLeb128(bytes, at);
      at += size;
      if (value > bytes.length - at) {
        throw new MediaError(
          "truncated",
          `An OBU claims ${value} bytes where ${bytes.length - at} remain`,
        );
      }
      length = value;
    }
    const extension = header[1] ?? 0;
    obus.push({
      type: (first >> 3) & 15,
      temporalId: extension >> 5,
      spatialId: (extension >> 3) & 3,
      payload: bytes.subarray(at, at + length),
      header,
    });
    at += length;
  }
  return obus;
}

/**
 * Joins OBUs to a temporal unit in the low-overhead format, each with its size. Temporal delimiters are
 * left out, as FLV, MP4 and RTP want it.
 */
export function joinObus(obus: readonly Av1Obu[]): Uint8Array {
  const writer = new ByteWriter(obus.reduce((sum, { payload }) => sum + payload.length + 8, 0));
  for (const { type, header, payload } of obus) {
    if (type === Av1ObuType.TemporalDelimiter) continue;
    writer.u8(header[0]! | HAS_SIZE_FLAG).bytes(header.subarray(1));
    writer.bytes(encodeLeb128(payload.length)).bytes(payload);
  }
  return writer.finish();
}

/**
 * Tells what the OBUs of one temporal unit are. A key frame is one that is shown and comes with a
 * sequence header (AV1 specification, 7.6.2: a random access point); nothing is known to be discardable.
 *
 * @throws {MediaError} if a frame header is empty
 */
export function inspectAv1(obus: readonly Av1Obu[]): AccessUnitInfo {
  const hasSequenceHeader = obus.some(({ type }) => type === Av1ObuType.SequenceHeader);
  const frame = obus.find(({ type }) =>
    type === Av1ObuType.Frame || type === Av1ObuType.FrameHeader
  );
  if (frame === undefined) return { keyFrame: false, discardable: false, hasPicture: false };
  const keyFrame = hasSequenceHeader && isShownKeyFrame(frame, obus);
  return { keyFrame, discardable: false, hasPicture: true };
}

function isShownKeyFrame(frame: Av1Obu, obus: readonly Av1Obu[]): boolean {
  const header = obus.find(({ type }) => type === Av1ObuType.SequenceHeader)!;
  // A reduced still picture has no frame type: it is a key frame (5.9.2).
  const reduced = readBits(header.payload, "An AV1 sequence header", (bits) => {
    bits.skip(4);
    return bits.flag();
  });
  if (reduced) return true;
  return readBits(frame.payload, "An AV1 frame header", (bits) => {
    const showExisting = bits.flag();
    const frameType = bits.u(2);
    return !showExisting && frameType === 0 && bits.flag();
  });
}

/** What an AV1 sequence header says (AV1 specification, 5.5). */
export interface Av1SequenceHeader {
  /** `seq_profile`: 0 main, 1 high, 2 professional. */
  readonly profile: number;
  /** `seq_level_idx` of the first operating point. */
  readonly level: number;
  /** `seq_tier` of the first operating point. */
  readonly tier: number;
  /** Whether the sequence is one still picture. */
  readonly stillPicture: boolean;
  /** Largest picture width in pixels. */
  readonly width: number;
  /** Largest picture height in pixels. */
  readonly height: number;
  /** Bits of a sample: 8, 10 or 12. */
  readonly bitDepth: number;
  /** Whether there is no chroma. */
  readonly monochrome: boolean;
  /** Whether chroma has half the width. */
  readonly subsamplingX: boolean;
  /** Whether chroma has half the height. */
  readonly subsamplingY: boolean;
  /** `chroma_sample_position`. */
  readonly chromaSamplePosition: number;
  /** Frames a second where all pictures are equally long, else `undefined`. */
  readonly frameRate: number | undefined;
}

/**
 * Parses the payload of a sequence header OBU.
 *
 * @throws {MediaError} if it is cut short or malformed
 */
export function parseAv1SequenceHeader(payload: Uint8Array): Av1SequenceHeader {
  return readBits(payload, "An AV1 sequence header", readSequenceHeader);
}

function readSequenceHeader(bits: BitReader): Av1SequenceHeader {
  const profile = bits.u(3);
  if (profile > 2) throw malformed(`An AV1 sequence header has the profile ${profile}`);
  const stillPicture = bits.flag();
  const reduced = bits.flag();
  const points = reduced ? { level: bits.u(5), tier: 0, frameRate: undefined } : readPoints(bits);
  const widthBits = bits.u(4) + 1;
  const heightBits = bits.u(4) + 1;
  const width = bits.u(widthBits) + 1;
  const height = bits.u(heightBits) + 1;
  if (!reduced && bits.flag()) bits.skip(7); // lengths of frame ids
  bits.skip(3); // use_128x128_superblock, enable_filter_intra, enable_intra_edge_filter
  if (!reduced) skipTools(bits);
  bits.skip(3); // enable_superres, enable_cdef, enable_restoration
  return { profile, ...points, stillPicture, width, height, ...readColorConfig(bits, profile) };
}

interface OperatingPoints {
  readonly level: number;
  readonly tier: number;
  readonly frameRate: number | undefined;
}

function readPoints(bits: BitReader): OperatingPoints {
  let frameRate: number | undefined;
  let delayBits = 0;
  const timed = bits.flag();
  if (timed) {
    const ticks = bits.u(32);
    const scale = bits.u(32);
    if (bits.flag()) {
      const perPicture = uvlc(bits) + 1; // num_ticks_per_picture
      if (ticks > 0 && scale > 0) frameRate = scale / ticks / perPicture;
    }
    if (bits.flag()) {
      delayBits = bits.u(5) + 1;
      bits.skip(32 + 10);
    }
  }
  const initialDelay = bits.flag();
  const count = bits.u(5) + 1;
  let level = 0, tier = 0;
  for (let i = 0; i < count; i++) {
    bits.skip(12); // operating_point_idc
    const pointLevel = bits.u(5);
    const pointTier = pointLevel > 7 ? bits.u(1) : 0;
    if (i === 0) [level, tier] = [pointLevel, pointTier];
    if (delayBits > 0 && bits.flag()) bits.skip(2 * delayBits + 1);
    if (initialDelay && bits.flag()) bits.skip(4);
  }
  return { level, tier, frameRate };
}

/** Passes over the coding tools (5.5.1, from `enable_interintra_compound` on). */
function skipTools(bits: BitReader): void {
  bits.skip(4); // interintra_compound, masked_compound, warped_motion, dual_filter
  const orderHint = bits.flag();
  if (orderHint) bits.skip(2); // jnt_comp, ref_frame_mvs
  const chooseScreenContent = bits.flag();
  const screenContent = chooseScreenContent || bits.flag();
  if (screenContent && !bits.flag()) bits.skip(1); // seq_force_integer_mv
  if (orderHint) bits.skip(3);
}

type ColorConfig = Pick<
  Av1SequenceHeader,
  "bitDepth" | "monochrome" | "subsamplingX" | "subsamplingY" | "chromaSamplePosition"
>;

/** Reads `color_config` (5.5.2). */
function readColorConfig(bits: BitReader, profile: number): ColorConfig {
  const high = bits.flag();
  const bitDepth = profile === 2 && high ? (bits.flag() ? 12 : 10) : high ? 10 : 8;
  const monochrome = profile !== 1 && bits.flag();
  const [primaries, transfer, matrix] = bits.flag() ? [bits.u(8), bits.u(8), bits.u(8)] : [2, 2, 2];
  const common = { bitDepth, monochrome, chromaSamplePosition: 0 };
  if (monochrome) {
    bits.skip(1); // color_range
    return { ...common, subsamplingX: true, subsamplingY: true };
  }
  const isSrgb = primaries === 1 && transfer === 13 && matrix === 0;
  if (isSrgb) return { ...common, subsamplingX: false, subsamplingY: false };
  bits.skip(1); // color_range
  let subsamplingX = profile !== 1;
  let subsamplingY = profile === 0;
  if (profile === 2 && bitDepth === 12) {
    subsamplingX = bits.flag();
    subsamplingY = subsamplingX && bits.flag();
  }
  const chromaSamplePosition = subsamplingX && subsamplingY ? bits.u(2) : 0;
  return { bitDepth, monochrome, subsamplingX, subsamplingY, chromaSamplePosition };
}

/** Reads `uvlc` (4.10.3). */
function uvlc(bits: BitReader): number {
  let zeros = 0;
  while (!bits.flag()) zeros++;
  return zeros >= 32 ? 0xffffffff : bits.u(zeros) + 2 ** zeros - 1;
}
