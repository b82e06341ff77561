import type { MediaUnit, TrackKind } from "../media/mod.ts";
import { FlushPolicy } from "./flush_policy.ts";
import { HeaderSet } from "./header_set.ts";
import { KeptGroup } from "./kept_group.ts";
import type { HubSettings } from "./options.ts";
import { isPicture, StartWait } from "./start_wait.ts";
import type { ReaderStatistics, StreamTotals } from "./stream_statistics.ts";
import { type AnnouncedTrack, TrackStarts } from "./track_starts.ts";
import { UNIT_COST_BYTES, unitBytes } from "./unit_bytes.ts";
import type { WakeRounds } from "./wake_rounds.ts";
import type { WireCursor, WireCursorOptions } from "./wire_cursor.ts";
import type { WireFormat } from "./wire_format.ts";
import { WireLog } from "./wire_log.ts";

/** Why a stream ended for its readers. */
export type StreamEndReason = "unpublished" | "closed";

/** A reader of a stream, with its place in the log. */
export interface StreamReader {
  /** Its place in the log of its format. */
  readonly cursor: WireCursor;
  /** The wire format, shared with all readers of its name. */
  readonly format: WireFormat;
  /** Leaves the stream; harmless when repeated. */
  close(): void;
}

/** What a reader asks for. */
export interface ReaderRequest extends WireCursorOptions {
  /** Name of the wire format; readers of one name share one log. */
  readonly format: string;
  /** Makes the format when this is its first reader. */
  readonly create: () => WireFormat;
  /**
   * Whether fewer and larger writes cost less: where waking readers takes long, frames are then gathered for those of this
   * format. Default true; false where each packet is sent by itself.
   */
  readonly gathers?: boolean;
  /** Called once when the stream has ended; not after `close`. */
  readonly onEnd?: (reason: StreamEndReason) => void;
  /** Tells how many packets the reader's peer has reported lost, where its protocol has such reports. */
  readonly lostPackets?: () => number | undefined;
}

/** The owner of a fan-out, which is called when something happens that it does not decide. */
export interface FanOutOwner {
  /** A tap, a cursor's callback or a wire format has thrown. */
  failed(error: unknown): void;
  /** Readers of a wire format, or of units, go on with audio alone. */
  audioAlone(format: string): void;
  /** A reader has closed. */
  left(): void;
  /** Wakes readers, those of all streams. */
  readonly rounds: WakeRounds;
}

/**
 * Takes a unit: whether readers can start at it, and whether it is a header that all who had the publisher
 * before have already.
 */
type Tap = (
  unit: MediaUnit,
  about: { readonly startPoint: boolean; readonly isRepeated: boolean },
) => void;

/**
 * What the readers of a stream are given, and who they are: the headers, the group that is kept for those that join, one
 * log for each wire format that has readers, and taps, which take units. Who publishes is the stream's business: units of
 * one publisher after another come in here.
 */
