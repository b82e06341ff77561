import { malformed, readBits } from "./reading.ts";

/** NAL unit types of H.264 that matter here (ITU-T H.264, table 7-1). */
export const H264NalType = {
  Slice: 1,
  PartitionA: 2,
  PartitionB: 3,
  PartitionC: 4,
  Idr: 5,
  Sei: 6,
  Sps: 7,
  Pps: 8,
  AccessUnitDelimiter: 9,
  EndOfSequence: 10,
  EndOfStream: 11,
  Filler: 12,
  SpsExtension: 13,
} as const;

/** Type of an H.264 NAL unit: {@linkcode H264NalType}, or another up to 31. */
export function h264NalType(unit: Uint8Array): number {
  return (unit[0] ?? 0) & 0x1f;
}

/** What an access unit is for its decoder. */
export interface AccessUnitInfo {
  /** Whether decoding can start here: an IDR picture, a recovery point, an IRAP picture. */
  readonly keyFrame: boolean;
  /** Whether no other picture refers to this one. */
  readonly discardable: boolean;
  /** Whether there is a coded picture at all; not so for parameter sets alone. */
  readonly hasPicture: boolean;
}

/** SEI payload type of a recovery point (ITU-T H.264, D.1.1). */
const RECOVERY_POINT = 6;

/** Bytes of a slice that hold its first three numbers, escapes included. */
const SLICE_HEADER_BYTES = 16;

/**
 * Tells what the NAL units of one H.264 access unit are. A recovery point counts as a key frame, though
 * the picture may be whole only some frames later: encoders with intra refresh or open groups of pictures
 * send no IDR after the first. Set `strict` to count IDR pictures only.
 *
 * @example
 * ```ts
 * import { inspectH264 } from "@weir/server/media";
 *
 * console.log(inspectH264([new Uint8Array([0x65, 0x88, 0x84])]).keyFrame); // true
 * ```
 */
export function inspectH264(
  units: readonly Uint8Array[],
  { strict = false }: { readonly strict?: boolean } = {},
): AccessUnitInfo {
  let idr = false, recovery = false, hasPicture = false, referenced = false;
  for (const unit of units) {
    const type = h264NalType(unit);
    if (type >= H264NalType.Slice && type <= H264NalType.Idr) {
      hasPicture = true;
      idr ||= type === H264NalType.Idr;
      referenced ||= h264NalRefIdc(unit) !== 0;
    } else if (type === H264NalType.Sei) {
      recovery ||= hasRecoveryPoint(unit);
    }
  }
  const keyFrame = idr || (!strict && hasPicture && recovery);
  return { keyFrame, discardable: hasPicture && !referenced, hasPicture };
}

/** `nal_ref_idc` of an H.264 NAL unit, 0 to 3: 0 where no other picture refers to this one. */
export function h264NalRefIdc(unit: Uint8Array): number {
  return ((unit[0] ?? 0) >> 5) & 3;
}

/** Kind of an H.264 slice (ITU-T H.264, table 7-6). */
export type H264SliceType = "P" | "B" | "I" | "SP" | "SI";

const SLICE_TYPES: readonly H264SliceType[] = ["P", "B", "I", "SP", "SI"];

/**
 * Reads the type of a slice NAL unit (types 1, 2 and 5); `undefined` for other units.
 *
 * @throws {MediaError} if the slice header is cut short or has no such type
 */
export function h264SliceType(unit: Uint8Array): H264SliceType | undefined {
  const type = h264NalType(unit);
  const slice = type === H264NalType.Slice || type === H264NalType.PartitionA ||
    type === H264NalType.Idr;
  if (!slice) return undefined;
  return readBits(unit.subarray(1, SLICE_HEADER_BYTES), "An H.264 slice header", (bits) => {
    bits.ue(); // first_mb_in_slice
    const code = bits.ue();
    if (code > 9) throw malformed(`An H.264 slice is of type ${code}`);
    return SLICE_TYPES[code % 5]!;
  });
}

/** Ids of an H.264 picture parameter set and of the sequence parameter set that it refers to. */
export interface H264PpsIds {
  /** `pic_parameter_set_id`, 0 to 255. */
  readonly ppsId: number;
  /** `seq_parameter_set_id`, 0 to 31. */
  readonly spsId: number;
}

/**
 * Reads the ids of a picture parameter set (ITU-T H.264, 7.3.2.2).
 *
 * @throws {MediaError} if it is cut short, or an id is out of range
 */
export function parseH264PpsIds(unit: Uint8Array): H264PpsIds {
  if (h264NalType(unit) !== H264NalType.Pps) throw malformed("This NAL unit is no H.264 PPS");
  return readBits(unit.subarray(1, SLICE_HEADER_BYTES), "An H.264 PPS", (bits) => {
    const ppsId = bits.ue();
    const spsId = bits.ue();
    if (ppsId > 255 || spsId > 31) throw malformed(`An H.264 PPS has the ids ${ppsId}, ${spsId}`);
    return { ppsId, spsId };
  });
}

/** Looks for a recovery point among the messages of an SEI NAL unit (ITU-T H.264, 7.3.2.3.1). */
function hasRecoveryPoint(unit: Uint8Array): boolean {
  let at = 1;
  while (at + 2 < unit.length) {
    let type = 0, size = 0;
    for (; unit[at] === 0xff; at++) type += 255;
    type += unit[at++] ?? 0;
    for (; unit[at] === 0xff; at++) size += 255;
    size += unit[at++] ?? 0;
    if (type === RECOVERY_POINT) return true;
    at += size;
  }
  return false;
}
