import { ByteWriter } from "../bytes/mod.ts";
import { nalLengthSize } from "./avc_config.ts";
import { H265NalType } from "./h265.ts";
import { type H265Profile, parseH265Sps } from "./h265_sps.ts";
import type { NalLengthSize } from "./nal.ts";
import { malformed, mediaReader } from "./reading.ts";

/** An `HEVCDecoderConfigurationRecord` (ISO/IEC 14496-15, 8.3.3.1), called hvcC. */
export interface HevcConfig {
  /** Profile, tier and level. */
  readonly profile: H265Profile;
  /** `chroma_format_idc`. */
  readonly chromaFormat: number;
  /** Bits of a luma sample. */
  readonly bitDepthLuma: number;
  /** Bits of a chroma sample. */
  readonly bitDepthChroma: number;
  /** Number of temporal sub-layers; 0 where it is not known. */
  readonly maxSubLayers: number;
  /** Bytes of the length before each NAL unit. */
  readonly lengthSize: NalLengthSize;
  /** Video parameter sets, as NAL units; views of the record. */
  readonly vps: readonly Uint8Array[];
  /** Sequence parameter sets, as NAL units; views of the record. */
  readonly sps: readonly Uint8Array[];
  /** Picture parameter sets, as NAL units; views of the record. */
  readonly pps: readonly Uint8Array[];
}

/** Most parameter sets of all kinds in one record: 16 + 16 + 64 are the ids there are. */
const MAX_PARAMETER_SETS = 96 * 2;

/**
 * Parses hvcC. Arrays of other NAL units (SEI) are passed over.
 *
 * @throws {MediaError} if it is cut short, has another version, or lengths of 3 bytes
 *
 * @example
 * ```ts
 * import { parseHevcConfig } from "@weir/server/media";
 *
 * const record = Uint8Array.fromHex("0101600000009000000000001ef000fcfdf8f800000f00");
 * console.log(parseHevcConfig(record).lengthSize); // 4
 * ```
 */
export function parseHevcConfig(record: Uint8Array): HevcConfig {
  const reader = mediaReader(record, "hvcC");
  const version = reader.u8();
  // Version 0 was written by early encoders of legacy codec id 12; the layout is the same.
  if (version > 1) throw malformed(`hvcC has the version ${version}`);
  const first = reader.u8();
  const profile = {
    space: first >> 6,
    tier: (first >> 5) & 1,
    profile: first & 0x1f,
    compatibility: reader.u32(),
    constraints: reader.u24() * 0x1000000 + reader.u24(),
    level: reader.u8(),
  };
  reader.skip(3); // min_spatial_segmentation_idc, parallelismType
  const chromaFormat = reader.u8() & 3;
  const bitDepthLuma = (reader.u8() & 7) + 8;
  const bitDepthChroma = (reader.u8() & 7) + 8;
  reader.skip(2); // avgFrameRate
  const last = reader.u8();
  const sets: Record<number, Uint8Array[]> = {
    [H265NalType.Vps]: [],
    [H265NalType.Sps]: [],
    [H265NalType.Pps]: [],
  };
  let total = 0;
  for (let arrays = reader.u8(); arrays > 0; arrays--) {
    const list = sets[reader.u8() & 0x3f];
    for (let units = reader.u16(); units > 0; units--) {
      const unit = reader.view(reader.u16());
      if (list === undefined) continue;
      if (++total > MAX_PARAMETER_SETS) throw malformed("hvcC has too many parameter sets");
      list.push(unit);
    }
  }
  return {
    profile,
    chromaFormat,
    bitDepthLuma,
    bitDepthChroma,
    maxSubLayers: (last >> 3) & 7,
    lengthSize: nalLengthSize(last),
    vps: sets[H265NalType.Vps]!,
    sps: sets[H265NalType.Sps]!,
    pps: sets[H265NalType.Pps]!,
  };
}

/** What {@linkcode buildHevcConfig} makes a record of. */
export interface HevcParameterSets {
  /** Video parameter sets. */
  readonly vps: readonly Uint8Array[];
  /** Sequence parameter sets; the first one gives what the record says of the stream. */
  readonly sps: readonly Uint8Array[];
  /** Picture parameter sets. */
  readonly pps: readonly Uint8Array[];
  /** Bytes of the length before each NAL unit; 4 by default. */
  readonly lengthSize?: NalLengthSize;
}

/**
 * Builds hvcC from parameter sets, which are NAL units without start codes.
 *
 * @throws {TypeError} if there is no sequence parameter set
 * @throws {MediaError} if the first one cannot be parsed
 */
export function buildHevcConfig(sets: HevcParameterSets): Uint8Array {
  const { vps, sps, pps, lengthSize = 4 } = sets;
  const [first] = sps;
  if (first === undefined) {
    throw new TypeError("Cannot build hvcC as it needs an SPS: current value is none");
  }
  const parsed = parseH265Sps(first);
  const { space, tier, profile, compatibility, constraints, level } = parsed.profile;
  const writer = new ByteWriter().u8(1).u8((space << 6) | (tier << 5) | profile)
    .u32(compatibility)
    .u24(Math.floor(constraints / 0x1000000)).u24(constraints % 0x1000000)
    .u8(level)
    .u8(0xf0 | ((parsed.minSpatialSegmentation >> 8) & 0x0f)).u8(
      parsed.minSpatialSegmentation & 0xff,
    )
    .u8(0xfc) // parallelismType: mixed or not known
    .u8(0xfc | parsed.chromaFormat)
    .u8(0xf8 | (parsed.bitDepthLuma - 8)).u8(0xf8 | (parsed.bitDepthChroma - 8))
    .u8(0).u8(0) // avgFrameRate: not told
    .u8((parsed.maxSubLayers << 3) | (parsed.temporalIdNesting ? 4 : 0) | (lengthSize - 1));
  const arrays: [number, readonly Uint8Array[]][] = [
    [H265NalType.Vps, vps],
    [H265NalType.Sps, sps],
    [H265NalType.Pps, pps],
  ];
  writer.u8(arrays.length);
  for (const [type, units] of arrays) {
    writer.u8(0x80 | type).u16(units.length); // array_completeness
    for (const unit of units) writer.u16(unit.length).bytes(unit);
  }
  return writer.finish();
}
