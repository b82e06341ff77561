import { malformed, mediaReader } from "./reading.ts";

/** The header of an MPEG audio frame (ISO/IEC 11172-3, 2.4.1.3; 13818-3). */
export interface Mp3Header {
  /** 1, 2, or 2.5. */
  readonly version: 1 | 2 | 2.5;
  /** 1 to 3. */
  readonly layer: number;
  /** Bits a second; 0 for the free format. */
  readonly bitrateBps: number;
  /** Samples a second. */
  readonly sampleRate: number;
  /** 1 or 2. */
  readonly channels: number;
  /** Samples in one frame, of each channel. */
  readonly samplesPerFrame: number;
  /** Bytes of the frame, its header included; 0 for the free format. */
  readonly frameSize: number;
}

/** Kilobits a second of version 1, by layer (table 2.4.2.3). */
const BITRATES_1: readonly (readonly number[])[] = [
  [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
  [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
  [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
];

/** Kilobits a second of versions 2 and 2.5: layer 1, and layers 2 and 3. */
const BITRATES_2: readonly (readonly number[])[] = [
  [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
  [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
  [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
];

const SAMPLE_RATES: readonly number[] = [44100, 48000, 32000];
const MONO = 3;

/**
 * Parses the header at the start of an MPEG audio frame, of layers 1 to 3.
 *
 * @throws {MediaError} if it is cut short or has reserved values
 *
 * @example
 * ```ts
 * import { parseMp3Header } from "@weir/server/media";
 *
 * console.log(parseMp3Header(new Uint8Array([0xff, 0xfb, 0x90, 0x64])).sampleRate); // 44100
 * ```
 */
export function parseMp3Header(bytes: Uint8Array): Mp3Header {
  const header = mediaReader(bytes, "An MPEG audio header").u32();
  if (header >>> 21 !== 0x7ff) throw malformed("An MPEG audio frame has no sync word");
  const versionId = (header >>> 19) & 3;
  const layer = 4 - ((header >>> 17) & 3);
  const rate = SAMPLE_RATES[(header >>> 10) & 3];
  const version = versionId === 3 ? 1 : versionId === 2 ? 2 : 2.5;
  const kilobits = (version === 1 ? BITRATES_1 : BITRATES_2)[layer - 1]?.[(header >>> 12) & 15];
  if (versionId === 1 || rate === undefined || kilobits === undefined) {
    throw malformed("An MPEG audio header has reserved values");
  }
  const sampleRate = rate / (version === 1 ? 1 : version === 2 ? 2 : 4);
  const bitrateBps = kilobits * 1000;
  const channels = ((header >>> 6) & 3) === MONO ? 1 : 2;
  const samplesPerFrame = layer === 1 ? 384 : layer === 3 && version !== 1 ? 576 : 1152;
  const slot = layer === 1 ? 4 : 1;
  const padding = (header >>> 9) & 1;
  const slots = Math.floor((samplesPerFrame * bitrateBps) / (8 * slot * sampleRate));
  const frameSize = bitrateBps === 0 ? 0 : (slots + padding) * slot;
  return { version, layer, bitrateBps, sampleRate, channels, samplesPerFrame, frameSize };
}

/** The lowest rate of MPEG-1 (ISO/IEC 11172-3, 2.4.2.3); lower ones are of MPEG-2. */
const LOWEST_RATE_OF_MPEG1 = 32_000;

/**
 * Whether sound of Layer III is of MPEG-2 (ISO/IEC 13818-3), which containers have other numbers for. A track that does not
 * tell its rate is taken for MPEG-1.
 *
 * @example
 * ```ts
 * import { isMpeg2Sound } from "@weir/server/media";
 *
 * console.log(isMpeg2Sound({ sampleRate: 22_050 }), isMpeg2Sound({})); // true false
 * ```
 */
export function isMpeg2Sound(
  { sampleRate = LOWEST_RATE_OF_MPEG1 }: { readonly sampleRate?: number | undefined },
): boolean {
  return sampleRate < LOWEST_RATE_OF_MPEG1;
}
