import { equals } from "@std/bytes/equals";
import {
  buildAvcConfig,
  buildHevcConfig,
  H264NalType,
  H265NalType,
  MediaError,
  parseAvcConfig,
  parseH264PpsIds,
  parseH264Sps,
  parseH265PpsIds,
  parseH265Sps,
  parseH265VpsId,
  parseHevcConfig,
} from "../media/mod.ts";
import { type NalCodec, nalTypeOf, parameterSetTypes } from "./nal_codec.ts";

/** avcC and hvcC tell the size of a parameter set in 16 bits. */
const MAX_SET_SIZE = 0xffff;

/**
 * Most sets of one type that are kept: avcC has 5 bits for the number of its sequence parameter sets.
 * A peer that sends more ids than this loses its oldest.
 */
const MAX_SETS = 31;

/** The parameter sets in force of an H.264 or H.265 track, and the record that holds them. */
export class ParameterSets {
  readonly #codec: NalCodec;
  /** By type, then by id. */
  readonly #sets: Map<number, Map<number, Uint8Array>>;
  #config: Uint8Array | undefined;
  #stale = false;

  /** Starts with the sets of `config`, an avcC or hvcC, or with none; a malformed one is passed over. */
  constructor(codec: NalCodec, config?: Uint8Array) {
    this.#codec = codec;
    this.#sets = new Map(parameterSetTypes(codec).map((type) => [type, new Map()]));
    if (config !== undefined) this.replace(config);
  }

  /**
   * The avcC or hvcC of the sets, with lengths of 4 bytes; `undefined` while a type of set is missing.
   * The same array as long as nothing changes.
   */
  get config(): Uint8Array | undefined {
    if (this.#stale) {
      this.#stale = false;
      this.#config = this.#build();
    }
    return this.#config;
  }

  /** All sets, in the order in which a decoder needs them. */
  get units(): readonly Uint8Array[] {
    return [...this.#sets.values()].flatMap((sets) => [...sets.values()]);
  }

  /** Takes the sets of an avcC or hvcC instead of those before. False where it cannot be read. */
  replace(config: Uint8Array): boolean {
    try {
      const units = this.#codec === "h264" ? avcUnits(config) : hevcUnits(config);
      for (const sets of this.#sets.values()) sets.clear();
      for (const [index, unit] of units.entries()) this.#addRecorded(unit, index);
      this.#stale = false;
      const complete = [...this.#sets.values()].every(({ size }) => size > 0);
      // A publisher's own record may hold more than the sets.
      this.#config = complete ? withLengthsOfFour(this.#codec, config) : undefined;
      return true;
    } catch (error) {
      if (error instanceof MediaError) return false;
      throw error;
    }
  }

  /** Takes a parameter set that came in band. True where it changes something. */
  take(unit: Uint8Array): boolean {
    const type = nalTypeOf(this.#codec, unit);
    const sets = this.#sets.get(type);
    if (sets === undefined || unit.length > MAX_SET_SIZE) return false;
    for (const known of sets.values()) if (equals(known, unit)) return false;
    const id = this.#idOf(unit);
    if (id === undefined) return false;
    const isSps = type === H264NalType.Sps || type === H265NalType.Sps;
    // The record tells profile and size by its first sequence parameter set: the newest comes first.
    const others = isSps ? [...sets].filter(([other]) => other !== id) : [];
    if (isSps) sets.clear();
    if (!sets.has(id) && sets.size === MAX_SETS) sets.delete([...sets.keys()][0]!);
    sets.set(id, unit.slice());
    for (const [key, value] of others.slice(0, MAX_SETS - 1)) sets.set(key, value);
    this.#stale = true;
    return true;
  }

  /** What is in a record is kept, even where it cannot be parsed: a decoder may know more. */
  #addRecorded(unit: Uint8Array, index: number): void {
    const sets = this.#sets.get(nalTypeOf(this.#codec, unit));
    if (sets === undefined || sets.size === MAX_SETS) return;
    sets.set(this.#idOf(unit) ?? -1 - index, unit);
  }

  #idOf(unit: Uint8Array): number | undefined {
    try {
      return idOf(this.#codec, unit);
    } catch (error) {
      if (error instanceof MediaError) return undefined;
      throw error;
    }
  }

  #build(): Uint8Array | undefined {
    const lists = [...this.#sets.values()].map((sets) => [...sets.values()]);
    if (lists.some((list) => list.length === 0)) return undefined;
    try {
      return this.#codec === "h264"
        ? buildAvcConfig({ sps: lists[0]!, pps: lists[1]! })
        : buildHevcConfig({ vps: lists[0]!, sps: lists[1]!, pps: lists[2]! });
    } catch (error) {
      if (error instanceof MediaError) return undefined;
      throw error;
    }
  }
}

function avcUnits(config: Uint8Array): Uint8Array[] {
  const { sps, pps } = parseAvcConfig(config);
  return [...sps, ...pps];
}

function hevcUnits(config: Uint8Array): Uint8Array[] {
  const { vps, sps, pps } = parseHevcConfig(config);
  return [...vps, ...sps, ...pps];
}

/** Bytes of the lengths that an avcC or hvcC announces. */
export function lengthSizeOf(codec: NalCodec, config: Uint8Array): 1 | 2 | 4 {
  return codec === "h264" ? parseAvcConfig(config).lengthSize : parseHevcConfig(config).lengthSize;
}

/** `lengthSizeMinusOne` is in the low bits of this byte of the record. */
const LENGTH_SIZE_AT: Readonly<Record<NalCodec, number>> = { h264: 4, h265: 21 };

function withLengthsOfFour(codec: NalCodec, config: Uint8Array): Uint8Array {
  const at = LENGTH_SIZE_AT[codec];
  if ((config[at]! & 3) === 3) return config;
  const copy = config.slice();
  copy[at] = copy[at]! | 3;
  return copy;
}

function idOf(codec: NalCodec, unit: Uint8Array): number {
  const type = nalTypeOf(codec, unit);
  if (codec === "h264") {
    return type === H264NalType.Sps ? parseH264Sps(unit).id : parseH264PpsIds(unit).ppsId;
  }
  if (type === H265NalType.Vps) return parseH265VpsId(unit);
  return type === H265NalType.Sps ? parseH265Sps(unit).id : parseH265PpsIds(unit).ppsId;
}
