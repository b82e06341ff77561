import type { BitReader } from "../bytes/mod.ts";
import { H264NalType, h264NalType } from "./h264.ts";
import { removeEmulationPrevention } from "./nal.ts";
import { malformed, readBits } from "./reading.ts";
import { skipVideoDescription } from "./vui.ts";

/** What an H.264 sequence parameter set says (ITU-T H.264, 7.3.2.1 and annex E). */
export interface H264Sps {
  /** `profile_idc`: 66 baseline, 77 main, 100 high, … */
  readonly profile: number;
  /** The byte of `constraint_set` flags. */
  readonly constraints: number;
  /** `level_idc`: ten times the level. */
  readonly level: number;
  /** `seq_parameter_set_id`, 0 to 31. */
  readonly id: number;
  /** `chroma_format_idc`: 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4. */
  readonly chromaFormat: number;
  /** Bits of a luma sample. */
  readonly bitDepthLuma: number;
  /** Bits of a chroma sample. */
  readonly bitDepthChroma: number;
  /** `pic_order_cnt_type`, 0 to 2; with 2 pictures are shown in the order in which they are coded. */
  readonly pocType: number;
  /** `max_num_ref_frames`. */
  readonly maxRefFrames: number;
  /** Width of the picture shown, in pixels: after cropping. */
  readonly width: number;
  /** Height of the picture shown, in pixels: after cropping. */
  readonly height: number;
  /** Whether fields may be coded. */
  readonly interlaced: boolean;
  /** Frames a second by the VUI, or `undefined`; a stream with a variable rate has it too. */
  readonly frameRate: number | undefined;
  /**
   * How many frames may precede another in coding order and follow it in display order:
   * `max_num_reorder_frames`, or where the VUI has none what E.2.1 says to infer.
   */
  readonly reorderDepth: number;
  /**
   * Whether the SPS itself tells `reorderDepth`. Where it is inferred it is a bound, far above what
   * cameras do: they mostly reorder nothing and have no VUI.
   */
  readonly reorderStated: boolean;
}

/** Profiles whose SPS has the fields of `chroma_format_idc` (ITU-T H.264, 7.3.2.1.1). */
const HIGH_PROFILES = new Set([100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135]);

/** Profiles that have only intra pictures where `constraint_set3_flag` is set (E.2.1). */
const INTRA_PROFILES = new Set([44, 86, 100, 110, 122, 244]);

/** `MaxDpbMbs` by `level_idc` (ITU-T H.264, table A-1). */
const MAX_DPB_MACROBLOCKS = new Map([
  [9, 396],
  [10, 396],
  [11, 900],
  [12, 2376],
  [13, 2376],
  [20, 2376],
  [21, 4752],
  [22, 8100],
  [30, 8100],
  [31, 18000],
  [32, 20480],
  [40, 32768],
  [41, 32768],
  [42, 34816],
  [50, 110400],
  [51, 184320],
  [52, 184320],
  [60, 696320],
  [61, 696320],
  [62, 696320],
]);

/** Largest picture side in macroblocks; level 6.2 allows 1055. */
const MAX_SIDE_MACROBLOCKS = 2048;

/** Pictures that a decoder may hold: no more by any level. */
const MAX_FRAMES = 16;

/** `num_ref_frames_in_pic_order_cnt_cycle` is at most this (ITU-T H.264, 7.4.2.1.1). */
const MAX_POC_CYCLE = 255;

/**
 * Parses an H.264 sequence parameter set NAL unit (ITU-T H.264, 7.3.2.1), its header included.
 *
 * @throws {MediaError} if it is cut short or malformed
 *
 * @example
 * ```ts
 * import { parseH264Sps } from "@weir/server/media";
 *
 * const sps = Uint8Array.fromHex("6742c00bd9028df93011000003000100000300320f142a48");
 * console.log(parseH264Sps(sps).width); // 160
 * ```
 */
export function parseH264Sps(unit: Uint8Array): H264Sps {
  if (h264NalType(unit) !== H264NalType.Sps) throw malformed("This NAL unit is no H.264 SPS");
  return readBits(removeEmulationPrevention(unit), "An H.264 SPS", readSps);
}

