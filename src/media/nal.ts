import { ByteWriter } from "../bytes/mod.ts";
import { MediaError } from "./errors.ts";
import { malformed } from "./reading.ts";

/**
 * Most NAL units in one access unit. A level 6.2 picture may have 600 slices, and each may come with
 * a few units beside it; a peer that sends more only costs memory.
 */
export const MAX_NAL_UNITS = 4096;

/** Size of the length before a NAL unit: of avcC and hvcC's `lengthSizeMinusOne`. */
export type NalLengthSize = 1 | 2 | 4;

/** Options of what reads or writes length-prefixed NAL units. */
export interface NalLengthOptions {
  /** Bytes of each length; 4 by default. */
  readonly lengthSize?: NalLengthSize;
}

/**
 * Splits an Annex B byte stream (ITU-T H.264, annex B; H.265, annex B) into its NAL units: views
 * without start codes and without the zero bytes that may follow a unit. Bytes before the first start
 * code are no unit. Empty units are left out.
 *
 * @throws {MediaError} `too-many-units` beyond {@linkcode MAX_NAL_UNITS}
 *
 * @example
 * ```ts
 * import { splitAnnexB } from "@weir/server/media";
 *
 * console.log(splitAnnexB(new Uint8Array([0, 0, 0, 1, 9, 0x10, 0, 0, 1, 0x65])).length); // 2
 * ```
 */
export function splitAnnexB(bytes: Uint8Array): Uint8Array[] {
  const units: Uint8Array[] = [];
  let start = -1;
  for (let at = nextStartCode(bytes, 0);; at = nextStartCode(bytes, at + 3)) {
    if (start >= 0) addUnit(units, trimZeros(bytes.subarray(start, at)));
    if (at >= bytes.length) return units;
    start = at + 3;
  }
}

/** Whether `bytes` begin with a start code, and so are Annex B and not length-prefixed. */
export function isAnnexB(bytes: Uint8Array): boolean {
  if (bytes.length < 4 || bytes[0] !== 0 || bytes[1] !== 0) return false;
  return bytes[2] === 1 || (bytes[2] === 0 && bytes[3] === 1);
}

/** Joins NAL units to an Annex B byte stream, each behind a start code of 4 bytes. */
export function joinAnnexB(units: readonly Uint8Array[]): Uint8Array {
  const size = units.reduce((sum, unit) => sum + unit.length + 4, 0);
  const writer = new ByteWriter(size);
  for (const unit of units) writer.u32(1).bytes(unit);
  return writer.finish();
}

/**
 * Splits length-prefixed NAL units (ISO/IEC 14496-15), as FLV and MP4 carry them, into views. Empty
 * units are left out.
 *
 * @throws {MediaError} `malformed` if a length goes beyond the end, `too-many-units` beyond
 * {@linkcode MAX_NAL_UNITS}
 *
 * @example
 * ```ts
 * import { splitLengthPrefixed } from "@weir/server/media";
 *
 * console.log(splitLengthPrefixed(new Uint8Array([0, 0, 0, 1, 9]))); // [ Uint8Array(1) [ 9 ] ]
 * ```
 */
export function splitLengthPrefixed(
  bytes: Uint8Array,
  { lengthSize = 4 }: NalLengthOptions = {},
): Uint8Array[] {
  const units: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length) {
    let size = 0;
    for (let i = 0; i < lengthSize; i++) size = size * 256 + (bytes[at++] ?? Infinity);
    if (!(size <= bytes.length - at)) {
      throw malformed(`A NAL unit claims ${size} bytes where ${bytes.length - at} remain`);
    }
    addUnit(units, bytes.subarray(at, at + size));
    at += size;
  }
  return units;
}

/**
 * Joins NAL units, each behind its length.
 *
 * @throws {RangeError} if a unit's length does not fit into `lengthSize` bytes
 */
export function joinLengthPrefixed(
  units: readonly Uint8Array[],
  { lengthSize = 4 }: NalLengthOptions = {},
): Uint8Array {
  const writer = new ByteWriter(units.reduce((sum, unit) => sum + unit.length + lengthSize, 0));
  for (const { length } of units) {
    if (length >= 256 ** lengthSize) {
      throw new RangeError(
        `Cannot join NAL units as a length has ${lengthSize} bytes: current value is ${length}`,
      );
    }
  }
  for (const unit of units) {
    if (lengthSize === 1) writer.u8(unit.length);
    else if (lengthSize === 2) writer.u16(unit.length);
    else writer.u32(unit.length);
    writer.bytes(unit);
  }
  return writer.finish();
}

/**
 * Takes the emulation prevention bytes (the 3 in 0 0 3) out of a NAL unit (ITU-T H.264, 7.4.1.1).
 * Returns the unit itself where it has none.
 */
export function removeEmulationPrevention(unit: Uint8Array): Uint8Array {
  let at = nextEmulation(unit, 0);
  if (at < 0) return unit;
  const bytes = new Uint8Array(unit.length);
  let from = 0, size = 0;
  while (at >= 0) {
    bytes.set(unit.subarray(from, at), size);
    size += at - from;
    from = at + 1;
    at = nextEmulation(unit, from);
  }
  bytes.set(unit.subarray(from), size);
  return bytes.subarray(0, size + unit.length - from);
}

/** Index of the next 0 0 1 from `from` on, or the length. */
function nextStartCode(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(1, from + 2); at >= 0; at = bytes.indexOf(1, at + 1)) {
    if (bytes[at - 1] === 0 && bytes[at - 2] === 0) return at - 2;
  }
  return bytes.length;
}

/** Index of the 3 of the next 0 0 3 whose zeros are at `from` or later, or -1. */
function nextEmulation(bytes: Uint8Array, from: number): number {
  for (let at = bytes.indexOf(3, from + 2); at >= 0; at = bytes.indexOf(3, at + 1)) {
    if (bytes[at - 1] === 0 && bytes[at - 2] === 0) return at;
  }
  return -1;
}

function trimZeros(unit: Uint8Array): Uint8Array {
  let end = unit.length;
  while (end > 0 && unit[end - 1] === 0) end--;
  return unit.subarray(0, end);
}

function addUnit(units: Uint8Array[], unit: Uint8Array): void {
  if (unit.length === 0) return;
  if (units.length === MAX_NAL_UNITS) {
    throw new MediaError("too-many-units", `An access unit has over ${MAX_NAL_UNITS} NAL units`);
  }
  units.push(unit);
}
