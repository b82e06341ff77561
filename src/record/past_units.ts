import { equals } from "@std/bytes/equals";
import type { Clock } from "../hub/mod.ts";
import type { MediaUnit, Track } from "../media/mod.ts";
import { type Mp4InitTrack, parseFragment, type ReadSample } from "../mp4/mod.ts";
import { pause } from "../time/mod.ts";
import { RecordingError } from "./recording_store.ts";
import type { ListedSegment, RecordedFiles } from "./recordings.ts";
import type { SegmentStructure, SegmentStructures, TimedFragment } from "./segment_structure.ts";

/** A unit of a recording, and when it was. */
export interface PastUnit {
  /** The unit; its times are on a clock that the tracks before it have told. */
  readonly unit: MediaUnit;
  /** When it was decoded first, milliseconds since 1970. */
  readonly unixMs: number;
}

/** What {@linkcode pastUnits} gives: tracks, and then their units. */
export type PastEvent =
  | {
    readonly type: "tracks";
    /** The tracks from here on, each with its configuration. */
    readonly tracks: readonly Track[];
    /** When time 0 of their units was, milliseconds since 1970. */
    readonly originUnixMs: number;
    /** When the first of them was. */
    readonly startUnixMs: number;
  }
  | { readonly type: "units"; readonly units: readonly PastUnit[] };

