import { encodeFlvHeader, encodeFlvTag } from "../flv/mod.ts";
import type { MediaUnit, Track } from "../media/mod.ts";
import { MkvMuxer } from "../mkv/mod.ts";
import { buildReferenceTime } from "../mp4/mod.ts";
import {
  type CodedFrame,
  FlvRemuxer,
  flvTagOf,
  FragmentWriter,
  frameBytes,
} from "../transmux/mod.ts";
import { TsMuxer } from "../ts/mod.ts";

/** A format of files. */
export type RecordingFormat = "mp4" | "flv" | "ts" | "mkv";

/** The formats, the default first. */
export const RECORDING_FORMATS: readonly RecordingFormat[] = ["mp4", "flv", "ts", "mkv"];

/** What a file begins with. */
export interface SegmentStart {
  /** The tracks; frames come of these alone. */
  readonly tracks: readonly Track[];
  /** Decoding time of its first frame, microseconds on the stream's clock. */
  readonly originUs: number;
  /** When that was, microseconds since 1970. */
  readonly originUnixUs: number;
  /** How long a fragment of MP4 is, microseconds. */
  readonly partUs: number;
}

/** Writes one file: what it returns belongs behind what it returned before, and a file may end behind each. */
export interface SegmentWriter {
  /** The tracks that the format cannot carry, and why. */
  readonly leftOut: readonly { readonly track: Track; readonly reason: string }[];
  /** Whether anything is left to be written. */
  readonly hasTracks: boolean;
  /** The file's first bytes. */
  readonly head: Uint8Array;
  /** Whether it returns whole fragments, each of which is written at once. */
  readonly isOfFragments?: true;
  /** Takes a frame; returns what can be written now. */
  add(frame: CodedFrame): readonly Uint8Array[];
  /** Ends the file; `next` is the frame that comes behind it, where there is one. */
  end(next?: CodedFrame): readonly Uint8Array[];
}

/** Begins a file. */
export function openSegment(format: RecordingFormat, start: SegmentStart): SegmentWriter {
  switch (format) {
    case "mp4":
      return new Mp4Segment(start);
    case "flv":
      return new FlvSegment(start);
    case "ts":
      return new TsSegment(start);
    case "mkv":
      return new MkvSegment(start);
  }
}

/** A fragment is cut earlier when it holds so much: it is what a crash would lose. */
const MOST_PART_BYTES = 8 * 1024 * 1024;

/** A fragment that has no picture to be cut at is cut anyway when it is so much longer. */
const MOST_PARTS = 4;

class Mp4Segment implements SegmentWriter {
  readonly isOfFragments = true;
  readonly #start: SegmentStart;
  readonly #writer: FragmentWriter;
  readonly #mainKind: string | undefined;

  constructor(start: SegmentStart) {
    this.#start = start;
    this.#writer = new FragmentWriter(start.tracks, { originUs: start.originUs });
    this.#mainKind = this.#writer.tracks[0]?.track.kind;
  }

  get leftOut() {
    return this.#writer.leftOut;
  }

  get hasTracks(): boolean {
    return this.#writer.tracks.length > 0;
  }

  get head(): Uint8Array {
    return this.#writer.init;
  }

  add(frame: CodedFrame): readonly Uint8Array[] {
    const { pendingUs, pendingBytes } = this.#writer;
    const { partUs } = this.#start;
    const isMain = frame.kind === this.#mainKind;
    const isFull = pendingUs >= partUs && (isMain || pendingUs >= partUs * MOST_PARTS) ||
      pendingBytes >= MOST_PART_BYTES;
    // Players can begin at a fragment whose first picture is a key frame.
    const isStart = frame.kind === "video" && isMain && frame.keyFrame && pendingUs >= partUs / 2;
    const written = isFull || isStart ? this.end(frame) : [];
    this.#writer.add(frame);
    return written;
  }

