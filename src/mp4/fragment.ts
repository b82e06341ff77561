import { ByteWriter } from "../bytes/mod.ts";
import { box, BOX_HEADER_BYTES, fullBox } from "./box_writing.ts";

/** One coded picture or audio frame of a fragment. */
export interface FragmentSample {
  /** Its bytes: NAL units behind lengths, a temporal unit, an audio frame. */
  readonly data: Uint8Array;
  /** How long it lasts, in ticks of its track. */
  readonly duration: number;
  /** Presentation minus decoding time, in ticks; may be negative. 0 by default. */
  readonly compositionOffset?: number;
  /** Whether decoding can start here; true for all audio. */
  readonly keyFrame: boolean;
  /** Whether no other one depends on it; not told by default. */
  readonly discardable?: boolean;
}

/** The samples of one track in a fragment. */
export interface FragmentTrack {
  /** `track_ID`, as in the initialization segment. */
  readonly trackId: number;
  /** Decoding time of the first sample, in ticks of the track: an integer below 2^53. */
  readonly baseTime: number;
  /** The samples in order of decoding; at least one. */
  readonly samples: readonly FragmentSample[];
}

/** When the media of a fragment was taken, by the wall clock. */
export interface ReferenceTime {
  /** Id of the track that is told of. */
  readonly trackId: number;
  /** Time of the track, in its ticks. */
  readonly mediaTime: number;
  /** Wall-clock time then, microseconds since 1970. */
  readonly unixUs: number;
}

/** A fragment to be written. */
export interface Fragment {
  /** Counts up from 1 in a file. */
  readonly sequenceNumber: number;
  /** Its tracks, in the order in which their bytes are to stand; at least one. */
  readonly tracks: readonly FragmentTrack[];
}

/** Flags of `tfhd` and `trun` (ISO/IEC 14496-12, 8.8.7 and 8.8.8). */
export const FragmentFlag = {
  baseDataOffset: 0x1,
  sampleDescriptionIndex: 0x2,
  defaultDuration: 0x8,
  defaultSize: 0x10,
  defaultFlags: 0x20,
  defaultBaseIsMoof: 0x02_0000,
  dataOffset: 0x1,
  firstSampleFlags: 0x4,
  duration: 0x100,
  size: 0x200,
  flags: 0x400,
  compositionOffset: 0x800,
} as const;

/** `sample_flags` (8.8.3.1). */
export const SampleFlag = {
  dependsOnOthers: 0x0100_0000,
  dependsOnNone: 0x0200_0000,
  isNotDependedOn: 0x0080_0000,
  isNotSync: 0x0001_0000,
} as const;

/** Bytes of `tfhd` with default duration and flags, of `tfdt` in 64 bits, and of `trun` without its samples. */
const TRACK_HEADER_BYTES = 24;
const DECODE_TIME_BYTES = 20;
const RUN_BYTES = 20;
const FRAGMENT_HEADER_BYTES = 16;

/** How the samples of one track are written. */
interface RunLayout {
  readonly track: FragmentTrack;
  readonly flags: number;
  readonly entryBytes: number;
  readonly defaultDuration: number;
  readonly defaultFlags: number;
  readonly dataBytes: number;
}

/**
 * Builds a fragment: `moof` and `mdat`. Times of decoding have 64 bits; times of presentation may lie before them.
 *
 * @throws {RangeError} if there is no track, a track without a sample, or over 4 GiB of data
 *
 * @example
 * ```ts
 * import { buildFragment } from "@weir/server/mp4";
 *
 * const sample = { data: new Uint8Array([0x21, 0x10]), duration: 1024, keyFrame: true };
 * const bytes = buildFragment({
 *   sequenceNumber: 1,
 *   tracks: [{ trackId: 1, baseTime: 0, samples: [sample] }],
 * });
 * console.log(bytes.length); // 110
 * ```
 */
export function buildFragment({ sequenceNumber, tracks }: Fragment): Uint8Array {
  const layouts = tracks.map(layoutOf);
  const moofBytes = layouts.reduce(
    (sum, layout) => sum + trackFragmentBytes(layout),
    BOX_HEADER_BYTES + FRAGMENT_HEADER_BYTES,
  );
  const dataBytes = layouts.reduce((sum, layout) => sum + layout.dataBytes, 0);
  checkSize(layouts.length, moofBytes + BOX_HEADER_BYTES + dataBytes);
  const writer = new ByteWriter(moofBytes + BOX_HEADER_BYTES + dataBytes);
  writer.u32(moofBytes).utf8("moof").u32(FRAGMENT_HEADER_BYTES).utf8("mfhd").u32(0)
    .u32(sequenceNumber);
  let dataOffset = moofBytes + BOX_HEADER_BYTES;
  for (const layout of layouts) {
    writeTrackFragment(writer, layout, dataOffset);
    dataOffset += layout.dataBytes;
  }
  writer.u32(BOX_HEADER_BYTES + dataBytes).utf8("mdat");
  for (const { track } of layouts) for (const { data } of track.samples) writer.bytes(data);
  return writer.finish();
}

