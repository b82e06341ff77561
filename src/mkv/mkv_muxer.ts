import { concat } from "@std/bytes/concat";
import { presumedSound, type Track, type TrackKind } from "../media/mod.ts";
import { type CodecForm, codecFormOf } from "./codec_forms.ts";
import {
  dateElement,
  element,
  floatElement,
  lengthBytes,
  openElement,
  textElement,
  uintElement,
} from "./ebml.ts";
import { ElementId } from "./element_ids.ts";

/** A frame that is to be written. */
export interface MkvFrame {
  /** What kind its track is of. */
  readonly kind: TrackKind;
  /** Id of its track, unique within `kind`. */
  readonly track: number;
  /** Presentation time in microseconds. */
  readonly ptsUs: number;
  /** Whether decoding can start here; true for all audio. */
  readonly keyFrame: boolean;
  /** Whether no other frame depends on it. */
  readonly discardable?: boolean;
  /** Its bytes: NAL units behind lengths of four bytes, OBUs with their sizes, else the frame. */
  readonly data: Uint8Array;
}

/** A track that is left out, and why. */
export interface MkvLeftOut {
  /** The track. */
  readonly track: Track;
  /** Why, in words for a log line. */
  readonly reason: string;
}

/** Options of an {@linkcode MkvMuxer}. */
export interface MkvMuxerOptions {
  /** Time of the stream that is time 0 of the file, microseconds; 0 by default. */
  readonly originUs?: number;
  /** When that was, microseconds since 1970; not told by default. */
  readonly originUnixUs?: number;
}

interface OutputTrack {
  readonly number: number;
  readonly track: Track;
  readonly form: CodecForm;
  readonly delayUs: number;
}

/** A cluster begins at a key frame when the one before is so long, and anywhere when it is longer, ms. */
const CLUSTER_MS = 1000;
const LONGEST_CLUSTER_MS = 5000;

/** Times of blocks are counted from their cluster's, in 16 bits. */
const MAX_BLOCK_MS = 0x7fff;

/** `TrackType` (RFC 9559, 5.1.4.1.3). */
const TYPES: Readonly<Partial<Record<TrackKind, number>>> = { video: 1, audio: 2 };

const NAME = "weir";

/**
 * Writes Matroska (RFC 9559) of frames as they come, each in a block of its own: what was written stays as it is, and a
 * file that is cut off anywhere plays up to there. Its lengths are unknown therefore, as of a live stream, and it has no
 * index. Times are milliseconds.
 *
 * @example
 * ```ts
 * import { MkvMuxer } from "@weir/server/mkv";
 *
 * const muxer = new MkvMuxer([{ kind: "audio", id: 0, codec: "pcma", config: undefined }]);
 * const frame = { kind: "audio", track: 0, ptsUs: 0, keyFrame: true } as const;
 * const bytes = muxer.write({ ...frame, data: new Uint8Array(160) });
 * console.log(muxer.head.length > 0, bytes.length); // true 182
 * ```
 */
export class MkvMuxer {
  /** The tracks that Matroska cannot carry. */
  readonly leftOut: readonly MkvLeftOut[];
  /** What the file begins with. */
  readonly head: Uint8Array;
  readonly #originUs: number;
  readonly #tracks: readonly OutputTrack[];
  readonly #hasVideo: boolean;
  #clusterMs: number | undefined;

  /** Begins with `tracks`, of which those that Matroska has no name for are left out. */
  constructor(tracks: readonly Track[], options: MkvMuxerOptions = {}) {
    const leftOut: MkvLeftOut[] = [];
    const carried: OutputTrack[] = [];
    for (const track of tracks) {
      const form = codecFormOf(track);
      if (typeof form === "string") leftOut.push({ track, reason: form });
      else if (carried.length === MAX_TRACKS) {
        leftOut.push({ track, reason: `a file has ${MAX_TRACKS} tracks here` });
      } else {
        const delayUs = form.delayUs?.(track.config!) ?? 0;
        carried.push({ number: carried.length + 1, track, form, delayUs });
      }
    }
    this.leftOut = leftOut;
    this.#tracks = carried;
    this.#hasVideo = carried.some(({ track }) => track.kind === "video");
    this.#originUs = options.originUs ?? 0;
    this.head = headOf(carried, options);
  }

  /** Whether frames of a track are written. */
  carries(kind: TrackKind, id: number): boolean {
    return this.#trackOf(kind, id) !== undefined;
  }