function readSps(bits: BitReader): H264Sps {
  bits.skip(8);
  const profile = bits.u(8);
  const constraints = bits.u(8);
  const level = bits.u(8);
  const id = bits.ue();
  if (id > 31) throw malformed(`An H.264 SPS has the id ${id}`);
  const format = HIGH_PROFILES.has(profile) ? readFormat(bits) : DEFAULT_FORMAT;
  bits.ue(); // log2_max_frame_num_minus4
  const pocType = readPocType(bits);
  const maxRefFrames = bits.ue();
  bits.skip(1); // gaps_in_frame_num_value_allowed_flag
  const widthInMbs = bits.ue() + 1;
  const mapHeight = bits.ue() + 1;
  const frameMbsOnly = bits.flag();
  const heightInMbs = mapHeight * (frameMbsOnly ? 1 : 2);
  if (widthInMbs > MAX_SIDE_MACROBLOCKS || heightInMbs > MAX_SIDE_MACROBLOCKS) {
    throw malformed(`An H.264 SPS has ${widthInMbs} by ${heightInMbs} macroblocks`);
  }
  if (!frameMbsOnly) bits.skip(1); // mb_adaptive_frame_field_flag
  bits.skip(1); // direct_8x8_inference_flag
  const crop = readCropping(bits, format, frameMbsOnly);
  const width = widthInMbs * 16 - crop.x;
  const height = heightInMbs * 16 - crop.y;
  if (width <= 0 || height <= 0) throw malformed("An H.264 SPS crops the whole picture");
  const vui = bits.flag() ? readVui(bits) : {};
  const largest = maxDpbFrames({
    level,
    profile,
    constraints,
    macroblocks: widthInMbs * heightInMbs,
  });
  return {
    profile,
    constraints,
    level,
    id,
    chromaFormat: format.chromaFormat,
    bitDepthLuma: format.bitDepthLuma,
    bitDepthChroma: format.bitDepthChroma,
    pocType,
    maxRefFrames,
    width,
    height,
    interlaced: !frameMbsOnly,
    frameRate: vui.frameRate,
    reorderDepth: Math.min(
      vui.reorderFrames ?? inferredReorder({ profile, constraints, pocType, largest }),
      MAX_FRAMES,
    ),
    reorderStated: vui.reorderFrames !== undefined,
  };
}

interface SampleFormat {
  readonly chromaFormat: number;
  readonly bitDepthLuma: number;
  readonly bitDepthChroma: number;
  readonly separatePlanes: boolean;
}

const DEFAULT_FORMAT: SampleFormat = {
  chromaFormat: 1,
  bitDepthLuma: 8,
  bitDepthChroma: 8,
  separatePlanes: false,
};

function readFormat(bits: BitReader): SampleFormat {
  const chromaFormat = bits.ue();
  if (chromaFormat > 3) throw malformed(`An H.264 SPS has the chroma format ${chromaFormat}`);
  const separatePlanes = chromaFormat === 3 && bits.flag();
  const bitDepthLuma = bits.ue() + 8;
  const bitDepthChroma = bits.ue() + 8;
  if (bitDepthLuma > 14 || bitDepthChroma > 14) {
    throw malformed(`An H.264 SPS has samples of ${bitDepthLuma} and ${bitDepthChroma} bits`);
  }
  bits.skip(1); // qpprime_y_zero_transform_bypass_flag
  if (bits.flag()) {
    for (let list = 0; list < (chromaFormat === 3 ? 12 : 8); list++) {
      if (bits.flag()) skipScalingList(bits, list < 6 ? 16 : 64);
    }
  }
  return { chromaFormat, bitDepthLuma, bitDepthChroma, separatePlanes };
}

/** Passes over a scaling list (ITU-T H.264, 7.3.2.1.1.1). */
function skipScalingList(bits: BitReader, size: number): void {
  let last = 8, next = 8;
  for (let i = 0; i < size; i++) {
    if (next !== 0) next = (last + bits.se() + 256) & 0xff;
    if (next !== 0) last = next;
  }
}