export class FanOut {
  readonly #owner: FanOutOwner;
  #settings: HubSettings;
  readonly #logs = new Map<string, WireLog>();
  readonly #readers = new Map<StreamReader, ReaderRequest>();
  /** The taps, each with the function that tells it of the end. */
  readonly #taps = new Map<Tap, ((reason: StreamEndReason) => void) | undefined>();
  /** Bytes, messages and skips of the readers that have left. */
  readonly #sentToFormer = { bytes: 0, messages: 0, skips: 0 };
  /** Bytes and units that all publishers so far have sent. */
  readonly #received = { bytes: 0, units: 0 };
  /** Frames that wire formats without readers, whose logs are gone, could not carry. */
  #droppedByFormer = 0;
  /** Counts the publishers, so that a reader knows which one it has come to. */
  #publisherNumber = 0;
  #headers: HeaderSet = HeaderSet.EMPTY;
  /** The headers that all readers in flow have, whoever published them. */
  #sent: HeaderSet = HeaderSet.EMPTY;
  readonly #group: KeptGroup;
  #tracks = new TrackStarts();
  /** Whether there was anything of the publisher that readers could start at. */
  #hasStart = false;
  #lastDtsUs: number | undefined;
  #lastPtsUs: number | undefined;
  #lastUnitAt = 0;
  readonly #flushes = new FlushPolicy(
    () => this.#settings,
    (whenWoken) => this.#wake({ gathers: true }, whenWoken),
  );
  /** The same for readers whose packets are sent one by one; there once such a reader was. */
  #prompt: FlushPolicy | undefined;

  /** Has no readers yet. */
  constructor(settings: HubSettings, owner: FanOutOwner) {
    this.#owner = owner;
    this.#settings = settings;
    this.#group = new KeptGroup(settings.maxGopBytes);
  }

  /** Gives it other settings, which hold from now on; who has joined stays. */
  configure(settings: HubSettings): void {
    this.#settings = settings;
    this.#group.maxBytes = settings.maxGopBytes;
    for (const log of this.#logs.values()) log.settings = settings;
  }

  /** The newest metadata and codec configurations. */
  get headers(): HeaderSet {
    return this.#headers;
  }

  /** The tracks that the publisher has sent so far, or has announced. */
  get tracks(): TrackStarts {
    return this.#tracks;
  }

  /** Number of readers, those of units too. */
  get readerCount(): number {
    return this.#readers.size + this.#taps.size;
  }

  /** Latest decoding time of the media, microseconds; `undefined` before the first. */
  get lastDtsUs(): number | undefined {
    return this.#lastDtsUs;
  }

  /** Latest presentation time of the media, microseconds; `undefined` before the first. */
  get lastPtsUs(): number | undefined {
    return this.#lastPtsUs;
  }

  /** When the newest media came, on the hub's clock in milliseconds. */
  get lastUnitAt(): number {
    return this.#lastUnitAt;
  }

  /** Bytes of memory that the media holds, about: the group that is kept, and the logs. */
  get heldBytes(): number {
    let bytes = this.#group.heldBytes;
    for (const log of this.#logs.values()) bytes += log.heldBytes;
    return bytes;
  }

  /** Counts of what has come in and gone out so far. They only grow. */
  get totals(): StreamTotals {
    const sent = { ...this.#sentToFormer };
    for (const { cursor } of this.#readers.keys()) addSent(sent, cursor);
    let dropped = this.#droppedByFormer;
    for (const { format } of this.#logs.values()) dropped += format.dropped ?? 0;
    return {
      bytesReceived: this.#received.bytes,
      unitsReceived: this.#received.units,
      bytesSent: sent.bytes,
      messagesSent: sent.messages,
      skips: sent.skips,
      dropped,
    };
  }

  /** Each reader of now, without those of units. */
  get statistics(): ReaderStatistics[] {
    return Array.from(this.#readers, ([{ cursor }, { format, lostPackets }]) => ({
      format,
      bytes: cursor.bytes,
      messages: cursor.messages,
      lagBytes: cursor.lagBytes,
      lagMs: Math.round(cursor.lagMs),
      skips: cursor.skips,
      lostPackets: lostPackets?.(),
    }));
  }

  /** Adds a reader. */
  read(request: ReaderRequest): StreamReader {
    const log = this.#logs.get(request.format) ?? this.#openLog(request);
    const cursor = log.open(request);
    const reader: StreamReader = {
      cursor,
      format: log.format,
      close: () => {
        if (!this.#readers.delete(reader)) return;
        addSent(this.#sentToFormer, cursor);
        cursor.close();
        if (log.readers === 0 && this.#logs.get(request.format) === log) {
          this.#logs.delete(request.format);
          this.#droppedByFormer += log.format.dropped ?? 0;
        }
        this.#owner.left();
      },
    };
    this.#readers.set(reader, request);
    return reader;
  }

  /** Adds a reader of units, as {@linkcode Stream.tap} says. */
  tap(
    onUnit: (unit: MediaUnit, startPoint: boolean) => void,
    onEnd?: (reason: StreamEndReason) => void,
  ): () => void {
    const kept = this.#group.units;
    const { units } = kept[0]?.headers ?? this.#headers;
    for (const unit of units) onUnit(unit, false);
    for (const { unit, startPoint } of kept) onUnit(unit, startPoint);
    let hasStarted = kept.length > 0;
    let isListening = false;
    const wait = new StartWait();
    // Who came with this publisher has nothing of the one before: headers that repeat are new to it.
    const publisher = this.#publisherNumber;
    const tap: Tap = (unit, { startPoint, isRepeated }) => {
      if (isRepeated && publisher !== this.#publisherNumber) return;
      hasStarted ||= startPoint;
      if (!hasStarted && !isListening && wait.isOverAt(unit)) {
        isListening = true;
        this.#owner.audioAlone("units");
      }
      const isWanted = hasStarted || unit.role !== "media" || (isListening && !isPicture(unit));
      if (isWanted) onUnit(unit, startPoint);
    };
    this.#taps.set(tap, onEnd);
    return () => {
      if (this.#taps.delete(tap)) this.#owner.left();
    };
  }

  /** Takes one unit in; returns how many bytes of memory, about, that took. */
  append(unit: MediaUnit): number {
    const bytes = unitBytes(unit);
    this.#received.bytes += bytes;
    this.#received.units++;
    const before = this.#headers;
    if (!this.#takeHeader(unit)) {
      if (this.#headers !== before) this.#tellTaps(unit, { startPoint: false, isRepeated: true });
      return 0;
    }
    const startPoint = unit.role === "media" && this.#takeMedia(unit);
    const headers = this.#headers;
    this.#group.add({ unit, headers, startPoint });
    for (const log of this.#logs.values()) this.#appendTo(log, unit, headers);
    this.#tellTaps(unit, { startPoint, isRepeated: false });
    const isPicture = unit.kind === "video" && unit.role === "media";
    this.#flushes.note(isPicture);
    this.#prompt?.note(isPicture);
    return bytes + UNIT_COST_BYTES;
  }

  /** Ends a batch of units: wakes readers as the policy says. */
  commit(): void {
    if (this.#logs.size === 0) return;
    const { hasVideo } = this.#tracks;
    this.#prompt?.commit({ hasVideo });
    this.#flushes.commit({ hasVideo });
  }

  /** Wakes readers now. */
  flush(): void {
    this.#prompt?.flush();
    this.#flushes.flush();
  }

  #wake({ gathers }: { readonly gathers: boolean }, whenWoken: () => void): void {
    const { rounds } = this.#owner;
    for (const log of this.#logs.values()) {
      if (log.gathers === gathers) log.flush((error) => this.#owner.failed(error), rounds);
    }
    rounds.whenWoken(whenWoken);
  }

  /** Lets go of what is kept for readers that join or are behind. */
  shed(): void {
    this.#group.clear();
    for (const log of this.#logs.values()) log.shed();
  }

  /** Another publisher begins: forgets what the one before has sent, but for what readers have of it. */
  beginAnew(announced: readonly AnnouncedTrack[] = []): void {
    this.#publisherNumber++;
    this.flush();
    this.#forgetMedia(announced);
  }

  /** Resets everything that depends on a publisher, as if nothing had been published yet. */
  forget(): void {
    this.#publisherNumber++;
    this.#lastDtsUs = undefined;
    this.#lastPtsUs = undefined;
    this.#forgetMedia();
    this.#sent = HeaderSet.EMPTY;
  }

  /** Lets all readers go; returns what tells each of them, one function a reader. */
  end(reason: StreamEndReason): (() => void)[] {
    for (const { format } of this.#logs.values()) this.#droppedByFormer += format.dropped ?? 0;
    this.#logs.clear();
    const tapEnds = [...this.#taps.values()];
    this.#taps.clear();
    const readers = [...this.#readers];
    for (const [{ cursor }] of readers) cursor.close();
    return [
      ...readers.map(([reader, { onEnd }]) => () => {
        if (!this.#readers.delete(reader)) return;
        addSent(this.#sentToFormer, reader.cursor);
        onEnd?.(reason);
      }),
      ...tapEnds.map((onEnd) => () => onEnd?.(reason)),
    ];
  }

  #tellTaps(unit: MediaUnit, about: Parameters<Tap>[1]): void {
    for (const tap of this.#taps.keys()) this.#call(() => tap(unit, about));
  }

  #forgetMedia(announced: readonly AnnouncedTrack[] = []): void {
    // Readers that started with this publisher know no others' headers.
    if (this.#hasStart) this.#sent = this.#headers;
    this.#headers = HeaderSet.EMPTY;
    this.#group.clear();
    this.#tracks = new TrackStarts(announced);
    this.#hasStart = false;
    for (const log of this.#logs.values()) log.forgetStart();
  }

  /** Remembers headers; false when `unit` is one that all readers have already. */
  #takeHeader(unit: MediaUnit): boolean {
    this.#tracks.see(unit);
    if (unit.role !== "config" && unit.role !== "metadata") return true;
    const { sent, headers } = { sent: this.#sent, headers: this.#headers };
    this.#sent = sent.with(unit);
    this.#headers = headers.with(unit);
    // Once readers may have started with this publisher, what the one before has sent is not enough.
    return this.#hasStart ? this.#headers !== headers : this.#sent !== sent;
  }

  /** Notes the time of `unit`, and returns whether a reader can start at it. */
  #takeMedia(unit: MediaUnit): boolean {
    const { dtsUs, ptsUs } = unit;
    this.#lastUnitAt = this.#settings.clock.now();
    this.#lastDtsUs = Math.max(this.#lastDtsUs ?? dtsUs, dtsUs);
    this.#lastPtsUs = Math.max(this.#lastPtsUs ?? ptsUs, ptsUs);
    const isStart = this.#tracks.isStart(unit, () => true);
    this.#hasStart ||= isStart;
    return isStart;
  }

  #openLog({ format, create, gathers = true }: ReaderRequest): WireLog {
    const log = new WireLog(create(), this.#settings, {
      events: { onAudioAlone: () => this.#owner.audioAlone(format) },
      gathers,
    });
    if (!gathers) {
      this.#prompt ??= new FlushPolicy(
        () => this.#settings,
        (whenWoken) => this.#wake({ gathers: false }, whenWoken),
        { gathers: false },
      );
    }
    for (const { unit, headers } of this.#group.units) this.#appendTo(log, unit, headers);
    this.#logs.set(format, log);
    return log;
  }

  /** Readers of a log start where what it has for them does. */
  #appendTo(log: WireLog, unit: MediaUnit, headers: HeaderSet): void {
    const { format } = log;
    this.#call(() => {
      const carries = (kind: TrackKind, track: number) => format.carries?.(kind, track) ?? true;
      const startPoint = this.#tracks.isStart(unit, carries);
      log.isHeld = format.tellsTracks === true && this.#tracks.isAwaiting(carries);
      log.append(unit, { headers, startPoint });
    });
  }

  /** What a tap or a format throws is its own: it must not reach the publisher, nor keep it from the rest. */
  #call(callback: () => void): void {
    try {
      callback();
    } catch (error) {
      this.#owner.failed(error);
    }
  }
}

function addSent(
  sum: { bytes: number; messages: number; skips: number },
  { bytes, messages, skips }: WireCursor,
): void {
  sum.bytes += bytes;
  sum.messages += messages;
  sum.skips += skips;
}
