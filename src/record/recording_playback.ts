import { equals } from "@std/bytes/equals";
import { type HlsSegment, writeMediaPlaylist } from "../hls/mod.ts";
import { moveFragment } from "./moved_fragment.ts";
import type { ListedSegment, Recordings } from "./recordings.ts";
import { RecordingError } from "./recording_store.ts";
import {
  type SegmentStructure,
  SegmentStructures,
  type TimedFragment,
} from "./segment_structure.ts";

/** A window of time, milliseconds since 1970. */
export interface RecordingWindow {
  /** Its start. */
  readonly fromUnixMs: number;
  /** Its end. */
  readonly toUnixMs: number;
}

/** A cut of a recording. */
export interface RecordingCut {
  /** The bytes of a fragmented MP4. */
  readonly readable: ReadableStream<Uint8Array>;
  /** How many there are. */
  readonly bytes: number;
  /** When its first picture was, milliseconds since 1970. */
  readonly startUnixMs: number;
  /** How long it is, milliseconds. */
  readonly durationMs: number;
}

/** A run of fragments of one file, from a key frame on. */
interface Run {
  readonly segment: ListedSegment;
  readonly structure: SegmentStructure;
  readonly fragments: readonly TimedFragment[];
}

/** A run, and what is added to its times in a cut, milliseconds. */
interface PlacedRun {
  readonly run: Run;
  readonly byMs: number;
}

/** Files that follow on each other so closely, by the clock on the wall, have no gap between them. */
const LEAST_GAP_MS = 250;

/** Files that are looked into at once. */
const AT_ONCE = 8;

/** What is read at once, where fragments are not longer: each reading of object storage is a request. */
const READ_BYTES = 1024 * 1024;

/** Fragments that one answer may be made of: a day of one second each. */
const MOST_FRAGMENTS = 100_000;

/**
 * Plays recordings of fragmented MP4 as they are in their files: as HLS by byte ranges, without a copy, and as a cut of
 * any window of time, across files.
 */
export class RecordingPlayback {
  readonly #recordings: Recordings;
  readonly #structures: SegmentStructures;

  /** Plays these recordings. */
  constructor(recordings: Recordings) {
    this.#recordings = recordings;
    this.#structures = new SegmentStructures(recordings);
  }

  /**
   * A media playlist of what was recorded of a stream in a window of time, from the key frame before its start on; each
   * segment is a group of pictures. `uriOf` says where a file is.
   *
   * @throws {RecordingError} (rejects) `absent` where nothing was recorded then, `store` or `format`
   */
  async playlist(
    name: string,
    window: RecordingWindow,
    { uriOf }: { readonly uriOf: (segment: ListedSegment) => string },
  ): Promise<string> {
    const runs = await this.#runs(name, window);
    const segments: HlsSegment[] = [];
    for (const { segment, structure, fragments } of runs) {
      const uri = uriOf(segment);
      const map = { uri, byteRange: { offset: 0, length: structure.initBytes } };
      for (const [at, group] of groups(fragments).entries()) {
        const [first, last] = [group[0]!, group.at(-1)!];
        segments.push({
          uri,
          map,
          durationS: group.reduce((sum, { durationMs }) => sum + durationMs, 0) / 1000,
          byteRange: { offset: first.offset, length: last.offset + last.length - first.offset },
          ...(at === 0
            ? {
              discontinuity: segments.length > 0,
              programDateTimeMs: segment.startUnixMs + first.startMs,
            }
            : {}),
        });
      }
    }
    const longestS = Math.max(...segments.map(({ durationS }) => durationS));
    // A recording that goes on has an end all the same: whoever wants more asks again.
    return writeMediaPlaylist({
      type: "vod",
      targetDurationS: Math.max(1, Math.round(longestS)),
      mediaSequence: 0,
      segments,
    });
  }