function readPocType(bits: BitReader): number {
  const type = bits.ue();
  if (type > 2) throw malformed(`An H.264 SPS has the picture order count type ${type}`);
  if (type === 0) bits.ue(); // log2_max_pic_order_cnt_lsb_minus4
  if (type === 1) {
    bits.skip(1); // delta_pic_order_always_zero_flag
    bits.se(); // offset_for_non_ref_pic
    bits.se(); // offset_for_top_to_bottom_field
    const cycle = bits.ue();
    if (cycle > MAX_POC_CYCLE) throw malformed(`An H.264 SPS has a cycle of ${cycle} frames`);
    for (let i = 0; i < cycle; i++) bits.se();
  }
  return type;
}

/** Pixels that are cut off in all: `CropUnitX` and `CropUnitY` times the offsets (7.4.2.1.1). */
function readCropping(
  bits: BitReader,
  { chromaFormat, separatePlanes }: SampleFormat,
  frameMbsOnly: boolean,
): { x: number; y: number } {
  if (!bits.flag()) return { x: 0, y: 0 };
  const subsampled = !separatePlanes && (chromaFormat === 1 || chromaFormat === 2);
  const unitX = subsampled ? 2 : 1;
  const unitY = (!separatePlanes && chromaFormat === 1 ? 2 : 1) * (frameMbsOnly ? 1 : 2);
  return { x: (bits.ue() + bits.ue()) * unitX, y: (bits.ue() + bits.ue()) * unitY };
}

interface Vui {
  readonly frameRate?: number | undefined;
  readonly reorderFrames?: number | undefined;
}

/** Reads the VUI (ITU-T H.264, E.1.1). One that is cut short counts as far as it goes. */
function readVui(bits: BitReader): Vui {
  let frameRate: number | undefined;
  try {
    skipVideoDescription(bits);
    if (bits.flag()) {
      const ticks = bits.u(32);
      const scale = bits.u(32);
      bits.skip(1); // fixed_frame_rate_flag
      if (ticks > 0 && scale > 0) frameRate = scale / (2 * ticks);
    }
    const nalHrd = bits.flag();
    if (nalHrd) skipHrd(bits);
    const vclHrd = bits.flag();
    if (vclHrd) skipHrd(bits);
    if (nalHrd || vclHrd) bits.skip(1); // low_delay_hrd_flag
    bits.skip(1); // pic_struct_present_flag
    if (!bits.flag()) return { frameRate };
    bits.skip(1); // motion_vectors_over_pic_boundaries_flag
    for (let i = 0; i < 4; i++) bits.ue();
    return { frameRate, reorderFrames: bits.ue() };
  } catch (error) {
    // Some cameras end the SPS inside the VUI; size and profile still hold.
    if (error instanceof RangeError) return { frameRate };
    throw error;
  }
}

/** Passes over the HRD parameters (ITU-T H.264, E.1.2). */
function skipHrd(bits: BitReader): void {
  const count = bits.ue() + 1;
  if (count > 32) throw malformed(`An H.264 SPS has ${count} coded picture buffers`);
  bits.skip(8); // bit_rate_scale, cpb_size_scale
  for (let i = 0; i < count; i++) {
    bits.ue();
    bits.ue();
    bits.skip(1);
  }
  bits.skip(20); // lengths of delays and times
}

/** `MaxDpbFrames` (ITU-T H.264, A.3.1 h). */
function maxDpbFrames(
  { level, profile, constraints, macroblocks }: {
    level: number;
    profile: number;
    constraints: number;
    macroblocks: number;
  },
): number {
  // Level 1b is written as level 11 with constraint_set3 in baseline, main and extended.
  const is1b = level === 11 && (constraints & 0x10) !== 0 && [66, 77, 88].includes(profile);
  const limit = MAX_DPB_MACROBLOCKS.get(is1b ? 9 : level);
  return limit === undefined ? MAX_FRAMES : Math.min(Math.floor(limit / macroblocks), MAX_FRAMES);
}

/**
 * What to take for an absent `max_num_reorder_frames` (E.2.1): 0 for intra profiles, else as many
 * frames as the level lets a decoder hold. Besides, 0 where the order cannot differ: picture order
 * count type 2, and baseline, which has no B slices and whose encoders reorder nothing.
 */
function inferredReorder(
  { profile, constraints, pocType, largest }: {
    profile: number;
    constraints: number;
    pocType: number;
    largest: number;
  },
): number {
  const intraOnly = INTRA_PROFILES.has(profile) && (constraints & 0x10) !== 0;
  return pocType === 2 || profile === 66 || intraOnly ? 0 : largest;
}
