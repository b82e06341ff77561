import { equals } from "@std/bytes/equals";
import type { MediaUnit, Track, TrackKind } from "../media/mod.ts";
import type { CodedFrame } from "./coded_frame.ts";
import { codecRow } from "./codec/table.ts";
import { FlvTrackProbe, MAX_PROBE_US } from "./flv_tracks.ts";
import { FrameReader, type FrameReaderStats } from "./frame_reader.ts";
import type { LossPolicy } from "./flv_remuxer.ts";

/**
 * Why the tracks are told.
 *
 * - `start`: nothing was told before.
 * - `publisher`: another publisher has come; its tracks may be the same.
 * - `change`: a track has another configuration, or has come later.
 */
export type TracksReason = "start" | "publisher" | "change";

/** What a {@linkcode FrameFeed} gives: the tracks, and then their frames. */
export type FeedEvent =
  | {
    readonly type: "tracks";
    /** The tracks from here on, video first, each with its configuration; frames come of these alone. */
    readonly tracks: readonly Track[];
    readonly reason: TracksReason;
  }
  | {
    readonly type: "frame";
    readonly frame: CodedFrame;
  };

/** Options of a {@linkcode FrameFeed}. */
export interface FrameFeedOptions {
  /**
   * Media time for which frames wait for the configurations of all tracks that are to be expected, microseconds.
   * Default 2 000 000. With 0 none waits: a track is told of when its first frame that can be decoded comes.
   */
  readonly maxWaitUs?: number;
  /** Bytes of frames that may wait meanwhile. Default 16 MiB. */
  readonly maxHeldBytes?: number;
  /** What becomes of pictures after a loss of packets; `key-frame` by default. */
  readonly onLoss?: LossPolicy;
}

const DEFAULT_HELD_BYTES = 16 * 1024 * 1024;
/** What a frame costs beside its bytes, about. */
const FRAME_COST_BYTES = 256;

/**
 * Makes frames of the units of a stream for containers, which must know all tracks and their configurations before the
 * first frame: whatever the publisher speaks. It is the one way from units to frames for HLS, MP4, MPEG-TS and recordings.
 *
 * - `begin` says that a publisher starts, with the tracks that it has told, if any.
 * - `take` takes its units, headers too, as `Stream.tap` gives them, and returns what they complete: an event `tracks`
 *   before the first frame, and again where a track changes or another publisher comes; and an event for each frame.
 *   Frames before the first key frame of their video track are left out.
 *
 * The bytes of a frame are `frameBytes(frame)`: NAL units behind lengths, OBUs with sizes, else the frame; with
 * `{ parameterSets: "leave-out" }` as MP4 has it, with `{ annexB: true }` behind start codes. The parts themselves are
 * what a `TsMuxer` takes. Frames are in the order in which they came: those of each track by decoding time.
 *
 * @example
 * ```ts
 * import { FrameFeed, unitOfFlv } from "@weir/server/transmux";
 *
 * const feed = new FrameFeed({ maxWaitUs: 0 });
 * const header = unitOfFlv({ kind: "audio", dtsUs: 0, body: new Uint8Array([0xaf, 0, 0x12, 0x10]) })!;
 * const frame = unitOfFlv({ kind: "audio", dtsUs: 0, body: new Uint8Array([0xaf, 1, 0x21, 0x10]) })!;
 * console.log([...feed.take(header), ...feed.take(frame)].map(({ type }) => type)); // [ "tracks", "frame" ]
 * ```
 */
export class FrameFeed {
  readonly #options: Required<FrameFeedOptions>;
  #reader: FrameReader;
  #probe = new FlvTrackProbe();
  /** Whether the publisher has told its tracks. */
  #isTold = false;
  #state: "waiting" | "flowing" = "waiting";
  #held: CodedFrame[] = [];
  #heldBytes = 0;
  #firstUs: number | undefined;
  /** The tracks that were told last, as the reader had them, by kind and id. */
  #told = new Map<string, Track>();
  #hasTold = false;
  #isNewPublisher = false;
  /** Tracks of which a frame has come. */
  readonly #seen = new Set<string>();
  /** Video tracks of which a key frame has come. */
  readonly #started = new Set<string>();
  #dropped = 0;
  #formerStats: FrameReaderStats = { frames: 0, broken: 0, dependent: 0, incomplete: 0 };

