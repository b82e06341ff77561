import type { BitReader } from "../bytes/mod.ts";

/** `aspect_ratio_idc` that carries a ratio of its own. */
const EXTENDED_SAR = 255;

/**
 * Passes over what begins a VUI, of which nothing is of use here: aspect ratio, overscan, colours and where
 * chroma samples lie (ITU-T H.264, E.1.1, and H.265, E.2.1, have it alike).
 */
export function skipVideoDescription(bits: BitReader): void {
  if (bits.flag() && bits.u(8) === EXTENDED_SAR) bits.skip(32);
  if (bits.flag()) bits.skip(1); // overscan
  if (bits.flag()) {
    bits.skip(4); // video_format, video_full_range_flag
    if (bits.flag()) bits.skip(24); // colour description
  }
  if (bits.flag()) {
    bits.ue(); // chroma_sample_loc_type_top_field
    bits.ue(); // chroma_sample_loc_type_bottom_field
  }
}
