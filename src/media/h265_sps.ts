import type { BitReader } from "../bytes/mod.ts";
import { H265NalType, h265NalType } from "./h265.ts";
import { type H265Vui, readH265Vui } from "./h265_vui.ts";
import { removeEmulationPrevention } from "./nal.ts";
import { malformed, readBits } from "./reading.ts";

/** The general part of `profile_tier_level` (ITU-T H.265, 7.3.3). */
export interface H265Profile {
  /** `general_profile_space`, 0. */
  readonly space: number;
  /** `general_tier_flag`: 0 main, 1 high. */
  readonly tier: number;
  /** `general_profile_idc`: 1 main, 2 main 10, 4 range extensions, … */
  readonly profile: number;
  /** `general_profile_compatibility_flag`s, the first in the top bit of 32. */
  readonly compatibility: number;
  /** The 48 bits of constraint flags that follow. */
  readonly constraints: number;
  /** `general_level_idc`: thirty times the level. */
  readonly level: number;
}

/** What an H.265 sequence parameter set says (ITU-T H.265, 7.3.2.2 and annex E). */
export interface H265Sps {
  /** `sps_video_parameter_set_id`, 0 to 15. */
  readonly vpsId: number;
  /** `sps_seq_parameter_set_id`, 0 to 15. */
  readonly id: number;
  /** Number of temporal sub-layers, 1 to 7. */
  readonly maxSubLayers: number;
  /** `sps_temporal_id_nesting_flag`. */
  readonly temporalIdNesting: boolean;
  /** Profile, tier and level. */
  readonly profile: H265Profile;
  /** `chroma_format_idc`: 0 monochrome, 1 4:2:0, 2 4:2:2, 3 4:4:4. */
  readonly chromaFormat: number;
  /** Bits of a luma sample. */
  readonly bitDepthLuma: number;
  /** Bits of a chroma sample. */
  readonly bitDepthChroma: number;
  /** Width of the picture shown, in pixels: within the conformance window. */
  readonly width: number;
  /** Height of the picture shown, in pixels: within the conformance window. */
  readonly height: number;
  /** `sps_max_num_reorder_pics` of the highest sub-layer. */
  readonly reorderDepth: number;
  /** Frames a second by the VUI, or `undefined`. */
  readonly frameRate: number | undefined;
  /** `min_spatial_segmentation_idc` of the VUI, 0 where it has none. */
  readonly minSpatialSegmentation: number;
}

/** Largest picture side in pixels; level 6.2 allows 16888. */
const MAX_SIDE = 32768;

/**
 * Parses an H.265 sequence parameter set NAL unit (ITU-T H.265, 7.3.2.2), its header included.
 *
 * @throws {MediaError} if it is cut short or malformed
 *
 * @example
 * ```ts
 * import { parseH265Sps } from "@weir/server/media";
 *
 * const sps = Uint8Array.fromHex(
 *   "42010101600000030090000003000003001ea0142061f26591124932bc05a020" +
 *     "00000300200000030321",
 * );
 * console.log(parseH265Sps(sps).width); // 160
 * ```
 */
export function parseH265Sps(unit: Uint8Array): H265Sps {
  if (h265NalType(unit) !== H265NalType.Sps) throw malformed("This NAL unit is no H.265 SPS");
  return readBits(removeEmulationPrevention(unit), "An H.265 SPS", readSps);
}

function readSps(bits: BitReader): H265Sps {
  bits.skip(16);
  const vpsId = bits.u(4);
  const maxSubLayers = bits.u(3) + 1;
  if (maxSubLayers > 7) throw malformed("An H.265 SPS has 8 sub-layers");
  const temporalIdNesting = bits.flag();
  const profile = readProfileTierLevel(bits, maxSubLayers);
  const id = bits.ue();
  if (id > 15) throw malformed(`An H.265 SPS has the id ${id}`);
  const chromaFormat = bits.ue();
  if (chromaFormat > 3) throw malformed(`An H.265 SPS has the chroma format ${chromaFormat}`);
  const separatePlanes = chromaFormat === 3 && bits.flag();
  const codedWidth = bits.ue();
  const codedHeight = bits.ue();
  if (codedWidth > MAX_SIDE || codedHeight > MAX_SIDE) {
    throw malformed(`An H.265 SPS has ${codedWidth} by ${codedHeight} pixels`);
  }
  const subsampled = !separatePlanes && (chromaFormat === 1 || chromaFormat === 2);
  const unitX = subsampled ? 2 : 1;
  const unitY = !separatePlanes && chromaFormat === 1 ? 2 : 1;
  const crop = bits.flag()
    ? { x: (bits.ue() + bits.ue()) * unitX, y: (bits.ue() + bits.ue()) * unitY }
    : { x: 0, y: 0 };
  const width = codedWidth - crop.x;
  const height = codedHeight - crop.y;
  if (width <= 0 || height <= 0) throw malformed("An H.265 SPS shows no pixel");
  const bitDepthLuma = bits.ue() + 8;
  const bitDepthChroma = bits.ue() + 8;
  if (bitDepthLuma > 16 || bitDepthChroma > 16) {
    throw malformed(`An H.265 SPS has samples of ${bitDepthLuma} and ${bitDepthChroma} bits`);
  }
  const pocBits = bits.ue() + 4;
  if (pocBits > 16) throw malformed(`An H.265 SPS has picture order counts of ${pocBits} bits`);
  const reorderDepth = readReorderDepth(bits, maxSubLayers);
  const vui = readToVui(bits, { pocBits, maxSubLayers });
  return {
    vpsId,
    id,
    maxSubLayers,
    temporalIdNesting,
    profile,
    chromaFormat,
    bitDepthLuma,
    bitDepthChroma,
    width,
    height,
    reorderDepth,
    frameRate: vui.frameRate,
    minSpatialSegmentation: vui.minSpatialSegmentation ?? 0,
  };
}

