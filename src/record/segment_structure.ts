import {
  type FileRange,
  FragmentIndex,
  type IndexedFragment,
  Mp4Error,
  type Mp4InitTrack,
} from "../mp4/mod.ts";
import type { ListedSegment, RecordedFiles } from "./recordings.ts";
import { RecordingError } from "./recording_store.ts";

/** A fragment of a file, with its time. */
export interface TimedFragment {
  /** The first of its bytes in the file, what belongs before its `moof` included. */
  readonly offset: number;
  /** Number of its bytes. */
  readonly length: number;
  /** Its `moof`, counted from the start of the file. */
  readonly moof: { readonly offset: number; readonly length: number };
  /** When it begins, milliseconds after the start of the file. */
  readonly startMs: number;
  /** How long it lasts, milliseconds. */
  readonly durationMs: number;
  /** Whether decoding can start at it. */
  readonly keyFrame: boolean;
}

/** What a file of fragmented MP4 is made of. */
export interface SegmentStructure {
  /** Its initialization segment stands in its first bytes. */
  readonly initBytes: number;
  /** Its tracks. */
  readonly tracks: readonly Mp4InitTrack[];
  /** Its fragments that are whole, in order. */
  readonly fragments: readonly TimedFragment[];
}

/** What is read at once where less is wanted: all of a fragment but its media. Each reading of object storage is a request. */
const READ_AHEAD_BYTES = 4096;

/** Files whose structure is remembered: those of a day, in ten minutes each, of a few streams. */
const MOST_REMEMBERED = 1000;

/** What is remembered of a file: not its samples, of which a day has millions. */
interface Remembered {
  readonly init: FileRange;
  /** Up to where it was whole. */
  readonly wholeBytes: number;
  readonly fileBytes: number;
  readonly structure: SegmentStructure;
}

/** Reads the structure of recorded files, and remembers it: of a file that grows, only what is new is read. */
export class SegmentStructures {
  readonly #recordings: RecordedFiles;
  readonly #remembered = new Map<string, Remembered>();

  /** Reads files of these recordings. */
  constructor(recordings: RecordedFiles) {
    this.#recordings = recordings;
  }

  /**
   * Returns what a file is made of, as far as it is written.
   *
   * @throws {RecordingError} (rejects) `absent`, `store`, or `format` where it is no fragmented MP4
   */
  async of(segment: ListedSegment): Promise<SegmentStructure> {
    const key = `${segment.rule} ${segment.path}`;
    const known = this.#remembered.get(key);
    if (known !== undefined && known.fileBytes === segment.bytes) {
      this.#remember(key, known);
      return known.structure;
    }
    const read = await this.#read(segment, known);
    this.#remember(key, read);
    return read.structure;
  }

  #remember(key: string, read: Remembered): void {
    this.#remembered.delete(key);
    this.#remembered.set(key, read);
    for (const oldest of this.#remembered.keys()) {
      if (this.#remembered.size <= MOST_REMEMBERED) return;
      this.#remembered.delete(oldest);
    }
  }

  async #read(segment: ListedSegment, known: Remembered | undefined): Promise<Remembered> {
    const fileBytes = segment.bytes;
    let ahead = { offset: 0, bytes: new Uint8Array(0) as Uint8Array };
    const read = async ({ offset, length }: FileRange): Promise<Uint8Array> => {
      const from = offset - ahead.offset;
      if (from < 0 || from + length > ahead.bytes.length) {
        const most = Math.min(Math.max(length, READ_AHEAD_BYTES), fileBytes - offset);
        ahead = { offset, bytes: await this.#recordings.read(segment, { offset, length: most }) };
      }
      return ahead.bytes.subarray(offset - ahead.offset, offset - ahead.offset + length);
    };
    const index = known === undefined ? new FragmentIndex({ fileBytes }) : new FragmentIndex({
      fileBytes,
      offset: known.wholeBytes,
      tracks: known.structure.tracks,
    });
    try {
      for (let range = index.wants; range !== undefined; range = index.wants) {
        index.give(await read(range));
      }
    } catch (error) {
      // What is whole in front of it can be played.
      if (!(error instanceof Mp4Error) || (index.init ?? known?.init) === undefined) {
        throw asRecordingError(segment, error);
      }
    }
    const init = index.init ?? known?.init;
    if (init === undefined) {
      throw new RecordingError(
        "format",
        `${segment.path} is no fragmented MP4, or nothing is in it yet`,
      );
    }
    const fragments = index.fragments.map((fragment) => timed(fragment, index.tracks));
    return {
      init,
      wholeBytes: index.wholeBytes,
      fileBytes,
      structure: {
        initBytes: init.length,
        tracks: index.tracks,
        fragments: [...known?.structure.fragments ?? [], ...fragments],
      },
    };
  }
}

function asRecordingError(segment: ListedSegment, error: unknown): unknown {
  if (!(error instanceof Mp4Error)) return error;
  return new RecordingError("format", `Cannot play ${segment.path}: ${error.message}`, {
    cause: error,
  });
}

/** The time of a fragment is that of its first track, which is video where there is some. */
function timed(fragment: IndexedFragment, tracks: readonly Mp4InitTrack[]): TimedFragment {
  const { offset, length, moof } = fragment;
  const isOf = (trackId: number) => ({ trackId: id }: { readonly trackId: number }): boolean =>
    id === trackId;
  const main = tracks.map(({ trackId }) => fragment.tracks.find(isOf(trackId)))
    .find((track) => track !== undefined && track.samples.length > 0);
  if (main === undefined) {
    return { offset, length, moof, startMs: 0, durationMs: 0, keyFrame: false };
  }
  const { timescale } = tracks.find(isOf(main.trackId))!;
  const last = main.samples.at(-1)!;
  return {
    offset,
    length,
    moof,
    startMs: main.baseTime * 1000 / timescale,
    durationMs: (last.time + last.duration - main.baseTime) * 1000 / timescale,
    keyFrame: main.samples[0]!.keyFrame,
  };
}
