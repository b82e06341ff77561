import {
  Av1ObuType,
  type CodecName,
  isAnnexB,
  joinObus,
  MediaError,
  parseMp3Header,
  splitAnnexB,
  splitLengthPrefixed,
  splitObus,
} from "../media/mod.ts";
import { isNalCodec } from "./nal_codec.ts";

/** How NAL units are laid out in a frame's bytes. */
export interface FrameLayout {
  /** Bytes of the length before each NAL unit; `undefined` where they may be Annex B as well. */
  readonly lengthSize: 1 | 2 | 4 | undefined;
}

/**
 * Splits the bytes of one frame, as FLV and access units carry it, into its parts.
 *
 * @throws {MediaError} if it is malformed
 */
export function splitFrame(
  codec: CodecName,
  data: Uint8Array,
  { lengthSize }: FrameLayout,
): Uint8Array[] {
  if (codec === "av1") return obuParts(data);
  if (!isNalCodec(codec)) return [data];
  return lengthSize === undefined ? splitAnyNalUnits(data) : splitLengthPrefixed(data, {
    lengthSize,
  });
}

/**
 * A length of 1, or of 256 to 511, looks like a start code: only bytes that are no chain of lengths up
 * to the end are taken for Annex B.
 */
function splitAnyNalUnits(data: Uint8Array): Uint8Array[] {
  if (!isAnnexB(data)) return splitLengthPrefixed(data);
  try {
    return splitLengthPrefixed(data);
  } catch (error) {
    if (error instanceof MediaError) return splitAnnexB(data);
    throw error;
  }
}

const OBU_HAS_SIZE = 0x02;

function obuParts(data: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = [];
  for (const { type, header, payload } of splitObus(data)) {
    if (type === Av1ObuType.TemporalDelimiter || type === Av1ObuType.TileList) continue;
    const part = new Uint8Array(header.length + payload.length);
    part.set(header);
    part[0] = part[0]! & ~OBU_HAS_SIZE;
    part.set(payload, header.length);
    parts.push(part);
  }
  return parts;
}

/** Joins OBUs without size field to a temporal unit in the low-overhead format. */
export function joinObuParts(parts: readonly Uint8Array[]): Uint8Array {
  return joinObus(parts.flatMap((part) => splitObus(part)));
}

/** Joins parts that need nothing between them; the only one is returned as it is. */
export function joinParts(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

/** A frame of MPEG audio, and when it begins after the first one beside it, in microseconds. */
export interface Mp3Frame {
  /** The frame. */
  readonly data: Uint8Array;
  /** Microseconds after the first frame. */
  readonly offsetUs: number;
}

/**
 * Splits MPEG audio frames that were put into one message. What is no chain of frames up to the end is
 * returned as it is.
 */
export function splitMp3(data: Uint8Array): Mp3Frame[] {
  const whole = [{ data, offsetUs: 0 }];
  const frames: Mp3Frame[] = [];
  try {
    let samples = 0;
    for (let at = 0; at < data.length;) {
      const header = parseMp3Header(data.subarray(at));
      const end = at + header.frameSize;
      if (header.frameSize === 0 || end > data.length) return whole;
      const offsetUs = Math.round((samples / header.sampleRate) * 1_000_000);
      frames.push({ data: data.subarray(at, end), offsetUs });
      samples += header.samplesPerFrame;
      at = end;
    }
  } catch (error) {
    if (error instanceof MediaError) return whole;
    throw error;
  }
  return frames;
}
