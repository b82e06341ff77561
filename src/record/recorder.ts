import { concat } from "@std/bytes/concat";
import {
  type Clock,
  HeaderSet,
  openStreamQueue,
  type Publication,
  type QueuedUnit,
  type Stream,
  type StreamQueue,
} from "../hub/mod.ts";
import { reasonOf, type ServerLog } from "../log/mod.ts";
import type { MediaUnit, Track } from "../media/mod.ts";
import { type CodedFrame, type FeedEvent, FrameFeed } from "../transmux/mod.ts";
import type { FileSink } from "./recording_store.ts";
import { openSegment, type RecordingFormat, type SegmentWriter } from "./segment_writer.ts";

/** A file that a recorder writes, and what is told of it when it is done. */
export interface SegmentInfo {
  /** Name of the stream. */
  readonly name: string;
  /** Its path in the store. */
  readonly path: string;
  /** When it begins, milliseconds since 1970. */
  readonly startUnixMs: number;
  /** How long its media is, milliseconds. */
  readonly durationMs: number;
  /** Its length. */
  readonly bytes: number;
}

/** A file that was made for a segment. */
export interface OpenedSegment {
  /** Takes its bytes. */
  readonly sink: FileSink;
  /** Its path in the store. */
  readonly path: string;
}

/** Options of a {@linkcode Recorder}. */
export interface RecorderOptions {
  /** The format of its files. */
  readonly format: RecordingFormat;
  /** Length of a file, milliseconds: it ends before the first key frame behind it. `Infinity` for one file. */
  readonly segmentMs: number;
  /** Length of a fragment of MP4, and of what is written at once, milliseconds: what a crash loses at most. */
  readonly partMs: number;
  /** Bytes of media that may wait for a slow store. By default as much as a player may lag. */
  readonly maxLagBytes?: number;
  /** Whether it ends with its first file. Default false. */
  readonly isSingle?: boolean;
  /** Makes the file of a segment. */
  readonly open: (startUnixMs: number) => Promise<OpenedSegment>;
  /** Is told how long the file is by now, each time that something was written to it. */
  readonly onWritten?: (file: { readonly path: string; readonly bytes: number }) => void;
  /** Is told of each file that is done. */
  readonly onSegment?: (segment: SegmentInfo) => void;
  /** Is told of each file that was made, and of which nothing is there. */
  readonly onLost?: (file: { readonly path: string }) => void;
  /** Is told once that the recorder has ended, with the stream or by `stop`. */
  readonly onEnd?: () => void;
}

/** What a recorder needs beside its stream. */
export interface RecorderContext {
  /** Time. */
  readonly clock: Clock;
  /** Where lines go. */
  readonly log: ServerLog;
  /** The time of the day, milliseconds since 1970. */
  readonly nowUnixMs: () => number;
}

/** The state and counts of a recorder. */
export interface RecorderStatistics {
  /** Name of the stream. */
  readonly name: string;
  /** `waiting`: for media, or after a failure of the store. */
  readonly state: "waiting" | "recording" | "ended";
  /** Path of the file that is being written. */
  readonly path: string | undefined;
  /** Files begun. */
  readonly segments: number;
  /** Bytes written. */
  readonly bytes: number;
  /** Times at which media was left out up to a key frame, since the store was too slow or failed. */
  readonly gaps: number;
  /** Units left out so. */
  readonly droppedUnits: number;
  /** Why the store failed last, where it has not worked since. */
  readonly lastError: string | undefined;
}

interface OpenSegment extends OpenedSegment {
  readonly writer: SegmentWriter;
  readonly originUs: number;
  readonly startUnixMs: number;
  bytes: number;
  endUs: number;
  /** What is to be written, and since when on the stream's clock. */
  waiting: Uint8Array[];
  waitingBytes: number;
  writtenUs: number;
}

/** What waits to be written together, at most. */
const MOST_WAITING_BYTES = 256 * 1024;

/** The wait after the first failure of a store, and the longest, milliseconds. */
const RETRY_MS = 1000;
const MAX_RETRY_MS = 30_000;