function checkSize(tracks: number, bytes: number): void {
  if (tracks === 0) {
    throw new RangeError("Cannot build a fragment as it needs a track: current value is none");
  }
  if (bytes >= 2 ** 32) {
    throw new RangeError(
      `Cannot build a fragment as sizes have 32 bits: current value is ${bytes}`,
    );
  }
}

function layoutOf(track: FragmentTrack): RunLayout {
  const { samples } = track;
  const [first] = samples;
  if (first === undefined) {
    throw new RangeError(
      `Cannot build a fragment as track ${track.trackId} needs a sample: current value is none`,
    );
  }
  // One sample has its flags alone; the others mostly have the same.
  const defaultFlags = sampleFlags(samples.at(-1)!);
  let flags: number = FragmentFlag.dataOffset | FragmentFlag.size;
  let dataBytes = 0;
  for (const sample of samples) {
    dataBytes += sample.data.length;
    if (sample.duration !== first.duration) flags |= FragmentFlag.duration;
    if (sampleFlags(sample) !== defaultFlags) flags |= FragmentFlag.flags;
    if ((sample.compositionOffset ?? 0) !== 0) flags |= FragmentFlag.compositionOffset;
  }
  const fields = [
    FragmentFlag.duration,
    FragmentFlag.size,
    FragmentFlag.flags,
    FragmentFlag.compositionOffset,
  ];
  const entryBytes = fields.filter((field) => (flags & field) !== 0).length * 4;
  return { track, flags, entryBytes, defaultDuration: first.duration, defaultFlags, dataBytes };
}

function trackFragmentBytes({ track, entryBytes }: RunLayout): number {
  return BOX_HEADER_BYTES + TRACK_HEADER_BYTES + DECODE_TIME_BYTES + RUN_BYTES +
    track.samples.length * entryBytes;
}

function writeTrackFragment(writer: ByteWriter, layout: RunLayout, dataOffset: number): void {
  const { track, flags, entryBytes } = layout;
  const { trackId, baseTime, samples } = track;
  const headerFlags = FragmentFlag.defaultDuration | FragmentFlag.defaultFlags |
    FragmentFlag.defaultBaseIsMoof;
  writer.u32(trackFragmentBytes(layout)).utf8("traf")
    .u32(TRACK_HEADER_BYTES).utf8("tfhd").u32(headerFlags).u32(trackId)
    .u32(layout.defaultDuration).u32(layout.defaultFlags)
    .u32(DECODE_TIME_BYTES).utf8("tfdt").u32(0x0100_0000)
    .u32(Math.floor(baseTime / 2 ** 32)).u32(baseTime % 2 ** 32)
    .u32(RUN_BYTES + samples.length * entryBytes).utf8("trun").u32(0x0100_0000 | flags)
    .u32(samples.length).u32(dataOffset);
  for (const sample of samples) writeRunEntry(writer, sample, flags);
}

function writeRunEntry(writer: ByteWriter, sample: FragmentSample, flags: number): void {
  if (flags & FragmentFlag.duration) writer.u32(sample.duration);
  writer.u32(sample.data.length);
  if (flags & FragmentFlag.flags) writer.u32(sampleFlags(sample));
  if (flags & FragmentFlag.compositionOffset) writer.u32(sample.compositionOffset ?? 0);
}

function sampleFlags({ keyFrame, discardable = false }: FragmentSample): number {
  const depended = discardable ? SampleFlag.isNotDependedOn : 0;
  return keyFrame
    ? SampleFlag.dependsOnNone | depended
    : SampleFlag.dependsOnOthers | SampleFlag.isNotSync | depended;
}

const NTP_EPOCH_SECONDS = 2_208_988_800;

/**
 * Builds the box `prft`, which stands in front of a fragment and says what time of the wall clock a time of its media is
 * (ISO/IEC 14496-12, 8.16.5).
 *
 * @example
 * ```ts
 * import { buildReferenceTime } from "@weir/server/mp4";
 *
 * console.log(buildReferenceTime({ trackId: 1, mediaTime: 90_000, unixUs: 1_000_000 }).length); // 32
 * ```
 */
export function buildReferenceTime({ trackId, mediaTime, unixUs }: ReferenceTime): Uint8Array {
  const seconds = Math.floor(unixUs / 1_000_000);
  const fraction = Math.floor(((unixUs - seconds * 1_000_000) * 2 ** 32) / 1_000_000);
  const content = new ByteWriter(32).u32(trackId).u32((seconds + NTP_EPOCH_SECONDS) % 2 ** 32)
    .u32(fraction).u32(Math.floor(mediaTime / 2 ** 32)).u32(mediaTime % 2 ** 32).finish();
  return fullBox("prft", { version: 1 }, content);
}

/**
 * Builds a box `free` of `length` bytes, at least 8, that readers pass over.
 *
 * @throws {RangeError} if `length` is less than 8
 */
export function buildFreeBox(length: number): Uint8Array {
  return box("free", new Uint8Array(length - BOX_HEADER_BYTES));
}
