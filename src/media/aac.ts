import { type BitReader, BitWriter } from "../bytes/mod.ts";
import { malformed, readBits } from "./reading.ts";

/** An `AudioSpecificConfig` (ISO/IEC 14496-3, 1.6.2.1). */
export interface AacConfig {
  /** Audio object type of the core: 1 main, 2 LC, 4 LTP, 23 LD, 39 ELD, … */
  readonly objectType: number;
  /** Sample rate of the core, in samples a second. */
  readonly sampleRate: number;
  /** `channelConfiguration`, 0 to 15; 0 where a program config element tells. */
  readonly channelConfig: number;
  /** Number of channels that the core carries. */
  readonly channels: number;
  /** Samples of the core a frame: 1024 or 960 (512 or 480 for the low-delay types). */
  readonly frameLength: number;
  /** What high-efficiency AAC adds, where the config says so explicitly. */
  readonly extension?: AacExtension;
}

/** Spectral band replication and parametric stereo of an {@linkcode AacConfig}. */
export interface AacExtension {
  /** Whether spectral band replication is in use (HE-AAC). */
  readonly sbr: boolean;
  /** Whether parametric stereo is in use too (HE-AAC v2): mono is decoded to stereo. */
  readonly ps: boolean;
  /** Sample rate of what is decoded, in samples a second: mostly twice that of the core. */
  readonly sampleRate: number;
}

/** `samplingFrequencyIndex` (ISO/IEC 14496-3, table 1.18). */
const SAMPLE_RATES: readonly number[] = [
  96000,
  88200,
  64000,
  48000,
  44100,
  32000,
  24000,
  22050,
  16000,
  12000,
  11025,
  8000,
  7350,
];

/** Channels by `channelConfiguration` (table 1.19, with those of amendment 4). */
const CHANNELS: readonly (number | undefined)[] = [
  undefined,
  1,
  2,
  3,
  4,
  5,
  6,
  8,
  undefined,
  undefined,
  undefined,
  7,
  8,
  24,
  8,
];

const SBR = 5;
const PS = 29;
const ER_BSAC = 22;
const ER_AAC_LD = 23;
const ER_AAC_ELD = 39;
const ESCAPE_RATE = 15;
const ESCAPE_TYPE = 31;
/** Sync words of the backward-compatible extensions. */
const SBR_SYNC = 0x2b7;
const PS_SYNC = 0x548;

/** Types whose specific config is `GASpecificConfig`. */
const GA_TYPES = new Set([1, 2, 3, 4, 6, 7, 17, 19, 20, 21, 22, 23]);

/** Index of a sample rate in the table that ADTS and AudioSpecificConfig share, or `undefined`. */
export function aacRateIndex(sampleRate: number): number | undefined {
  const index = SAMPLE_RATES.indexOf(sampleRate);
  return index < 0 ? undefined : index;
}

/** Sample rate of a `samplingFrequencyIndex`, or `undefined` for a reserved one. */
export function aacRateOfIndex(index: number): number | undefined {
  return SAMPLE_RATES[index];
}

/** Number of channels of a `channelConfiguration`; 0 where the stream tells, or for a reserved one. */
export function aacChannelsOfConfig(channelConfig: number): number {
  return CHANNELS[channelConfig] ?? 0;
}

/**
 * Parses an AudioSpecificConfig (ISO/IEC 14496-3, 1.6.2.1), with explicit spectral band replication
 * and parametric stereo, hierarchical or backward compatible, and escaped sample rates.
 *
 * @throws {MediaError} if it is cut short or has a reserved sample rate
 *
 * @example
 * ```ts
 * import { parseAacConfig } from "@weir/server/media";
 *
 * const { sampleRate, channels } = parseAacConfig(new Uint8Array([0x12, 0x10]));
 * console.log(sampleRate, channels); // 44100 2
 * ```
 */
export function parseAacConfig(bytes: Uint8Array): AacConfig {
  return readBits(bytes, "An AudioSpecificConfig", (bits) => readAacConfig(bits, true));
}

/**
 * Reads an AudioSpecificConfig from `bits`. `delimited` says that nothing else follows it, so that what
 * is left may be a backward-compatible extension; in LATM without a length it may not.
 */
export function readAacConfig(bits: BitReader, delimited: boolean): AacConfig {
  const signalled = readObjectType(bits);
  const signalledRate = readRate(bits);
  const channelConfig = bits.u(4);
  if (signalled !== SBR && signalled !== PS) {
    const core = readCore(bits, {
      objectType: signalled,
      sampleRate: signalledRate,
      channelConfig,
    });
    const extension = delimited ? readCompatibleExtension(bits) : undefined;
    return extension === undefined ? core : { ...core, extension };
  }
  const extension = { sbr: true, ps: signalled === PS, sampleRate: readRate(bits) };
  const objectType = readObjectType(bits);
  if (objectType === ER_BSAC) bits.skip(4); // extensionChannelConfiguration
  const core = readCore(bits, { objectType, sampleRate: signalledRate, channelConfig });
  return { ...core, extension };
}

interface Core {
  readonly objectType: number;
  readonly sampleRate: number;
  readonly channelConfig: number;
}

