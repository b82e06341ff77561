import { type FullBox, type Mp4Box, openFullBox, readU64, splitBoxes } from "./box_reading.ts";
import { Mp4Error } from "./errors.ts";
import { FragmentFlag, SampleFlag } from "./fragment.ts";
import type { Mp4InitTrack } from "./init_reader.ts";

/** A sample that a `moof` tells of. */
export interface ReadSample {
  /** Where its bytes begin, counted from the first byte of the `moof`. */
  readonly offset: number;
  /** Number of its bytes. */
  readonly size: number;
  /** Decoding time in ticks of its track. */
  readonly time: number;
  /** How long it lasts, in ticks. */
  readonly duration: number;
  /** Presentation minus decoding time, in ticks. */
  readonly compositionOffset: number;
  /** Whether decoding can start here. */
  readonly keyFrame: boolean;
}

/** The samples of one track in a `moof`. */
export interface ReadFragmentTrack {
  /** `track_ID`. */
  readonly trackId: number;
  /** Decoding time of the first sample, in ticks of the track. */
  readonly baseTime: number;
  /** The samples in order of decoding. */
  readonly samples: readonly ReadSample[];
}

/** What a `moof` tells. */
export interface ReadFragment {
  /** Its number in the file. */
  readonly sequenceNumber: number;
  /** Its tracks. */
  readonly tracks: readonly ReadFragmentTrack[];
}

/** Samples of one fragment: an hour of audio has a quarter million. */
const MAX_SAMPLES = 1_000_000;

/**
 * Reads a whole `moof` box, its header included. `tracks` are those of the initialization segment, whose defaults hold
 * where the fragment says nothing.
 *
 * @throws {Mp4Error} if it is no `moof`, cut short or malformed
 *
 * @example
 * ```ts
 * import { buildFragment, parseFragment } from "@weir/server/mp4";
 *
 * const samples = [{ data: new Uint8Array(160), duration: 160, keyFrame: true }];
 * const bytes = buildFragment({
 *   sequenceNumber: 1,
 *   tracks: [{ trackId: 1, baseTime: 8000, samples }],
 * });
 * const moofBytes = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
 * const { tracks } = parseFragment(bytes.subarray(0, moofBytes), []);
 * console.log(tracks[0]?.samples[0]?.time, tracks[0]?.samples[0]?.size); // 8000 160
 * ```
 */
export function parseFragment(
  moof: Uint8Array,
  tracks: readonly Pick<
    Mp4InitTrack,
    "trackId" | "defaultDuration" | "defaultSize" | "defaultFlags"
  >[],
): ReadFragment {
  const [outer] = splitBoxes(moof);
  if (outer?.type !== "moof") throw new Mp4Error("malformed", "There is no box moof");
  let sequenceNumber = 0;
  const read: ReadFragmentTrack[] = [];
  let left = MAX_SAMPLES;
  let dataEnd = moof.length;
  for (const { type, content } of splitBoxes(outer.content)) {
    if (type === "mfhd") sequenceNumber = openFullBox(content, "mfhd").reader.u32();
    if (type !== "traf") continue;
    const state = readHeader(splitBoxes(content), { tracks, dataEnd, left });
    read.push({ trackId: state.trackId, baseTime: state.baseTime, samples: state.samples });
    left = state.left;
    dataEnd = state.dataEnd;
  }
  return { sequenceNumber, tracks: read };
}

/** Where reading of a track's runs is. */
interface RunState {
  readonly trackId: number;
  readonly baseTime: number;
  readonly defaultDuration: number;
  readonly defaultSize: number;
  readonly defaultFlags: number;
  readonly samples: ReadSample[];
  time: number;
  /** Where the next byte of data is, where a run does not tell. */
  dataEnd: number;
  left: number;
}

function readHeader(
  boxes: readonly Mp4Box[],
  { tracks, dataEnd, left }: {
    readonly tracks: Parameters<typeof parseFragment>[1];
    readonly dataEnd: number;
    readonly left: number;
  },
): RunState {
  const tfhd = boxes.find(({ type }) => type === "tfhd");
  if (tfhd === undefined) throw new Mp4Error("malformed", "A traf has no tfhd");
  const { flags, reader } = openFullBox(tfhd.content, "tfhd");
  const trackId = reader.u32();
  if (flags & FragmentFlag.baseDataOffset) {
    throw new Mp4Error("unsupported", "A fragment counts its offsets from the start of the file");
  }
  if (flags & FragmentFlag.sampleDescriptionIndex) reader.skip(4);
  const told = tracks.find((track) => track.trackId === trackId);
  const defaultDuration = flags & FragmentFlag.defaultDuration
    ? reader.u32()
    : told?.defaultDuration ?? 0;
  const defaultSize = flags & FragmentFlag.defaultSize ? reader.u32() : told?.defaultSize ?? 0;
  const defaultFlags = flags & FragmentFlag.defaultFlags ? reader.u32() : told?.defaultFlags ?? 0;
  const tfdt = boxes.find(({ type }) => type === "tfdt");
  const baseTime = tfdt === undefined ? 0 : readDecodeTime(openFullBox(tfdt.content, "tfdt"));
  const state: RunState = {
    ...{ trackId, baseTime, defaultDuration, defaultSize, defaultFlags },
    ...{ samples: [], time: baseTime, dataEnd, left },
  };
  for (const { type, content } of boxes) {
    if (type === "trun") readRun(openFullBox(content, "trun"), state);
  }
  return state;
}

function readDecodeTime({ version, reader }: FullBox): number {
  return version === 1 ? readU64(reader) : reader.u32();
}

function readRun({ version, flags, reader }: FullBox, state: RunState): void {
  const count = reader.u32();
  if (count > state.left) {
    throw new Mp4Error("too-large", `A fragment has over ${MAX_SAMPLES} samples`);
  }
  state.left -= count;
  let offset = flags & FragmentFlag.dataOffset ? reader.i32() : state.dataEnd;
  const firstFlags = flags & FragmentFlag.firstSampleFlags ? reader.u32() : undefined;
  for (let at = 0; at < count; at++) {
    const duration = flags & FragmentFlag.duration ? reader.u32() : state.defaultDuration;
    const size = flags & FragmentFlag.size ? reader.u32() : state.defaultSize;
    const told = flags & FragmentFlag.flags ? reader.u32() : state.defaultFlags;
    const sampleFlags = at === 0 ? firstFlags ?? told : told;
    const compositionOffset = (flags & FragmentFlag.compositionOffset) === 0
      ? 0
      : version === 0
      ? reader.u32()
      : reader.i32();
    const keyFrame = (sampleFlags & SampleFlag.isNotSync) === 0;
    state.samples.push({ offset, size, time: state.time, duration, compositionOffset, keyFrame });
    state.time += duration;
    offset += size;
  }
  state.dataEnd = offset;
}
