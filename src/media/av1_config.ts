import { ByteWriter } from "../bytes/mod.ts";
import { Av1ObuType, joinObus, parseAv1SequenceHeader, splitObus } from "./av1.ts";
import { malformed, mediaReader } from "./reading.ts";

/** An `AV1CodecConfigurationRecord` (AV1 Codec ISO Media File Format Binding, 2.3), called av1C. */
export interface Av1Config {
  /** `seq_profile`. */
  readonly profile: number;
  /** `seq_level_idx_0`. */
  readonly level: number;
  /** `seq_tier_0`. */
  readonly tier: number;
  /** Bits of a sample: 8, 10 or 12. */
  readonly bitDepth: number;
  /** Whether there is no chroma. */
  readonly monochrome: boolean;
  /** Whether chroma has half the width. */
  readonly subsamplingX: boolean;
  /** Whether chroma has half the height. */
  readonly subsamplingY: boolean;
  /** `configOBUs`: a sequence header OBU, and metadata; may be empty. A view of the record. */
  readonly obus: Uint8Array;
}

/**
 * Parses av1C.
 *
 * @throws {MediaError} if it is cut short or has another version
 *
 * @example
 * ```ts
 * import { parseAv1Config } from "@weir/server/media";
 *
 * console.log(parseAv1Config(new Uint8Array([0x81, 0x00, 0x0c, 0x00])).bitDepth); // 8
 * ```
 */
export function parseAv1Config(record: Uint8Array): Av1Config {
  const reader = mediaReader(record, "av1C");
  const marker = reader.u8();
  if (marker !== 0x81) throw malformed(`av1C starts with the byte ${marker}`);
  const profileLevel = reader.u8();
  const flags = reader.u8();
  reader.skip(1); // initial_presentation_delay
  return {
    profile: profileLevel >> 5,
    level: profileLevel & 0x1f,
    tier: flags >> 7,
    bitDepth: flags & 0x40 ? (flags & 0x20 ? 12 : 10) : 8,
    monochrome: (flags & 0x10) !== 0,
    subsamplingX: (flags & 0x08) !== 0,
    subsamplingY: (flags & 0x04) !== 0,
    obus: reader.rest(),
  };
}

/**
 * Builds av1C from a temporal unit, or anything in the low-overhead format, that has a sequence header.
 *
 * @throws {MediaError} if there is none, or it cannot be parsed
 */
export function buildAv1Config(temporalUnit: Uint8Array): Uint8Array {
  const header = splitObus(temporalUnit).find(({ type }) => type === Av1ObuType.SequenceHeader);
  if (header === undefined) throw malformed("A temporal unit has no AV1 sequence header");
  const sequence = parseAv1SequenceHeader(header.payload);
  const flags = (sequence.tier << 7) | (sequence.bitDepth > 8 ? 0x40 : 0) |
    (sequence.bitDepth === 12 ? 0x20 : 0) | (sequence.monochrome ? 0x10 : 0) |
    (sequence.subsamplingX ? 0x08 : 0) | (sequence.subsamplingY ? 0x04 : 0) |
    sequence.chromaSamplePosition;
  return new ByteWriter(32).u8(0x81).u8((sequence.profile << 5) | sequence.level).u8(flags).u8(0)
    .bytes(joinObus([header])).finish();
}
