import {
  type AccessUnitInfo,
  isAnnexB,
  MediaError,
  splitAnnexB,
  splitLengthPrefixed,
} from "../../media/mod.ts";
import type { FrameLayout } from "./frame_layout.ts";

/** Is told, one after the other, what NAL units, or pieces of them, a payload of RTP holds. */
export interface NalSink {
  /** NAL units each behind its size of two bytes, from `start` on, with `between` bytes before the next. */
  aggregate(payload: Uint8Array, at: { readonly start: number; readonly between: number }): void;
  /** A piece of a NAL unit, whose header is `head`: the first one, the last one, or one between. */
  fragment(piece: {
    readonly begins: boolean;
    readonly ends: boolean;
    readonly head: readonly number[];
    readonly rest: Uint8Array;
  }): void;
  /** A whole NAL unit, perhaps with start codes inside. */
  whole(unit: Uint8Array): void;
}

/** A codec whose access units are NAL units, with parameter sets among or beside them. */
export interface NalRules {
  /** The types of its parameter sets, in the order in which a decoder needs them. */
  readonly setTypes: readonly number[];
  /** The type of the sequence parameter set, which tells profile and size. */
  readonly spsType: number;
  /** The type of the access unit delimiter, which nothing may precede. */
  readonly delimiterType: number;
  /** Type of a NAL unit. */
  readonly typeOf: (unit: Uint8Array) => number;
  /** Whether a type is that of a coded slice. */
  readonly isSlice: (type: number) => boolean;
  /** Whether a coded slice is the first of its picture, by the bit behind the NAL unit's header. */
  readonly isFirstSlice: (unit: Uint8Array) => boolean;
  /** Whether a NAL unit is one that makes key frames of the pictures behind it: a recovery point. */
  readonly maySignalKey: (unit: Uint8Array) => boolean;
  /** What the NAL units of one access unit are for their decoder. */
  readonly inspect: (units: readonly Uint8Array[]) => AccessUnitInfo;
  /** The id of a parameter set. */
  readonly setId: (unit: Uint8Array) => number;
  /** Reads a configuration: its parameter sets in order, and the bytes of a NAL unit's length. */
  readonly parseConfig: (config: Uint8Array) => {
    readonly units: readonly Uint8Array[];
    readonly lengthSize: 1 | 2 | 4;
  };
  /** Makes the configuration of parameter sets, a list for each of `setTypes`. */
  readonly buildConfig: (sets: readonly (readonly Uint8Array[])[]) => Uint8Array;
  /** Where `lengthSizeMinusOne` stands in the low bits of a byte of the configuration. */
  readonly lengthSizeAt: number;
  /** Looks into a payload of RTP; `donSize` is the size of decoding order numbers in it. */
  readonly readPayload: (payload: Uint8Array, sink: NalSink, donSize: number) => void;
}

/** Whether a NAL unit is a parameter set. */
export function isParameterSet({ setTypes, typeOf }: NalRules, unit: Uint8Array): boolean {
  return setTypes.includes(typeOf(unit));
}

/** Whether a NAL unit is an access unit delimiter, which nothing may precede. */
export function isDelimiter({ delimiterType, typeOf }: NalRules, unit: Uint8Array): boolean {
  return typeOf(unit) === delimiterType;
}

/**
 * Splits the NAL units of one frame. A length of 1, or of 256 to 511, looks like a start code: only bytes
 * that are no chain of lengths up to the end are taken for Annex B.
 */
export function splitNalUnits(data: Uint8Array, { lengthSize }: FrameLayout): Uint8Array[] {
  if (lengthSize !== undefined) return splitLengthPrefixed(data, { lengthSize });
  if (!isAnnexB(data)) return splitLengthPrefixed(data);
  try {
    return splitLengthPrefixed(data);
  } catch (error) {
    if (error instanceof MediaError) return splitAnnexB(data);
    throw error;
  }
}