  /**
   * One file of what was recorded of a stream in a window of time, from the key frame before its start on. Gaps are gaps
   * there too. Where a file has other tracks than the first, the cut ends before it.
   *
   * @throws {RecordingError} (rejects) `absent` where nothing was recorded then, `store` or `format`
   */
  async cut(name: string, window: RecordingWindow): Promise<RecordingCut> {
    const all = await this.#runs(name, window);
    const [first] = all as [Run, ...Run[]];
    const initOf = ({ segment, structure }: Run): Promise<Uint8Array> =>
      this.#recordings.read(segment, { offset: 0, length: structure.initBytes });
    const init = await initOf(first);
    const runs = [first];
    for (const run of all.slice(1)) {
      if (!equals(await initOf(run), init)) break;
      runs.push(run);
    }
    const placed = place(runs);
    const last = placed.at(-1)!;
    const end = last.run.fragments.at(-1)!;
    const fragments = runs.flatMap(({ fragments }) => fragments);
    return {
      readable: ReadableStream.from(this.#bytesOf(placed, init)),
      bytes: init.length + fragments.reduce((sum, { length }) => sum + length, 0),
      startUnixMs: first.segment.startUnixMs + first.fragments[0]!.startMs,
      durationMs: end.startMs + end.durationMs + last.byMs,
    };
  }

  async *#bytesOf(runs: readonly PlacedRun[], init: Uint8Array): AsyncGenerator<Uint8Array> {
    yield init;
    let sequenceNumber = 1;
    for (const { run: { segment, structure: { tracks }, fragments }, byMs } of runs) {
      for (const block of blocks(fragments)) {
        const [{ offset: start }, last] = [block[0]!, block.at(-1)!];
        const length = last.offset + last.length - start;
        const bytes = await this.#recordings.read(segment, { offset: start, length });
        for (const { offset, length } of block) {
          const fragment = bytes.subarray(offset - start, offset - start + length);
          yield moveFragment(fragment, { sequenceNumber: sequenceNumber++, byMs, tracks });
        }
      }
    }
  }

  /** Some files are looked into at once: object storage takes its time for each question. */
  async *#structuresOf(segments: readonly ListedSegment[]) {
    for (let at = 0; at < segments.length; at += AT_ONCE) {
      const some = segments.slice(at, at + AT_ONCE);
      yield* await Promise.all(some.map(async (segment) => ({
        segment,
        structure: await this.#structures.of(segment),
      })));
    }
  }

  async #runs(name: string, { fromUnixMs, toUnixMs }: RecordingWindow): Promise<Run[]> {
    const segments = this.#recordings.find({ name, fromUnixMs, toUnixMs })
      .filter(({ path, isReadable }) => isReadable && path.endsWith(".mp4"));
    const runs: Run[] = [];
    let count = 0;
    for await (const { segment, structure } of this.#structuresOf(segments)) {
      const fragments = within(structure.fragments, {
        fromMs: fromUnixMs - segment.startUnixMs,
        toMs: toUnixMs - segment.startUnixMs,
      });
      if (fragments.length === 0) continue;
      count += fragments.length;
      if (count > MOST_FRAGMENTS) {
        throw new RecordingError(
          "absent",
          `The window is too long: at most ${MOST_FRAGMENTS} fragments`,
        );
      }
      runs.push({ segment, structure, fragments });
    }
    if (runs.length === 0) {
      throw new RecordingError("absent", `Nothing was recorded of ${name} in that time`);
    }
    return runs;
  }
}

/** Puts runs behind each other as the clock on the wall says, which may have been set meanwhile. */
function place(runs: readonly Run[]): PlacedRun[] {
  const [{ segment: { startUnixMs }, fragments: [first] }] = runs as [Run];
  const originUnixMs = startUnixMs + first!.startMs;
  let endMs = 0;
  return runs.map((run) => {
    const { startMs } = run.fragments[0]!;
    const wallMs = run.segment.startUnixMs + startMs - originUnixMs;
    const atMs = wallMs < endMs + LEAST_GAP_MS ? endMs : wallMs;
    const end = run.fragments.at(-1)!;
    endMs = atMs + end.startMs + end.durationMs - startMs;
    return { run, byMs: atMs - startMs };
  });
}

/** The fragments of a window, from the newest one on that decoding can start at. */
function within(
  fragments: readonly TimedFragment[],
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
): TimedFragment[] {
  const ends = fragments.findIndex(({ startMs }) => startMs >= toMs);
  const end = ends === -1 ? fragments.length : ends;
  let start = fragments.findIndex(({ startMs, durationMs }) => startMs + durationMs > fromMs);
  if (start === -1 || start >= end) return [];
  while (start > 0 && !fragments[start]!.keyFrame) start--;
  // A file that begins without a key frame is played from its first one on.
  while (start < end && !fragments[start]!.keyFrame) start++;
  return fragments.slice(start, end);
}

/** Fragments behind each other that are read at once. */
function blocks(fragments: readonly TimedFragment[]): TimedFragment[][] {
  const all: TimedFragment[][] = [];
  let bytes = 0;
  for (const fragment of fragments) {
    const last = all.at(-1)?.at(-1);
    const follows = last !== undefined && last.offset + last.length === fragment.offset;
    if (follows && bytes + fragment.length <= READ_BYTES) all.at(-1)!.push(fragment);
    else {
      all.push([fragment]);
      bytes = 0;
    }
    bytes += fragment.length;
  }
  return all;
}

/** Groups of fragments, each of which decoding can start at. */
function groups(fragments: readonly TimedFragment[]): TimedFragment[][] {
  const all: TimedFragment[][] = [];
  for (const fragment of fragments) {
    if (fragment.keyFrame || all.length === 0) all.push([fragment]);
    else all.at(-1)!.push(fragment);
  }
  return all;
}
