import { MAX_BOX_HEADER_BYTES, readBoxHeader } from "./box_reading.ts";
import { Mp4Error } from "./errors.ts";
import { parseFragment, type ReadFragmentTrack } from "./fragment_reader.ts";
import { type Mp4InitTrack, parseInitSegment } from "./init_reader.ts";

/** A part of a file that is wanted. */
export interface FileRange {
  /** Where it begins, bytes from the start of the file. */
  readonly offset: number;
  /** Number of bytes. */
  readonly length: number;
}

/** A fragment of a file. */
export interface IndexedFragment extends FileRange {
  /** Bytes of its `moof`; before that may stand `styp` and `prft`, which belong to the fragment. */
  readonly moof: FileRange;
  /** Its tracks, with the times, sizes and places of their samples, counted from the start of `moof`. */
  readonly tracks: readonly ReadFragmentTrack[];
}

/** Bytes of `moov` and `moof` that are read at most: those of an hour in one fragment have some megabytes. */
const MAX_STRUCTURE_BYTES = 64 * 1024 * 1024;

/**
 * Finds the structure of a fragmented file, piece by piece, without reading its media and without an index in the file:
 * the initialization segment, its tracks, and its fragments.
 *
 * It says which bytes it `wants`, and is given them. A file that was cut off, as by a crash, is whole up to
 * `wholeBytes`: what stands behind is to be cut off, or passed over.
 *
 * @example
 * ```ts
 * import { buildFragment, buildInitSegment, FragmentIndex, mp4TracksOf } from "@weir/server/mp4";
 *
 * const tracks = mp4TracksOf([
 *   { kind: "audio", id: 0, codec: "pcma", config: undefined, sampleRate: 8000, channels: 1 },
 * ]);
 * const samples = [{ data: new Uint8Array(160), duration: 160, keyFrame: true }];
 * const fragment = { sequenceNumber: 1, tracks: [{ trackId: 1, baseTime: 0, samples }] };
 * const file = new Uint8Array([...buildInitSegment(tracks), ...buildFragment(fragment), 0, 0, 1]);
 *
 * const index = new FragmentIndex({ fileBytes: file.length });
 * for (let range = index.wants; range !== undefined; range = index.wants) {
 *   index.give(file.subarray(range.offset, range.offset + range.length));
 * }
 * console.log(index.fragments.length, file.length - index.wholeBytes); // 1 3
 * ```
 */
export class FragmentIndex {
  /** The initialization segment, once it was found. */
  init: FileRange | undefined;
  /** The tracks, once the initialization segment was read. */
  tracks: readonly Mp4InitTrack[] = [];
  /** The whole fragments so far. */
  readonly fragments: IndexedFragment[] = [];
  /** Bytes from the start of the file up to which it is whole. */
  wholeBytes = 0;
  readonly #fileBytes: number;
  /** Where the next box begins. */
  #offset: number;
  /** Where what belongs to the next fragment begins. */
  #start: number;
  /** The box of which all is wanted. */
  #whole: "moov" | "moof" | undefined;
  #wants: FileRange | undefined;
  #pending: Omit<IndexedFragment, "offset" | "length"> | undefined;

  /**
   * Begins at the start of a file of `fileBytes` bytes, or, where the tracks are known, at `offset`, which must be the
   * start of a fragment.
   */
  constructor(
    { fileBytes, offset = 0, tracks }: {
      readonly fileBytes: number;
      readonly offset?: number;
      readonly tracks?: readonly Mp4InitTrack[];
    },
  ) {
    this.#fileBytes = fileBytes;
    this.#offset = offset;
    this.#start = offset;
    this.wholeBytes = offset;
    if (tracks !== undefined) this.tracks = tracks;
    this.#wantHeader();
  }

  /** The bytes that it is to be given next; `undefined` when the file has no more. */
  get wants(): FileRange | undefined {
    return this.#wants;
  }

  /**
   * Takes the bytes that it wants. Fewer mean that the file ends there.
   *
   * @throws {Mp4Error} if they are malformed; what was found so far stays
   */
  give(bytes: Uint8Array): void {
    const wants = this.#wants;
    if (wants === undefined) return;
    this.#wants = undefined;
    if (this.#whole === undefined) this.#takeHeader(bytes);
    else if (bytes.length >= wants.length) this.#takeWhole(this.#whole, bytes);
  }

  #wantHeader(): void {
    this.#whole = undefined;
    const length = Math.min(MAX_BOX_HEADER_BYTES, this.#fileBytes - this.#offset);
    if (length >= 8) this.#wants = { offset: this.#offset, length };
  }

  #takeHeader(bytes: Uint8Array): void {
    const header = readBoxHeader(bytes);
    if (header === undefined) return;
    const { type, size = this.#fileBytes - this.#offset } = header;
    if (size > this.#fileBytes - this.#offset) return;
    if (type !== "moov" && type !== "moof") {
      this.#pass(type, size);
      return;
    }
    if (size > MAX_STRUCTURE_BYTES) {
      throw new Mp4Error("too-large", `The box ${type} has ${size} bytes`);
    }
    this.#whole = type;
    this.#wants = { offset: this.#offset, length: size };
  }

  #takeWhole(type: "moov" | "moof", bytes: Uint8Array): void {
    const moof = { offset: this.#offset, length: bytes.length };
    this.#offset += bytes.length;
    if (type === "moov") {
      this.tracks = parseInitSegment(bytes);
      this.init = { offset: 0, length: this.#offset };
      this.#end();
    } else {
      this.#pending = { moof, tracks: parseFragment(bytes, this.tracks).tracks };
    }
    this.#wantHeader();
  }

  /** Passes over a box of which nothing has to be known. */
  #pass(type: string, size: number): void {
    this.#offset += size;
    if (type === "mdat" && this.#pending !== undefined) {
      const range = { offset: this.#start, length: this.#offset - this.#start };
      this.fragments.push({ ...range, ...this.#pending });
      this.#pending = undefined;
      this.#end();
    }
    this.#wantHeader();
  }

  #end(): void {
    this.wholeBytes = this.#offset;
    this.#start = this.#offset;
  }
}