  end(next?: CodedFrame): readonly Uint8Array[] {
    const cut = this.#writer.cut(next);
    if (cut === undefined) return [];
    const { trackId, timescale } = this.#writer.tracks[0]!;
    const sinceUs = cut.startUs - this.#start.originUs;
    // When it was: players and editors that know `prft` can show it (ISO/IEC 14496-12, 8.16.5).
    const time = buildReferenceTime({
      trackId,
      mediaTime: Math.max(0, Math.round(sinceUs * timescale / 1e6)),
      unixUs: this.#start.originUnixUs + sinceUs,
    });
    return [time, cut.bytes];
  }
}

class FlvSegment implements SegmentWriter {
  readonly head: Uint8Array;
  readonly #remuxer = new FlvRemuxer({ multitrack: true });
  readonly #originUs: number;

  constructor({ tracks, originUs }: SegmentStart) {
    this.#originUs = originUs;
    const has = (wanted: string): boolean => tracks.some(({ kind }) => kind === wanted);
    this.head = encodeFlvHeader({ hasAudio: has("audio"), hasVideo: has("video") });
    this.#remuxer.setTracks(tracks);
  }

  get leftOut() {
    return this.#remuxer.unsupported;
  }

  get hasTracks(): boolean {
    return true;
  }

  add(frame: CodedFrame): readonly Uint8Array[] {
    return this.#remuxer.remux(unitOf(frame)).map((body) =>
      encodeFlvTag(flvTagOf(body, { originUs: this.#originUs }))
    );
  }

  end(): readonly Uint8Array[] {
    return [];
  }
}

function unitOf(frame: CodedFrame): MediaUnit {
  const { kind, track, dtsUs, ptsUs, keyFrame, discardable } = frame;
  const payload = { format: "access-unit", data: frameBytes(frame) } as const;
  return { kind, role: "media", track, dtsUs, ptsUs, keyFrame, discardable, payload };
}

class TsSegment implements SegmentWriter {
  readonly #muxer: TsMuxer;
  readonly #hasVideo: boolean;
  #lastTablesUs: number;

  constructor({ tracks, originUs }: SegmentStart) {
    this.#muxer = new TsMuxer(tracks);
    this.#hasVideo = tracks.some(({ kind, id }) =>
      kind === "video" && this.#muxer.carries(kind, id)
    );
    this.#lastTablesUs = originUs;
    this.hasTracks = tracks.some(({ kind, id }) => this.#muxer.carries(kind, id));
  }

  readonly hasTracks: boolean;

  get leftOut() {
    return this.#muxer.leftOut;
  }

  get head(): Uint8Array {
    return this.#muxer.tables();
  }

  add(frame: CodedFrame): readonly Uint8Array[] {
    if (!this.#muxer.carries(frame.kind, frame.track)) return [];
    const { dtsUs, keyFrame, kind } = frame;
    const isStart = this.#hasVideo ? kind === "video" && keyFrame : true;
    const isDue = isStart && dtsUs - this.#lastTablesUs >= TABLES_EVERY_US;
    if (isDue) this.#lastTablesUs = dtsUs;
    return [...isDue ? [this.#muxer.tables()] : [], this.#muxer.write(frame)];
  }

  end(): readonly Uint8Array[] {
    return [];
  }
}

class MkvSegment implements SegmentWriter {
  readonly #muxer: MkvMuxer;

  constructor({ tracks, originUs, originUnixUs }: SegmentStart) {
    this.#muxer = new MkvMuxer(tracks, { originUs, originUnixUs });
    this.hasTracks = tracks.some(({ kind, id }) => this.#muxer.carries(kind, id));
  }

  readonly hasTracks: boolean;

  get leftOut() {
    return this.#muxer.leftOut;
  }

  get head(): Uint8Array {
    return this.#muxer.head;
  }

  add(frame: CodedFrame): readonly Uint8Array[] {
    const { kind, track } = frame;
    if (!this.#muxer.carries(kind, track)) return [];
    const data = frameBytes(frame, { parameterSets: "leave-out" });
    return [this.#muxer.write({ ...frame, data })];
  }

  end(): readonly Uint8Array[] {
    return [];
  }
}

/** Players that seek into a file find the tables within this, where there is a key frame. */
const TABLES_EVERY_US = 500_000;