  /** Begins with a publisher of which nothing is known. */
  constructor(options: FrameFeedOptions = {}) {
    this.#options = {
      maxWaitUs: options.maxWaitUs ?? MAX_PROBE_US,
      maxHeldBytes: options.maxHeldBytes ?? DEFAULT_HELD_BYTES,
      onLoss: options.onLoss ?? "key-frame",
    };
    this.#reader = this.#newReader();
  }

  /** Frames that could not be read, whose configuration is not known, or that precede a key frame. */
  get dropped(): number {
    const { broken, dependent } = this.#reader.stats;
    return this.#dropped + broken + dependent + this.#formerStats.broken +
      this.#formerStats.dependent;
  }

  /** Says that another publisher begins, with the tracks that it told beforehand; those of RTMP show in its units. */
  begin(tracks?: readonly Track[]): void {
    this.#dropped += this.#held.length;
    this.#formerStats = sumOf(this.#formerStats, this.#reader.stats);
    this.#reader = this.#newReader();
    this.#probe = new FlvTrackProbe();
    this.#isTold = tracks !== undefined;
    if (tracks !== undefined) this.#reader.setTracks(tracks);
    this.#state = "waiting";
    this.#forgetHeld();
    this.#seen.clear();
    this.#firstUs = undefined;
    this.#started.clear();
    this.#isNewPublisher = this.#hasTold;
  }

  /** Takes the stream's next unit, and returns what it completes. */
  take(unit: MediaUnit): FeedEvent[] {
    this.#probe.take(unit);
    const frames = this.#reader.read(unit).filter((frame) => this.#hasStarted(frame));
    if (frames.length === 0) return [];
    if (this.#state === "flowing") return this.#flow(frames);
    for (const frame of frames) {
      this.#held.push(frame);
      this.#heldBytes += bytesOf(frame.parts) + FRAME_COST_BYTES;
      this.#seen.add(keyOf(frame.kind, frame.track));
    }
    this.#firstUs ??= frames[0]!.dtsUs;
    return this.#isReady(frames.at(-1)!) ? this.#release() : [];
  }

  /** Says that nothing more comes of this publisher, and returns what still waits. */
  end(): FeedEvent[] {
    return this.#state === "waiting" && this.#held.length > 0 ? this.#release() : [];
  }

  #newReader(): FrameReader {
    return new FrameReader({ afterLoss: this.#options.onLoss === "pass" ? "pass" : "drop" });
  }

  #hasStarted({ kind, track, keyFrame }: CodedFrame): boolean {
    if (kind !== "video") return true;
    const key = keyOf(kind, track);
    if (keyFrame) this.#started.add(key);
    const hasStarted = this.#started.has(key);
    if (!hasStarted) this.#dropped++;
    return hasStarted;
  }

  #forgetHeld(): void {
    this.#held = [];
    this.#heldBytes = 0;
  }

  #isReady(newest: CodedFrame): boolean {
    const { maxWaitUs, maxHeldBytes } = this.#options;
    if (maxWaitUs === 0 || this.#heldBytes > maxHeldBytes) return true;
    if (newest.dtsUs - this.#firstUs! >= maxWaitUs) return true;
    const tracks = this.#tracks();
    const areSettled = tracks.every((track) => this.#isThere(track)) && tracks.length > 0;
    return areSettled && (this.#isTold || this.#probe.complete);
  }

  #release(): FeedEvent[] {
    const held = this.#held;
    this.#forgetHeld();
    this.#state = "flowing";
    const events: FeedEvent[] = [];
    const there = this.#tracksThere();
    if (there.length > 0) this.#tell(there, events);
    return [...events, ...this.#flow(held)];
  }

  /** Whether all is known of a track, and it really sends: some are announced and never come. */
  #isThere(track: Track): boolean {
    return isSettled(track) && this.#seen.has(keyOf(track.kind, track.id));
  }

  #tracksThere(): Track[] {
    return this.#tracks().filter((track) => this.#isThere(track));
  }

  #flow(frames: readonly CodedFrame[]): FeedEvent[] {
    const events: FeedEvent[] = [];
    for (const frame of frames) {
      const key = keyOf(frame.kind, frame.track);
      this.#seen.add(key);
      const track = this.#reader.track(frame.kind, frame.track);
      if (track === undefined || !isSettled(this.#withSound(track))) {
        this.#dropped++;
        continue;
      }
      const told = this.#told.get(key);
      // The reader keeps the same object for a track as long as nothing of it changes.
      if (this.#isNewPublisher || !this.#hasTold || told !== track) {
        if (this.#isNewPublisher || told === undefined || !isSameTrack(told, track)) {
          this.#tell(this.#tracksThere(), events);
        } else this.#told.set(key, track);
      }
      events.push({ type: "frame", frame });
    }
    return events;
  }

  #tell(tracks: readonly Track[], events: FeedEvent[]): void {
    const reason = this.#isNewPublisher ? "publisher" : this.#hasTold ? "change" : "start";
    this.#told = new Map();
    for (const { kind, id } of tracks) {
      this.#told.set(keyOf(kind, id), this.#reader.track(kind, id)!);
    }
    this.#hasTold = true;
    this.#isNewPublisher = false;
    events.push({ type: "tracks", tracks, reason });
  }

  /** All tracks so far, video first. */
  #tracks(): Track[] {
    const all = this.#reader.tracks.map((track) => this.#withSound(track));
    const isVideo = ({ kind }: Track): boolean => kind === "video";
    const rest = all.filter((track) => track.kind === "audio");
    return [...all.filter(isVideo).sort(byId), ...rest.sort(byId)];
  }

  /** Adds the sample rate and the channels of codecs that state them only in the headers of plain FLV bodies. */
  #withSound(track: Track): Track {
    if (track.kind !== "audio" || track.sampleRate !== undefined) return track;
    const probed = this.#probe.tracks.find(({ kind, id, codec }) =>
      kind === "audio" && id === track.id && codec === track.codec
    );
    const { sampleRate, channels } = probed ?? {};
    return {
      ...track,
      ...(sampleRate === undefined ? {} : { sampleRate }),
      ...(channels === undefined || track.channels !== undefined ? {} : { channels }),
    };
  }
}

/** Whether all is known of a track that a container must know. */
function isSettled({ kind, codec, config, sampleRate }: Track): boolean {
  const row = codecRow(codec);
  if (row === undefined) return false;
  if (kind === "video" || row.config?.isNeeded) return config !== undefined;
  return row.frameFacts === undefined || sampleRate !== undefined;
}

function isSameTrack(a: Track, b: Track): boolean {
  const isSameConfig = a.config === b.config ||
    (a.config !== undefined && b.config !== undefined && equals(a.config, b.config));
  return isSameConfig && a.codec === b.codec && a.width === b.width && a.height === b.height &&
    a.sampleRate === b.sampleRate && a.channels === b.channels;
}

function byId(a: Track, b: Track): number {
  return a.id - b.id;
}

function keyOf(kind: TrackKind, id: number): string {
  return `${kind}/${id}`;
}

function bytesOf(parts: readonly Uint8Array[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}

function sumOf(a: FrameReaderStats, b: FrameReaderStats): FrameReaderStats {
  return {
    frames: a.frames + b.frames,
    broken: a.broken + b.broken,
    dependent: a.dependent + b.dependent,
    incomplete: a.incomplete + b.incomplete,
  };
}