function readCore(bits: BitReader, core: Core): AacConfig {
  let channels = aacChannelsOfConfig(core.channelConfig);
  let short = false;
  if (GA_TYPES.has(core.objectType)) {
    short = bits.flag();
    if (bits.flag()) bits.skip(14); // coreCoderDelay
    const extended = bits.flag();
    if (core.channelConfig === 0) channels = readProgramChannels(bits);
    if (core.objectType === 6 || core.objectType === 20) bits.skip(3); // layerNr
    if (extended) {
      if (core.objectType === ER_BSAC) bits.skip(16);
      if ([17, 19, 20, 23].includes(core.objectType)) bits.skip(3);
      bits.skip(1); // extensionFlag3
    }
  } else if (core.objectType === ER_AAC_ELD) {
    short = bits.flag();
  }
  const low = core.objectType === ER_AAC_LD || core.objectType === ER_AAC_ELD;
  const frameLength = (short ? 960 : 1024) / (low ? 2 : 1);
  return { ...core, channels, frameLength };
}

/** Counts the channels of a `program_config_element` (ISO/IEC 14496-3, 4.4.1.1), and passes over it. */
function readProgramChannels(bits: BitReader): number {
  bits.skip(4 + 2 + 4); // element_instance_tag, object_type, sampling_frequency_index
  const speakers = bits.u(4) + bits.u(4) + bits.u(4);
  return countChannels(bits, speakers);
}

function countChannels(bits: BitReader, elements: number): number {
  const lfe = bits.u(2);
  const associated = bits.u(3);
  const coupled = bits.u(4);
  if (bits.flag()) bits.skip(4); // mono_mixdown
  if (bits.flag()) bits.skip(4); // stereo_mixdown
  if (bits.flag()) bits.skip(3); // matrix_mixdown
  let channels = lfe;
  for (let i = 0; i < elements; i++) {
    channels += bits.flag() ? 2 : 1;
    bits.skip(4);
  }
  bits.skip(4 * (lfe + associated) + 5 * coupled);
  bits.skip((8 - (bits.offset & 7)) & 7); // byte_alignment
  bits.skip(8 * bits.u(8)); // comment
  return channels;
}

/** Reads the extension behind the config that old decoders do not look at (1.6.5.3). */
function readCompatibleExtension(bits: BitReader): AacExtension | undefined {
  if (bits.remaining < 16 || bits.u(11) !== SBR_SYNC) return undefined;
  if (readObjectType(bits) !== SBR || !bits.flag()) return undefined;
  const sampleRate = readRate(bits);
  const ps = bits.remaining >= 12 && bits.u(11) === PS_SYNC && bits.flag();
  return { sbr: true, ps, sampleRate };
}

function readObjectType(bits: BitReader): number {
  const type = bits.u(5);
  return type === ESCAPE_TYPE ? 32 + bits.u(6) : type;
}

function readRate(bits: BitReader): number {
  const index = bits.u(4);
  const rate = index === ESCAPE_RATE ? bits.u(24) : SAMPLE_RATES[index];
  if (!rate) throw malformed(`An AudioSpecificConfig has the sample rate index ${index}`);
  return rate;
}

/** What {@linkcode buildAacConfig} makes a config of. */
export interface BuildAacConfig {
  /** Audio object type of the core; 2, LC, by default. */
  readonly objectType?: number;
  /** Sample rate of the core, in samples a second, below 2^24. */
  readonly sampleRate: number;
  /** `channelConfiguration`, 1 to 7 and 11 to 14; for 1 to 6 the number of channels. */
  readonly channelConfig: number;
  /** Samples a frame: 1024, the default, or 960. */
  readonly frameLength?: 1024 | 960;
  /** Spectral band replication, signalled hierarchically. */
  readonly extension?: AacExtension;
}

/**
 * Builds an AudioSpecificConfig.
 *
 * @throws {RangeError} if the channels need a program config element
 *
 * @example
 * ```ts
 * import { buildAacConfig } from "@weir/server/media";
 *
 * console.log(buildAacConfig({ sampleRate: 48000, channelConfig: 2 })); // Uint8Array(2) [ 17, 144 ]
 * ```
 */
export function buildAacConfig(config: BuildAacConfig): Uint8Array {
  const { objectType = 2, sampleRate, channelConfig, frameLength = 1024, extension } = config;
  if (aacChannelsOfConfig(channelConfig) === 0) {
    throw new RangeError(
      "Cannot build an AudioSpecificConfig as its channel configuration must be 1 to 7 or " +
        `11 to 14: current value is ${channelConfig}`,
    );
  }
  const writer = new BitWriter();
  if (extension?.sbr) {
    writeObjectType(writer, extension.ps ? PS : SBR);
    writeRate(writer, sampleRate);
    writer.u(channelConfig, 4);
    writeRate(writer, extension.sampleRate);
    writeObjectType(writer, objectType);
  } else {
    writeObjectType(writer, objectType);
    writeRate(writer, sampleRate);
    writer.u(channelConfig, 4);
  }
  return writer.u(frameLength === 960 ? 1 : 0, 1).u(0, 2).finish();
}

function writeObjectType(writer: BitWriter, type: number): void {
  if (type < ESCAPE_TYPE) writer.u(type, 5);
  else writer.u(ESCAPE_TYPE, 5).u(type - 32, 6);
}

function writeRate(writer: BitWriter, rate: number): void {
  const index = aacRateIndex(rate);
  if (index !== undefined) writer.u(index, 4);
  else writer.u(ESCAPE_RATE, 4).u(rate, 24);
}