/** What is played from when on. */
export interface PastUnitsOptions {
  /** Name of the stream. */
  readonly name: string;
  /** From the key frame before this on, milliseconds since 1970; where nothing is so old, from the oldest on. */
  readonly fromUnixMs: number;
  /** The structures of the recordings' files, which readers share. */
  readonly structures: SegmentStructures;
  /** Time. */
  readonly clock: Clock;
  /** How long the recording may have ended before this ends too, milliseconds: publishers come back. */
  readonly patienceMs: number;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/** How often it is looked whether there is more, milliseconds. */
const LOOK_MS = 100;

/** Files that follow on each other so closely, by the clock on the wall, have no gap between them. */
const LEAST_GAP_MS = 250;

/** Time 0 lies so long before the first unit: sound may begin a little before the picture. */
const LEAD_MS = 1000;

/** Files that follow on each other without a gap and have the same tracks. */
interface Run {
  readonly init: Uint8Array;
  readonly originUnixMs: number;
  /** The file that it is in. */
  path: string;
  /** What is added to the times of that file, milliseconds. */
  byMs: number;
  /** Where what comes next belongs, milliseconds after `originUnixMs`. */
  endMs: number;
}

/** A fragment that is read. */
interface ReadFragment {
  readonly file: ListedSegment;
  readonly structure: SegmentStructure;
  readonly fragment: TimedFragment;
}

/**
 * Yields what was recorded of a stream as units, fragment by fragment, and goes on with what is being recorded, until the
 * recording has ended or the signal aborts. Files that are removed meanwhile are passed over.
 *
 * @throws {RecordingError} (rejects) `absent` where nothing was recorded, `store` or `format`
 */
export async function* pastUnits(
  recordings: RecordedFiles,
  options: PastUnitsOptions,
): AsyncGenerator<PastEvent> {
  let run: Run | undefined;
  for await (const read of fragments(recordings, options)) {
    const bytes = await unlessAbsent(recordings.read(read.file, read.fragment));
    const now = bytes && await unlessAbsent(runOf(recordings, { run, read }));
    if (bytes === undefined || now === undefined) continue;
    if (now !== run) {
      run = now;
      yield {
        type: "tracks",
        tracks: read.structure.tracks.map(({ track }) => track),
        originUnixMs: run.originUnixMs,
        startUnixMs: run.originUnixMs + LEAD_MS,
      };
    }
    const { startMs, durationMs } = read.fragment;
    run.endMs = run.byMs + startMs + durationMs;
    yield { type: "units", units: unitsOf(bytes, { read, run }) };
  }
}

/** Yields the fragments from a time on, and those that come. */
async function* fragments(
  recordings: RecordedFiles,
  { name, fromUnixMs, structures, clock, patienceMs, signal }: PastUnitsOptions,
): AsyncGenerator<ReadFragment> {
  const find = async (query: { readonly fromUnixMs?: number } = {}): Promise<ListedSegment[]> =>
    (await recordings.find({ name, ...query })).filter(({ path }) => path.endsWith(".mp4"));
  const [first] = await find({ fromUnixMs });
  if (first === undefined) {
    throw new RecordingError("absent", `Nothing is kept of ${name} from that time on`);
  }
  let place: ListedSegment = first;
  let at: number | undefined;
  let idleMs = 0;
  while (!signal.aborted) {
    const file = await recordings.segment(place);
    const structure = file?.isReadable === true ? await structureOf(structures, file) : undefined;
    if (file !== undefined && structure !== undefined) {
      at ??= startAt(structure.fragments, fromUnixMs - file.startUnixMs);
      const fragment = at === undefined ? undefined : structure.fragments[at];
      if (at !== undefined && fragment !== undefined) {
        at++;
        idleMs = 0;
        yield { file, structure, fragment };
        continue;
      }
    }
    // A file that is written to may have more in a moment.
    const isOpen = file?.isOpen === true;
    const { rule, startUnixMs }: ListedSegment = place;
    const next: ListedSegment | undefined = isOpen
      ? undefined
      : (await find()).find((other) => other.rule === rule && other.startUnixMs > startUnixMs);
    if (next !== undefined) {
      [place, at] = [next, undefined];
      continue;
    }
    idleMs = isOpen ? 0 : idleMs + LOOK_MS;
    if (idleMs > patienceMs) return;
    await pause(LOOK_MS, { clock, signal });
  }
}

/** `undefined` where there is nothing in a file yet, or it was removed. */
async function structureOf(
  structures: SegmentStructures,
  file: ListedSegment,
): Promise<SegmentStructure | undefined> {
  try {
    return await structures.of(file);
  } catch (error) {
    const { code } = error instanceof RecordingError ? error : { code: undefined };
    if (code === "absent" || (code === "format" && file.isOpen)) return undefined;
    throw error;
  }
}

/** `undefined` where a file was removed meanwhile. */
async function unlessAbsent<T>(read: Promise<T>): Promise<T | undefined> {
  try {
    return await read;
  } catch (error) {
    if (error instanceof RecordingError && error.code === "absent") return undefined;
    throw error;
  }
}

/** The last fragment before a time that decoding can start at, or else the first; `undefined` where there is none yet. */
function startAt(fragments: readonly TimedFragment[], fromMs: number): number | undefined {
  const before = fragments.findLastIndex(({ keyFrame, startMs }) => keyFrame && startMs <= fromMs);
  const at = before >= 0 ? before : fragments.findIndex(({ keyFrame }) => keyFrame);
  return at < 0 ? undefined : at;
}

/** The run that a fragment belongs to: the one that there is, where its file follows on that, else its own. */
async function runOf(
  recordings: RecordedFiles,
  { run, read: { file, structure, fragment: { startMs } } }: {
    readonly run: Run | undefined;
    readonly read: ReadFragment;
  },
): Promise<Run> {
  if (run?.path === file.path) return run;
  const init = await recordings.read(file, { offset: 0, length: structure.initBytes });
  const atUnixMs = file.startUnixMs + startMs;
  const isNext = run !== undefined && equals(run.init, init) &&
    Math.abs(atUnixMs - run.originUnixMs - run.endMs) < LEAST_GAP_MS;
  if (run === undefined || !isNext) {
    const originUnixMs = atUnixMs - LEAD_MS;
    return { init, originUnixMs, path: file.path, byMs: LEAD_MS - startMs, endMs: LEAD_MS };
  }
  run.path = file.path;
  run.byMs = run.endMs - startMs;
  return run;
}

/** The samples of a fragment as units, in the order of decoding. */
function unitsOf(
  bytes: Uint8Array,
  { read: { fragment, structure }, run }: { readonly read: ReadFragment; readonly run: Run },
): PastUnit[] {
  const from = fragment.moof.offset - fragment.offset;
  const moof = bytes.subarray(from, from + fragment.moof.length);
  const units = parseFragment(moof, structure.tracks).tracks.flatMap(({ trackId, samples }) => {
    const told = structure.tracks.find((track) => track.trackId === trackId);
    return told === undefined ? [] : samples.map((sample) => {
      const data = bytes.subarray(from + sample.offset, from + sample.offset + sample.size);
      return unitOf(told, { sample, data, run });
    });
  });
  return units.sort((a, b) => a.unit.dtsUs - b.unit.dtsUs);
}

function unitOf(
  { track: { kind, id }, timescale }: Mp4InitTrack,
  { sample, data, run }: {
    readonly sample: ReadSample;
    readonly data: Uint8Array;
    readonly run: Run;
  },
): PastUnit {
  const usOf = (ticks: number): number => Math.round(ticks * 1_000_000 / timescale);
  const dtsUs = Math.max(0, Math.round(run.byMs * 1000) + usOf(sample.time));
  return {
    unit: {
      kind,
      role: "media",
      track: id,
      dtsUs,
      ptsUs: dtsUs + usOf(sample.compositionOffset),
      keyFrame: kind === "audio" || sample.keyFrame,
      discardable: false,
      payload: { format: "access-unit", data },
    },
    unixMs: run.originUnixMs + dtsUs / 1000,
  };
}
