import type { AccessUnitInfo } from "./h264.ts";
import { malformed, readBits } from "./reading.ts";

/** NAL unit types of H.265 that matter here (ITU-T H.265, table 7-1). */
export const H265NalType = {
  TrailN: 0,
  TrailR: 1,
  BlaWLp: 16,
  IdrWRadl: 19,
  IdrNLp: 20,
  Cra: 21,
  Vps: 32,
  Sps: 33,
  Pps: 34,
  AccessUnitDelimiter: 35,
  EndOfSequence: 36,
  EndOfBitstream: 37,
  Filler: 38,
  PrefixSei: 39,
  SuffixSei: 40,
} as const;

/** First and last type of an intra random access point picture, reserved ones included. */
const FIRST_IRAP = 16;
const LAST_IRAP = 23;
/** Types below are of coded slices. */
const FIRST_NON_VCL = 32;
/** Even types up to this one are sub-layer non-reference pictures. */
const LAST_NON_REFERENCE = 14;

/** Type of an H.265 NAL unit: {@linkcode H265NalType}, or another up to 63. */
export function h265NalType(unit: Uint8Array): number {
  return ((unit[0] ?? 0) >> 1) & 0x3f;
}

/** `TemporalId` of an H.265 NAL unit, 0 to 6. */
export function h265TemporalId(unit: Uint8Array): number {
  return Math.max(0, ((unit[1] ?? 1) & 7) - 1);
}

/** Whether a NAL unit type is that of an intra random access point picture (7.4.2.2). */
export function isH265Irap(type: number): boolean {
  return type >= FIRST_IRAP && type <= LAST_IRAP;
}

/** Options of {@linkcode inspectH265}. */
export interface InspectH265Options {
  /**
   * Temporal sub-layers of the stream: `maxSubLayers` of its SPS. A picture that its own sub-layer does
   * not refer to may serve a higher one; 7, the most there are, by default.
   */
  readonly maxSubLayers?: number;
}

/**
 * Tells what the NAL units of one H.265 access unit are. Key frames are IRAP pictures: IDR, CRA and BLA.
 *
 * @example
 * ```ts
 * import { inspectH265 } from "@weir/server/media";
 *
 * console.log(inspectH265([new Uint8Array([0x26, 0x01, 0xaf])]).keyFrame); // true
 * ```
 */
export function inspectH265(
  units: readonly Uint8Array[],
  { maxSubLayers = 7 }: InspectH265Options = {},
): AccessUnitInfo {
  let keyFrame = false, hasPicture = false, discardable = true;
  for (const unit of units) {
    const type = h265NalType(unit);
    if (type >= FIRST_NON_VCL) continue;
    hasPicture = true;
    keyFrame ||= isH265Irap(type);
    discardable &&= type <= LAST_NON_REFERENCE && type % 2 === 0 &&
      h265TemporalId(unit) >= maxSubLayers - 1;
  }
  return { keyFrame, discardable: hasPicture && discardable, hasPicture };
}

/** Ids of an H.265 picture parameter set and of the sequence parameter set that it refers to. */
export interface H265PpsIds {
  /** `pps_pic_parameter_set_id`, 0 to 63. */
  readonly ppsId: number;
  /** `pps_seq_parameter_set_id`, 0 to 15. */
  readonly spsId: number;
}

/** Bytes of a parameter set that hold its ids, escapes included. */
const ID_BYTES = 16;

/**
 * Reads the ids of a picture parameter set (ITU-T H.265, 7.3.2.3.1).
 *
 * @throws {MediaError} if it is cut short, or an id is out of range
 */
export function parseH265PpsIds(unit: Uint8Array): H265PpsIds {
  if (h265NalType(unit) !== H265NalType.Pps) throw malformed("This NAL unit is no H.265 PPS");
  return readBits(unit.subarray(2, ID_BYTES), "An H.265 PPS", (bits) => {
    const ppsId = bits.ue();
    const spsId = bits.ue();
    if (ppsId > 63 || spsId > 15) throw malformed(`An H.265 PPS has the ids ${ppsId}, ${spsId}`);
    return { ppsId, spsId };
  });
}

/**
 * Reads `vps_video_parameter_set_id`, 0 to 15, of a video parameter set (ITU-T H.265, 7.3.2.1).
 *
 * @throws {MediaError} if it is cut short
 */
export function parseH265VpsId(unit: Uint8Array): number {
  if (h265NalType(unit) !== H265NalType.Vps) throw malformed("This NAL unit is no H.265 VPS");
  return readBits(unit.subarray(2), "An H.265 VPS", (bits) => bits.u(4));
}
