import {
  type AccessUnitInfo,
  type CodecName,
  H264NalType,
  h264NalType,
  H265NalType,
  h265NalType,
  inspectH264,
  inspectH265,
} from "../media/mod.ts";

/** The codecs whose access units are NAL units, with parameter sets among or beside them. */
export type NalCodec = "h264" | "h265";

/** Whether the access units of `codec` are made of NAL units. */
export function isNalCodec(codec: CodecName | undefined): codec is NalCodec {
  return codec === "h264" || codec === "h265";
}

/** Types of parameter sets, in the order in which a decoder needs them. */
const PARAMETER_SETS: Readonly<Record<NalCodec, readonly number[]>> = {
  h264: [H264NalType.Sps, H264NalType.Pps],
  h265: [H265NalType.Vps, H265NalType.Sps, H265NalType.Pps],
};

/** The types of a codec's parameter sets, in the order in which a decoder needs them. */
export function parameterSetTypes(codec: NalCodec): readonly number[] {
  return PARAMETER_SETS[codec];
}

/** Type of a NAL unit. */
export function nalTypeOf(codec: NalCodec, unit: Uint8Array): number {
  return codec === "h264" ? h264NalType(unit) : h265NalType(unit);
}

/** Whether a NAL unit is a parameter set. */
export function isParameterSet(codec: NalCodec, unit: Uint8Array): boolean {
  return PARAMETER_SETS[codec].includes(nalTypeOf(codec, unit));
}

/** Whether a NAL unit is an access unit delimiter, which nothing may precede. */
export function isDelimiter(codec: NalCodec, unit: Uint8Array): boolean {
  const delimiter = codec === "h264"
    ? H264NalType.AccessUnitDelimiter
    : H265NalType.AccessUnitDelimiter;
  return nalTypeOf(codec, unit) === delimiter;
}

/** What the NAL units of one access unit are for their decoder. */
export function inspectNalUnits(codec: NalCodec, units: readonly Uint8Array[]): AccessUnitInfo {
  return codec === "h264" ? inspectH264(units) : inspectH265(units);
}