/** Files of one recorder that may be waited for at once until they are whole: a store may take a while for it. */
const MOST_CLOSING = 2;

/** Gaps are told of once in so long, milliseconds. */
const TELL_GAPS_MS = 60_000;

/** A store that has failed works again when so much of a file was written, microseconds of media. */
const STEADY_US = 2_000_000;

/** A step of the stream's clock over this begins another file, microseconds. */
const LONGEST_GAP_US = 30_000_000;

/**
 * Writes one stream to files, as it was published, until it ends. A file begins with a key frame, and another one where
 * it is long enough, where tracks change, where another publisher comes, and where time jumps.
 *
 * What cannot be written in time waits within bounds, and is then left out up to a key frame, so that a slow store slows
 * nobody; a store that fails is tried again, first after a second and then less often, with a new file.
 */
export class Recorder {
  readonly #context: RecorderContext;
  readonly #options: RecorderOptions;
  readonly #stream: Stream;
  readonly #units: StreamQueue;
  readonly #feed = new FrameFeed();
  readonly #done: Promise<void>;
  #publication: Publication | undefined;
  #headers = HeaderSet.EMPTY;
  /** The decoding time of the newest frame of each track, microseconds. */
  readonly #lastUs = new Map<string, number>();
  #tracks: readonly Track[] = [];
  #segment: OpenSegment | undefined;
  #state: RecorderStatistics["state"] = "waiting";
  #failures = 0;
  #retryAtMs = -Infinity;
  #lastError: string | undefined;
  #segments = 0;
  #bytes = 0;
  #skipsTold = 0;
  #skipsToldMs = -Infinity;
  readonly #closing = new Set<Promise<void>>();
  /** Gaps that failures of the store have made. */
  #failedGaps = 0;
  #hasToldLeftOut = false;
  #isStopping = false;

