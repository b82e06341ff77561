import type { BitReader } from "../bytes/mod.ts";
import { malformed } from "./reading.ts";
import { skipVideoDescription } from "./vui.ts";

/** What is of use in the VUI of an H.265 SPS. */
export interface H265Vui {
  readonly frameRate?: number | undefined;
  readonly minSpatialSegmentation?: number | undefined;
}

/** Reads the VUI (ITU-T H.265, E.2.1). */
export function readH265Vui(bits: BitReader, maxSubLayers: number): H265Vui {
  skipVideoDescription(bits);
  bits.skip(3); // neutral_chroma_indication, field_seq, frame_field_info_present
  if (bits.flag()) {
    for (let i = 0; i < 4; i++) bits.ue(); // default display window
  }
  const frameRate = bits.flag() ? readTiming(bits, maxSubLayers) : undefined;
  if (!bits.flag()) return { frameRate };
  bits.skip(3); // tiles_fixed_structure, motion_vectors_over_pic_boundaries, restricted_ref_pic_lists
  return { frameRate, minSpatialSegmentation: bits.ue() };
}

function readTiming(bits: BitReader, maxSubLayers: number): number | undefined {
  const ticks = bits.u(32);
  const scale = bits.u(32);
  if (bits.flag()) bits.ue(); // vui_num_ticks_poc_diff_one_minus1
  if (bits.flag()) skipHrd(bits, maxSubLayers);
  return ticks > 0 && scale > 0 ? scale / ticks : undefined;
}

/** Passes over the HRD parameters, their common part included (E.2.2). */
function skipHrd(bits: BitReader, maxSubLayers: number): void {
  const nal = bits.flag();
  const vcl = bits.flag();
  let subPictures = false;
  if (nal || vcl) {
    subPictures = bits.flag();
    if (subPictures) bits.skip(19);
    bits.skip(8); // bit_rate_scale, cpb_size_scale
    if (subPictures) bits.skip(4);
    bits.skip(15); // lengths of delays
  }
  for (let i = 0; i < maxSubLayers; i++) {
    const fixedGeneral = bits.flag();
    const fixedWithin = fixedGeneral || bits.flag();
    let lowDelay = false;
    if (fixedWithin) bits.ue(); // elemental_duration_in_tc_minus1
    else lowDelay = bits.flag();
    const buffers = lowDelay ? 1 : bits.ue() + 1;
    if (buffers > 32) throw malformed(`An H.265 SPS has ${buffers} coded picture buffers`);
    for (let set = 0; set < Number(nal) + Number(vcl); set++) {
      skipSubLayerHrd(bits, buffers, subPictures);
    }
  }
}

/** Passes over `sub_layer_hrd_parameters` (E.2.3). */
function skipSubLayerHrd(bits: BitReader, buffers: number, subPictures: boolean): void {
  for (let i = 0; i < buffers; i++) {
    for (let j = 0; j < (subPictures ? 4 : 2); j++) bits.ue();
    bits.skip(1); // cbr_flag
  }
}
