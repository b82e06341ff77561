import type { BitReader } from "../bytes/mod.ts";
import { malformed, readBits } from "./reading.ts";

/** What the start of an AC-3 or E-AC-3 frame says (ETSI TS 102 366, 4.3 and E.1.2). */
export interface Ac3Header {
  /** Which of the two it is. */
  readonly codec: "ac3" | "eac3";
  /** Samples a second. */
  readonly sampleRate: number;
  /** Number of channels, the low-frequency one included. */
  readonly channels: number;
  /** Bytes of the frame. */
  readonly frameSize: number;
  /** Samples in the frame, of each channel: 1536, or less for E-AC-3. */
  readonly samplesPerFrame: number;
}

const SYNC = 0x0b77;
const SAMPLE_RATES: readonly number[] = [48000, 44100, 32000];
/** Full-bandwidth channels by `acmod`. */
const CHANNELS: readonly number[] = [2, 1, 2, 3, 3, 4, 4, 5];
/** Kilobits a second by half of `frmsizecod` (table 4.13). */
const BITRATES: readonly number[] = [
  32,
  40,
  48,
  56,
  64,
  80,
  96,
  112,
  128,
  160,
  192,
  224,
  256,
  320,
  384,
  448,
  512,
  576,
  640,
];
const BLOCKS: readonly number[] = [1, 2, 3, 6];
const SAMPLES_PER_BLOCK = 256;
const BLOCKS_PER_FRAME = 6;
/** `bsid` above is E-AC-3 (E.1.1). */
const MAX_AC3_BSID = 10;
const MAX_EAC3_BSID = 16;

/**
 * Parses the sync frame header of AC-3 or E-AC-3.
 *
 * @throws {MediaError} if it is cut short or has reserved values
 *
 * @example
 * ```ts
 * import { parseAc3Header } from "@weir/server/media";
 *
 * const header = parseAc3Header(new Uint8Array([0x0b, 0x77, 0, 0, 0x14, 0x40, 0x43, 0xe0]));
 * console.log(header.sampleRate, header.frameSize); // 48000 768
 * ```
 */
export function parseAc3Header(bytes: Uint8Array): Ac3Header {
  return readBits(bytes, "An AC-3 frame", (bits) => {
    if (bits.u(16) !== SYNC) throw malformed("An AC-3 frame has no sync word");
    if (bytes.length < 6) bits.skip(32); // throws: too short for bsid
    const bsid = bytes[5]! >> 3;
    if (bsid > MAX_EAC3_BSID) throw malformed(`An AC-3 frame has the bsid ${bsid}`);
    return bsid > MAX_AC3_BSID ? readEac3(bits) : readAc3(bits, bsid);
  });
}

function readAc3(bits: BitReader, bsid: number): Ac3Header {
  bits.skip(16); // crc1
  const rateCode = bits.u(2);
  const sizeCode = bits.u(6);
  const rate = SAMPLE_RATES[rateCode];
  const kilobits = BITRATES[sizeCode >> 1];
  if (rate === undefined || kilobits === undefined) {
    throw malformed("An AC-3 frame has reserved values");
  }
  bits.skip(5 + 3); // bsid, bsmod
  const mode = bits.u(3);
  if ((mode & 1) !== 0 && mode !== 1) bits.skip(2); // cmixlev
  if ((mode & 4) !== 0) bits.skip(2); // surmixlev
  if (mode === 2) bits.skip(2); // dsurmod
  const channels = CHANNELS[mode]! + bits.u(1);
  // A frame is 1536 samples; at 44.1 kHz the lowest bit of the code says that it is one word longer.
  const words = Math.floor((kilobits * 1000 * 1536) / (rate * 16)) +
    (rateCode === 1 ? sizeCode & 1 : 0);
  const slower = 2 ** Math.max(0, bsid - 8); // bsid 9 and 10: half and quarter rate
  return {
    codec: "ac3",
    sampleRate: rate / slower,
    channels,
    frameSize: words * 2,
    samplesPerFrame: SAMPLES_PER_BLOCK * BLOCKS_PER_FRAME,
  };
}

function readEac3(bits: BitReader): Ac3Header {
  bits.skip(2 + 3); // strmtyp, substreamid
  const frameSize = (bits.u(11) + 1) * 2;
  const rateCode = bits.u(2);
  const second = bits.u(2); // fscod2 or numblkscod
  const rate = rateCode === 3 ? (SAMPLE_RATES[second] ?? 0) / 2 : SAMPLE_RATES[rateCode]!;
  if (rate === 0) throw malformed("An E-AC-3 frame has a reserved sample rate");
  const blocks = rateCode === 3 ? BLOCKS_PER_FRAME : BLOCKS[second]!;
  const mode = bits.u(3);
  const channels = CHANNELS[mode]! + bits.u(1);
  const samplesPerFrame = SAMPLES_PER_BLOCK * blocks;
  return { codec: "eac3", sampleRate: rate, channels, frameSize, samplesPerFrame };
}