  /**
   * Begins to record what is kept of a stream and all that comes.
   *
   * @throws {HubError} `closed` when the stream has ended
   */
  constructor(stream: Stream, options: RecorderOptions, context: RecorderContext) {
    this.#stream = stream;
    this.#options = options;
    this.#context = context;
    const { maxLagBytes } = options;
    // How late something is written matters to nobody, other than for players.
    this.#units = openStreamQueue(stream, {
      maxLagMs: Infinity,
      ...(maxLagBytes === undefined ? {} : { maxLagBytes }),
    });
    this.#done = this.#run();
  }

  /** Its state and counts. */
  get statistics(): RecorderStatistics {
    const { skips, dropped } = this.#units.queue;
    return {
      name: this.#stream.name,
      state: this.#state,
      path: this.#segment?.path,
      segments: this.#segments,
      bytes: this.#bytes,
      gaps: skips + this.#failedGaps,
      droppedUnits: dropped,
      lastError: this.#lastError,
    };
  }

  /** Settles when its last file is done, and never rejects. */
  get done(): Promise<void> {
    return this.#done;
  }

  /** Ends the recording with what waits; no further file is begun. Resolves when the last one is done. */
  async stop(): Promise<void> {
    this.#endSoon();
    await this.#done;
  }

  #endSoon(): void {
    this.#isStopping = true;
    this.#units.close();
  }

  async #run(): Promise<void> {
    const { queue } = this.#units;
    for (;;) {
      const next = queue.next();
      if (next !== undefined) await this.#take(next);
      else if (queue.isEnded) break;
      else await queue.more();
    }
    for (const event of this.#feed.end()) await this.#handle(event);
    await this.#endSegment();
    await Promise.all(this.#closing);
    this.#state = "ended";
    this.#options.onEnd?.();
  }

  async #take({ unit, tag: publication, headers }: QueuedUnit<Publication>): Promise<void> {
    if (publication !== undefined && publication !== this.#publication) {
      for (const event of this.#feed.end()) await this.#handle(event);
      this.#publication = publication;
      this.#headers = HeaderSet.EMPTY;
      this.#feed.begin(publication.tracks);
    }
    this.#takeHeaders(unit, headers);
    this.#tellSkips();
    for (const event of this.#feed.take(unit)) await this.#handle(event);
  }

  /** Headers that a publisher repeats after another are not given as units, and are what its frames need. */
  #takeHeaders(next: MediaUnit, headers: HeaderSet): void {
    if (headers === this.#headers) return;
    const known = this.#headers.units;
    this.#headers = headers;
    for (const unit of headers.units) {
      if (unit !== next && !known.includes(unit)) this.#feed.take(unit);
    }
  }

  #tellSkips(): void {
    const { skips, dropped } = this.#units.queue;
    const nowMs = this.#context.clock.now();
    if (skips === this.#skipsTold || nowMs - this.#skipsToldMs < TELL_GAPS_MS) return;
    this.#skipsTold = skips;
    this.#skipsToldMs = nowMs;
    this.#context.log.warn("recording has a gap, as its store is too slow", {
      stream: this.#stream.name,
      gaps: skips,
      units: dropped,
    });
  }

  async #handle(event: FeedEvent): Promise<void> {
    if (event.type === "tracks") {
      await this.#endSegment();
      this.#tracks = event.tracks;
      return;
    }
    const { frame } = event;
    try {
      await this.#write(frame);
    } catch (error) {
      await this.#failed(error);
    }
  }

  async #write(frame: CodedFrame): Promise<void> {
    if (this.#segment !== undefined && this.#isDue(frame, this.#segment)) {
      await this.#endSegment(frame);
    }
    this.#lastUs.set(`${frame.kind}/${frame.track}`, frame.dtsUs);
    const segment = this.#segment ?? await this.#begin(frame);
    if (segment === undefined) return;
    this.#gather(segment, segment.writer.add(frame));
    segment.endUs = Math.max(segment.endUs, frame.dtsUs);
    const { writer, waitingBytes, writtenUs } = segment;
    const isDue = writer.isOfFragments || waitingBytes >= MOST_WAITING_BYTES ||
      frame.dtsUs - writtenUs >= this.#options.partMs * 1000;
    if (isDue) await this.#flush(segment);
  }

  /** Frames are written some at a time: a write of each costs more than all else. */
  #gather(segment: OpenSegment, pieces: readonly Uint8Array[]): void {
    for (const bytes of pieces) {
      segment.waiting.push(bytes);
      segment.waitingBytes += bytes.length;
    }
  }

  async #flush(segment: OpenSegment): Promise<void> {
    segment.writtenUs = segment.endUs;
    const { waiting } = segment;
    if (waiting.length === 0) return;
    segment.waiting = [];
    segment.waitingBytes = 0;
    await this.#writeTo(segment, waiting.length === 1 ? waiting[0]! : concat(waiting));
    this.#tellSteady(segment);
  }

  /** Whether a file ends before a frame. */
  #isDue(frame: CodedFrame, { originUs, endUs, bytes, sink }: OpenSegment): boolean {
    // A track that was elsewhere all the time makes no file end again and again.
    const lastUs = this.#lastUs.get(`${frame.kind}/${frame.track}`) ?? frame.dtsUs;
    const isJump = [lastUs, endUs].every((us) => Math.abs(frame.dtsUs - us) > LONGEST_GAP_US);
    if (isJump) return true;
    const isLong = frame.dtsUs - originUs >= this.#options.segmentMs * 1000 ||
      bytes >= (sink.mostBytes ?? Infinity);
    return isLong && this.#isStart(frame);
  }

  /** Whether a file can begin with a frame. */
  #isStart({ kind, keyFrame }: CodedFrame): boolean {
    return kind === "video" ? keyFrame : this.#tracks.every((track) => track.kind !== "video");
  }

  async #begin(frame: CodedFrame): Promise<OpenSegment | undefined> {
    const { clock, nowUnixMs } = this.#context;
    if (this.#isStopping || !this.#isStart(frame)) return undefined;
    if (clock.now() < this.#retryAtMs) return undefined;
    // What is kept, or has waited, is older than now.
    const ageUs = Math.max(0, (this.#stream.lastDtsUs ?? frame.dtsUs) - frame.dtsUs);
    const startUnixMs = Math.round(nowUnixMs() - ageUs / 1000);
    const { format, partMs, open } = this.#options;
    const writer = openSegment(format, {
      tracks: this.#tracks,
      originUs: frame.dtsUs,
      originUnixUs: startUnixMs * 1000,
      partUs: partMs * 1000,
    });
    this.#tellLeftOut(writer);
    if (!writer.hasTracks) return undefined;
    const opened = await open(startUnixMs);
    const segment: OpenSegment = {
      ...opened,
      writer,
      startUnixMs,
      originUs: frame.dtsUs,
      endUs: frame.dtsUs,
      bytes: 0,
      waiting: [],
      waitingBytes: 0,
      writtenUs: frame.dtsUs,
    };
    this.#segment = segment;
    this.#segments++;
    await this.#writeTo(segment, writer.head);
    this.#state = "recording";
    return segment;
  }

  /** A store that works for a moment, as a disk with little room does, has not come back. */
  #tellSteady({ path, originUs, endUs }: OpenSegment): void {
    if (this.#failures === 0 || endUs - originUs < STEADY_US) return;
    this.#failures = 0;
    this.#lastError = undefined;
    this.#context.log.info("recording goes on", { stream: this.#stream.name, path });
  }

  async #writeTo(segment: OpenSegment, bytes: Uint8Array): Promise<void> {
    await segment.sink.write(bytes);
    segment.bytes += bytes.length;
    this.#bytes += bytes.length;
    this.#options.onWritten?.(segment);
  }

  async #endSegment(next?: CodedFrame): Promise<void> {
    const segment = this.#segment;
    if (segment === undefined) return;
    this.#segment = undefined;
    if (this.#options.isSingle === true) this.#endSoon();
    try {
      this.#gather(segment, segment.writer.end(next));
      await this.#flush(segment);
    } catch (error) {
      this.#segment = segment;
      await this.#failed(error);
      return;
    }
    // The next file begins while a store makes this one whole.
    const closing: Promise<void> = this.#close(segment).catch((error) => this.#tellFailure(error))
      .then(() => void this.#closing.delete(closing));
    this.#closing.add(closing);
    if (this.#closing.size > MOST_CLOSING) await Promise.race(this.#closing);
  }

  /** Ends a file, and tells what there is of it; rejects with why that is not all. */
  async #close(segment: OpenSegment): Promise<void> {
    const { sink, path, startUnixMs, originUs, endUs } = segment;
    try {
      await sink.close();
    } finally {
      const bytes = sink.storedBytes ?? segment.bytes;
      const durationMs = Math.round((endUs - originUs) / 1000);
      const { name } = this.#stream;
      if (bytes === 0) this.#options.onLost?.({ path });
      else this.#options.onSegment?.({ name, path, startUnixMs, durationMs, bytes });
    }
  }

  /** The store has failed: what is written so far stays, and the next file begins at a later key frame. */
  async #failed(error: unknown): Promise<void> {
    const segment = this.#segment;
    this.#segment = undefined;
    this.#state = "waiting";
    this.#tellFailure(error);
    // Why it could not be ended is why it failed.
    if (segment !== undefined) await this.#close(segment).catch(() => {});
  }

  #tellFailure(error: unknown): void {
    this.#failedGaps++;
    const waitMs = Math.min(MAX_RETRY_MS, RETRY_MS * 2 ** this.#failures++);
    this.#retryAtMs = this.#context.clock.now() + waitMs;
    this.#lastError = reasonOf(error);
    // Once for each spell of failures.
    this.#context.log[this.#failures === 1 ? "warn" : "debug"]("recording failed", {
      stream: this.#stream.name,
      reason: this.#lastError,
      retryMs: waitMs,
    });
  }

  #tellLeftOut({ leftOut }: SegmentWriter): void {
    if (this.#hasToldLeftOut || leftOut.length === 0) return;
    this.#hasToldLeftOut = true;
    for (const { track, reason } of leftOut) {
      this.#context.log.warn("recording leaves a track out", {
        stream: this.#stream.name,
        kind: track.kind,
        track: track.id,
        codec: track.codec ?? "unknown",
        reason,
      });
    }
  }
}