  /** The block of a frame, behind the head of a cluster where one begins; empty for a track that is left out. */
  write(frame: MkvFrame): Uint8Array {
    const track = this.#trackOf(frame.kind, frame.track);
    if (track === undefined) return new Uint8Array(0);
    const timeMs = Math.max(0, Math.round((frame.ptsUs + track.delayUs - this.#originUs) / 1000));
    const cluster = this.#clusterFor(frame, timeMs);
    const header = new Uint8Array(4);
    const view = new DataView(header.buffer);
    header[0] = 0x80 | track.number;
    view.setInt16(1, timeMs - this.#clusterMs!);
    header[3] = (frame.keyFrame ? 0x80 : 0) | (frame.discardable ? 0x01 : 0);
    const { data } = frame;
    const length = lengthBytes(header.length + data.length);
    return concat([...cluster, SIMPLE_BLOCK, length, header, data]);
  }

  /** Begins a cluster where it is time for one. */
  #clusterFor({ kind, keyFrame }: MkvFrame, timeMs: number): Uint8Array[] {
    const sinceMs = timeMs - (this.#clusterMs ?? -Infinity);
    const isStart = this.#hasVideo ? kind === "video" && keyFrame : true;
    const isDue = sinceMs >= LONGEST_CLUSTER_MS || sinceMs < -MAX_BLOCK_MS ||
      isStart && sinceMs >= CLUSTER_MS;
    if (!isDue) return [];
    this.#clusterMs = timeMs;
    return [openElement(ElementId.Cluster), uintElement(ElementId.Timestamp, timeMs)];
  }

  #trackOf(kind: TrackKind, id: number): OutputTrack | undefined {
    return this.#tracks.find(({ track }) => track.kind === kind && track.id === id);
  }
}

const SIMPLE_BLOCK = new Uint8Array([ElementId.SimpleBlock]);

/** The numbers of tracks have one byte here. */
const MAX_TRACKS = 126;

function headOf(tracks: readonly OutputTrack[], { originUnixUs }: MkvMuxerOptions): Uint8Array {
  const ebml = element(
    ElementId.EBML,
    uintElement(ElementId.EBMLVersion, 1),
    uintElement(ElementId.EBMLReadVersion, 1),
    uintElement(ElementId.EBMLMaxIDLength, 4),
    uintElement(ElementId.EBMLMaxSizeLength, 8),
    textElement(ElementId.DocType, "matroska"),
    uintElement(ElementId.DocTypeVersion, 4),
    uintElement(ElementId.DocTypeReadVersion, 2),
  );
  const info = element(
    ElementId.Info,
    uintElement(ElementId.TimestampScale, 1_000_000),
    ...originUnixUs === undefined ? [] : [dateElement(ElementId.DateUTC, originUnixUs)],
    textElement(ElementId.MuxingApp, NAME),
    textElement(ElementId.WritingApp, NAME),
  );
  return concat([
    ebml,
    openElement(ElementId.Segment),
    info,
    element(ElementId.Tracks, ...tracks.map(trackEntry)),
  ]);
}

function trackEntry({ number, track, form }: OutputTrack): Uint8Array {
  const { codecPrivate, elements } = form;
  const config = track.config ?? new Uint8Array(0);
  const header = codecPrivate?.(track, config);
  return element(
    ElementId.TrackEntry,
    uintElement(ElementId.TrackNumber, number),
    uintElement(ElementId.TrackUID, number),
    uintElement(ElementId.TrackType, TYPES[track.kind]!),
    uintElement(ElementId.FlagLacing, 0),
    textElement(ElementId.CodecID, form.id(track)),
    ...header === undefined ? [] : [element(ElementId.CodecPrivate, header)],
    ...elements?.(config) ?? [],
    track.kind === "video" ? videoOf(track) : audioOf(track, form),
  );
}

function videoOf({ width = 0, height = 0 }: Track): Uint8Array {
  return element(
    ElementId.Video,
    uintElement(ElementId.PixelWidth, width),
    uintElement(ElementId.PixelHeight, height),
  );
}

function audioOf(track: Track, { bitDepth }: CodecForm): Uint8Array {
  const { sampleRate, channels } = presumedSound(track);
  return element(
    ElementId.Audio,
    floatElement(ElementId.SamplingFrequency, sampleRate),
    uintElement(ElementId.Channels, channels),
    ...bitDepth === undefined ? [] : [uintElement(ElementId.BitDepth, bitDepth(track))],
  );
}