/** Reads `profile_tier_level` (7.3.3) and passes over its sub-layers. */
function readProfileTierLevel(bits: BitReader, maxSubLayers: number): H265Profile {
  const general = {
    space: bits.u(2),
    tier: bits.u(1),
    profile: bits.u(5),
    compatibility: bits.u(32),
    constraints: bits.u(48),
    level: bits.u(8),
  };
  const present: [boolean, boolean][] = [];
  for (let i = 0; i < maxSubLayers - 1; i++) present.push([bits.flag(), bits.flag()]);
  if (maxSubLayers > 1) bits.skip(2 * (8 - (maxSubLayers - 1)));
  for (const [profile, level] of present) bits.skip((profile ? 88 : 0) + (level ? 8 : 0));
  return general;
}

/** Reads the sizes of the decoded picture buffer, a set a sub-layer or one for all. */
function readReorderDepth(bits: BitReader, maxSubLayers: number): number {
  const sets = bits.flag() ? maxSubLayers : 1;
  let depth = 0;
  for (let i = 0; i < sets; i++) {
    bits.ue(); // sps_max_dec_pic_buffering_minus1
    depth = bits.ue();
    bits.ue(); // sps_max_latency_increase_plus1
  }
  if (depth > 16) throw malformed(`An H.265 SPS reorders ${depth} pictures`);
  return depth;
}

interface VuiContext {
  readonly pocBits: number;
  readonly maxSubLayers: number;
}

/** Reads on to the VUI and it. Where the SPS is cut short here, what came before still holds. */
function readToVui(bits: BitReader, context: VuiContext): H265Vui {
  try {
    for (let i = 0; i < 6; i++) bits.ue(); // sizes of coding and transform blocks
    if (bits.flag() && bits.flag()) skipScalingLists(bits);
    bits.skip(2); // amp_enabled_flag, sample_adaptive_offset_enabled_flag
    if (bits.flag()) {
      bits.skip(8); // sizes of PCM samples
      bits.ue();
      bits.ue();
      bits.skip(1);
    }
    skipShortTermSets(bits);
    if (bits.flag()) {
      const pictures = bits.ue();
      if (pictures > 32) throw malformed(`An H.265 SPS has ${pictures} long-term pictures`);
      for (let i = 0; i < pictures; i++) bits.skip(context.pocBits + 1);
    }
    bits.skip(2); // sps_temporal_mvp_enabled_flag, strong_intra_smoothing_enabled_flag
    return bits.flag() ? readH265Vui(bits, context.maxSubLayers) : {};
  } catch (error) {
    if (error instanceof RangeError) return {};
    throw error;
  }
}

/** Passes over `scaling_list_data` (7.3.4). */
function skipScalingLists(bits: BitReader): void {
  for (let size = 0; size < 4; size++) {
    for (let matrix = 0; matrix < 6; matrix += size === 3 ? 3 : 1) {
      if (!bits.flag()) {
        bits.ue(); // scaling_list_pred_matrix_id_delta
        continue;
      }
      if (size > 1) bits.se(); // scaling_list_dc_coef_minus8
      for (let i = 0; i < Math.min(64, 16 << (2 * size)); i++) bits.se();
    }
  }
}

/** Passes over the short-term reference picture sets (7.3.7). */
function skipShortTermSets(bits: BitReader): void {
  const count = bits.ue();
  if (count > 64) throw malformed(`An H.265 SPS has ${count} short-term sets`);
  let pictures = 0; // NumDeltaPocs of the set before
  for (let set = 0; set < count; set++) {
    if (set > 0 && bits.flag()) {
      bits.skip(1); // delta_rps_sign
      bits.ue(); // abs_delta_rps_minus1
      let kept = 0;
      for (let j = 0; j <= pictures; j++) {
        const used = bits.flag();
        if (used || bits.flag()) kept++; // use_delta_flag is read where it is not used
      }
      pictures = kept;
    } else {
      pictures = bits.ue() + bits.ue();
      if (pictures > 16) throw malformed(`An H.265 SPS has a set of ${pictures} pictures`);
      for (let j = 0; j < pictures; j++) {
        bits.ue();
        bits.skip(1);
      }
    }
  }
}
