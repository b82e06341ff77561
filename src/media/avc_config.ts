import { ByteWriter } from "../bytes/mod.ts";
import { parseH264Sps } from "./h264_sps.ts";
import type { NalLengthSize } from "./nal.ts";
import { malformed, mediaReader } from "./reading.ts";

/** An `AVCDecoderConfigurationRecord` (ISO/IEC 14496-15, 5.3.3.1), called avcC. */
export interface AvcConfig {
  /** `AVCProfileIndication`. */
  readonly profile: number;
  /** `profile_compatibility`: the byte of `constraint_set` flags. */
  readonly constraints: number;
  /** `AVCLevelIndication`. */
  readonly level: number;
  /** Bytes of the length before each NAL unit. */
  readonly lengthSize: NalLengthSize;
  /** Sequence parameter sets, as NAL units; views of the record. */
  readonly sps: readonly Uint8Array[];
  /** Picture parameter sets, as NAL units; views of the record. */
  readonly pps: readonly Uint8Array[];
  /** What the record of a high profile ends with; left out by some writers. */
  readonly high?: AvcHighConfig;
}

/** The extension of avcC for profiles other than 66, 77 and 88. */
export interface AvcHighConfig {
  /** `chroma_format_idc`. */
  readonly chromaFormat: number;
  /** Bits of a luma sample. */
  readonly bitDepthLuma: number;
  /** Bits of a chroma sample. */
  readonly bitDepthChroma: number;
  /** Sequence parameter set extensions, as NAL units. */
  readonly spsExtensions: readonly Uint8Array[];
}

/** Profiles whose record has no extension. */
const PLAIN_PROFILES = new Set([66, 77, 88]);

/**
 * Parses avcC. A record without parameter sets, whose stream carries them in band, is accepted.
 *
 * @throws {MediaError} if it is cut short, has another version, or lengths of 3 bytes
 *
 * @example
 * ```ts
 * import { buildAvcConfig, parseAvcConfig } from "@weir/server/media";
 *
 * const sps = Uint8Array.fromHex("6742c00bd9028df93011000003000100000300320f142a48");
 * const pps = Uint8Array.fromHex("68cb80652c80");
 * console.log(parseAvcConfig(buildAvcConfig({ sps: [sps], pps: [pps] })).profile); // 66
 * ```
 */
export function parseAvcConfig(record: Uint8Array): AvcConfig {
  const reader = mediaReader(record, "avcC");
  const version = reader.u8();
  if (version !== 1) throw malformed(`avcC has the version ${version}`);
  const profile = reader.u8();
  const constraints = reader.u8();
  const level = reader.u8();
  const lengthSize = nalLengthSize(reader.u8());
  const list = (count: number) => Array.from({ length: count }, () => reader.view(reader.u16()));
  const sps = list(reader.u8() & 0x1f);
  const pps = list(reader.u8());
  const config = { profile, constraints, level, lengthSize, sps, pps };
  if (PLAIN_PROFILES.has(profile) || reader.remaining < 4) return config;
  const high = {
    chromaFormat: reader.u8() & 3,
    bitDepthLuma: (reader.u8() & 7) + 8,
    bitDepthChroma: (reader.u8() & 7) + 8,
    spsExtensions: list(reader.u8()),
  };
  return { ...config, high };
}

/** What {@linkcode buildAvcConfig} makes a record of. */
export interface AvcParameterSets {
  /** Sequence parameter sets; the first one gives profile, level and sample format. 1 to 31. */
  readonly sps: readonly Uint8Array[];
  /** Picture parameter sets. At most 255. */
  readonly pps: readonly Uint8Array[];
  /** Sequence parameter set extensions, for a high profile. */
  readonly spsExtensions?: readonly Uint8Array[];
  /** Bytes of the length before each NAL unit; 4 by default. */
  readonly lengthSize?: NalLengthSize;
}

/**
 * Builds avcC from parameter sets, which are NAL units without start codes.
 *
 * @throws {TypeError} if there is no sequence parameter set
 * @throws {MediaError} if the first one cannot be parsed
 */
export function buildAvcConfig(sets: AvcParameterSets): Uint8Array {
  const { sps, pps, spsExtensions = [], lengthSize = 4 } = sets;
  const [first] = sps;
  if (first === undefined) {
    throw new TypeError("Cannot build avcC as it needs an SPS: current value is none");
  }
  const { profile, constraints, level, chromaFormat, bitDepthLuma, bitDepthChroma } = parseH264Sps(
    first,
  );
  const writer = new ByteWriter().u8(1).u8(profile).u8(constraints).u8(level);
  const list = (units: readonly Uint8Array[]) => {
    for (const unit of units) writer.u16(unit.length).bytes(unit);
  };
  writer.u8(0xfc | (lengthSize - 1)).u8(0xe0 | sps.length);
  list(sps);
  writer.u8(pps.length);
  list(pps);
  if (!PLAIN_PROFILES.has(profile)) {
    writer.u8(0xfc | chromaFormat).u8(0xf8 | (bitDepthLuma - 8)).u8(0xf8 | (bitDepthChroma - 8));
    writer.u8(spsExtensions.length);
    list(spsExtensions);
  }
  return writer.finish();
}

/** Reads `lengthSizeMinusOne` of avcC and hvcC from the low bits of its byte. */
export function nalLengthSize(byte: number): NalLengthSize {
  const size = (byte & 3) + 1;
  if (size === 3) throw malformed("NAL units have lengths of 3 bytes");
  return size as NalLengthSize;
}
