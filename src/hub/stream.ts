import type { MediaUnit, TrackKind } from "../media/mod.ts";
import type { Timer } from "../time/mod.ts";
import { HubError } from "./errors.ts";
import { FanOut, type ReaderRequest, type StreamEndReason, type StreamReader } from "./fan_out.ts";
import { HeaderSet } from "./header_set.ts";
import type { WakeRounds } from "./wake_rounds.ts";
import type { HubSettings } from "./options.ts";
import { Publication, type PublishedStream, type PublishOptions } from "./publication.ts";
import { StreamStage } from "./stream_stage.ts";
import type { StreamStatistics, StreamTotals } from "./stream_statistics.ts";
import { TrackStarts } from "./track_starts.ts";
import type { WireFormat } from "./wire_format.ts";

/** Options of a reader of a stream. */
export interface ReadOptions extends Omit<ReaderRequest, "create"> {
  /** Makes the format when this is its first reader. */
  readonly create: (stream: Stream) => WireFormat;
}

/** Readers that go on with audio alone. */
export interface AudioAlone {
  /** Name of their wire format; `units` for those that read units. */
  readonly format: string;
  /** Why there is no picture, in words. */
  readonly reason: string;
}

/** The hub, as a stream sees it. */
export interface StreamOwner {
  /** The settings that the stream begins with. */
  readonly settings: HubSettings;
  /** Wakes readers, those of all streams. */
  readonly rounds: WakeRounds;
  /** The stream has neither publisher nor readers, and nobody waits for it. */
  release(stream: Stream): void;
  /**
   * Someone is to publish the stream.
   *
   * @throws {HubError} `too-many-streams`
   */
  occupy(stream: Stream): void;
  /** Nobody publishes the stream, nor may return to it. */
  vacate(stream: Stream): void;
  /** A publisher has started. */
  started(stream: Stream): void;
  /** A stream that was published has ended. */
  ended(stream: Stream, reason: StreamEndReason): void;
  /** Someone wants the stream, and nobody publishes it. */
  wanted(stream: Stream): void;
  /** Somebody begins to read it. */
  joined?(stream: Stream): void;
  /** Its publisher has gone, and readers stay. */
  left(stream: Stream): void;
  /** Its readers see nothing, and there is a fallback for that. */
  fallbackDue(stream: Stream): void;
  /** Units that are held back go out after `heldMs` already, since more of them may not be held. */
  early(stream: Stream, heldMs: number): void;
  /** A callback of a publisher, reader or watcher, or a wire format, has thrown. */
  failed(error: unknown): void;
  /** Readers of a format have waited for a picture to start at, and go on with audio alone. */
  audioAlone(stream: Stream, about: AudioAlone): void;
  /** A unit has taken about so many bytes of memory. */
  took(bytes: number): void;
}

/** How long a fallback goes on that nobody sees, milliseconds: players come back. */
const UNSEEN_MS = 3000;

/**
 * A named stream: at most one publisher, any number of readers, and one log for each wire format
 * that has readers. Made by the hub; it lasts while it has a publisher or readers, or is watched.
 */
export class Stream implements PublishedStream {
  /** `app/name`, in one or more segments. */
  readonly name: string;
  readonly #owner: StreamOwner;
  #settings: HubSettings;
  /** The readers, and the media that they are given. */
  readonly #fanOut: FanOut;
  readonly #watchers = new Set<() => void>();
  /** The publication whose units readers are given now. */
  #publication: Publication | undefined;
  /** The publication that has the name. Where units are held back, or readers see a fallback, it is not `#publication`. */
  #publisher: Publication | undefined;
  /** Holds units back between the two. Streams without a rule for that have none. */
  #stage: StreamStage | undefined;
  /** When the publication that readers are given was begun. */
  #shownAt = 0;
  #unseenTimer: Timer | undefined;
  /** Whether observers have been told that the stream has started, and not yet that it has ended. */
  #isToldStarted = false;
  #lingerTimer: Timer | undefined;
  #ended = false;

  /** Made by {@linkcode Hub.stream}. */
  constructor(name: string, owner: StreamOwner) {
    this.name = name;
    this.#owner = owner;
    this.#settings = owner.settings;
    this.#fanOut = new FanOut(owner.settings, {
      failed: (error) => owner.failed(error),
      audioAlone: (format) => this.#tellAudioAlone(format),
      left: () => this.#releaseIfIdle(),
      rounds: owner.rounds,
    });
    this.#setStage();
  }

  /** The settings in force. */
  get settings(): HubSettings {
    return this.#settings;
  }

  /** Gives the stream other settings, which hold from now on; who has joined stays. */
  configure(settings: HubSettings): void {
    this.#settings = settings;
    this.#fanOut.configure(settings);
    this.#setStage();
  }

  /** Whether readers are given anything now: a publisher's units, or those of a fallback. */
  get isLive(): boolean {
    return this.#publication !== undefined;
  }

  /** The publication whose units readers are given. */
  get publication(): Publication | undefined {
    return this.#publication;
  }

  /**
   * Who has the name: the publisher, whose units readers may be given later, or not at present. A fallback never has it.
   */
  get publisher(): Publication | undefined {
    return this.#publisher;
  }

  /** Whether readers would see nothing, and there is a fallback for that. */
  get isFallbackDue(): boolean {
    const { fallback, fallbackAfterMs, clock } = this.#settings;
    if (fallback === "" || this.#ended || !this.isWanted) return false;
    const shown = this.#publication;
    if (shown === undefined) return true;
    return !shown.isFallback && clock.now() - this.#shownLastAt >= fallbackAfterMs;
  }

  /** The newest metadata and codec configurations. */
  get headers(): HeaderSet {
    return this.#fanOut.headers;
  }

  /** How many tracks have sent media. */
  get trackCount(): number {
    return this.#fanOut.tracks.comeCount;
  }

  /**
   * Whether a track, or without `track` every one of its kind, has sent no media, while others have for 2 s: players
   * that are told of it wait for it.
   */
  isSilent(kind: TrackKind, track?: number): boolean {
    return this.#fanOut.tracks.isSilent(kind, track);
  }

  /** Whether someone reads the stream, or waits for it. */
  get isWanted(): boolean {
    return this.readerCount > 0 || this.#watchers.size > 0;
  }

  /** Number of readers. */
  get readerCount(): number {
    return this.#fanOut.readerCount;
  }

  /** Latest decoding time of its media, microseconds; `undefined` before the first. */
  get lastDtsUs(): number | undefined {
    return this.#fanOut.lastDtsUs;
  }

  /** Latest presentation time of its media, microseconds; `undefined` before the first. */
  get lastPtsUs(): number | undefined {
    return this.#fanOut.lastPtsUs;
  }

  /** When the newest media came, on the hub's clock in milliseconds. */
  get lastUnitAt(): number {
    return this.#fanOut.lastUnitAt;
  }

  /** Bytes of memory that its media holds, about: the group that is kept, and the logs. */
  get heldBytes(): number {
    return this.#fanOut.heldBytes + (this.#stage?.heldBytes ?? 0);
  }

  /** Counts since the stream was made. They only grow. */
  get totals(): StreamTotals {
    return this.#fanOut.totals;
  }

  /** Statistics of now. */
  get statistics(): StreamStatistics {
    const { bytesSent, messagesSent, dropped } = this.#fanOut.totals;
    const [shown, stage] = [this.#publication, this.#stage];
    return {
      name: this.name,
      publisher: this.#publisher?.statistics,
      isLive: this.isLive,
      ...(shown?.isFallback === true ? { fallback: shown.statistics } : {}),
      ...(stage?.isHolding === true
        ? { held: { bytes: stage.heldBytes, ms: Math.round(stage.heldMs) } }
        : {}),
      bytesSent,
      messagesSent,
      dropped,
      readers: this.#fanOut.statistics,
    };
  }

  /**
   * Makes `options.identity` the publisher.
   *
   * @throws {HubError} `name-taken` when the conflict policy keeps the one in place, `too-many-streams`, or
   * `closed`
   */
  publish(options: PublishOptions = {}): Publication<Stream> {
    this.checkFree(options);
    try {
      this.#owner.occupy(this);
    } catch (error) {
      this.#releaseIfIdle();
      throw error;
    }
    const publication: Publication<Stream> = new Publication<Stream>(this, {
      ...options,
      clock: this.#settings.clock,
      release: (isDropped) => this.#release(publication, isDropped),
    });
    publication.stage = this.#stage;
    if (publication.isFallback) {
      this.#putOnAir(publication);
      return publication;
    }
    const former = this.#publisher;
    this.#publisher = publication;
    former?.retire();
    if (this.#stage?.isOpenTo(publication, this.#publication) ?? true) {
      this.#putOnAir(publication, former);
    } else {
      const tracks = new TrackStarts(options.tracks);
      this.#stage?.wait(publication, { headers: HeaderSet.EMPTY, tracks });
      if (former !== undefined) this.#stage?.finish(former);
      this.#call(() => former?.ended("replaced", REPLACED));
    }
    return publication;
  }

  /**
   * Adds a reader.
   *
   * @throws {HubError} `too-many-readers`, or `closed` when the stream has ended
   */
  read(options: ReadOptions): StreamReader {
    if (this.#ended) throw new HubError("closed", `Cannot read ${this.name} as it has ended`);
    if (this.readerCount >= this.#settings.maxReaders) {
      throw new HubError(
        "too-many-readers",
        `Cannot read ${this.name} as it has its ${this.#settings.maxReaders} readers`,
      );
    }
    const reader = this.#fanOut.read({ ...options, create: () => options.create(this) });
    this.#owner.joined?.(this);
    return reader;
  }

  /**
   * Calls `onUnit` for the headers, for the units kept since the newest start, and for each unit from
   * now on; where none are kept, media comes from the next start on, or after 2 s without one audio alone
   * till then. `startPoint` says whether a reader can
   * start at the unit. `onEnd` is called once when the stream has ended. Returns what stops that.
   *
   * @throws {HubError} `closed` when the stream has ended: nothing would ever come
   */
  tap(
    onUnit: (unit: MediaUnit, startPoint: boolean) => void,
    onEnd?: (reason: StreamEndReason) => void,
  ): () => void {
    if (this.#ended) throw new HubError("closed", `Cannot read ${this.name} as it has ended`);
    const leave = this.#fanOut.tap(onUnit, onEnd);
    this.#owner.joined?.(this);
    return leave;
  }

  /**
   * Calls `onPublish` each time that a publisher starts; returns what stops that. Who watches a stream
   * keeps it from being forgotten.
   */
  watch(onPublish: () => void): () => void {
    this.#watchers.add(onPublish);
    if (!this.isLive) {
      this.#call(() => this.#owner.wanted(this));
      this.#askFallback();
    }
    return () => {
      if (this.#watchers.delete(onPublish)) this.#releaseIfIdle();
    };
  }

  /** Called by the publication: takes one unit in. */
  append(unit: MediaUnit): void {
    this.#owner.took(this.#fanOut.append(unit));
  }

  /** Called by the hub: lets go of what is kept for readers that join or are behind, and of half of what is held back. */
  shed(): void {
    this.#stage?.shorten(this.#stage.heldBytes / 2);
    this.#fanOut.shed();
  }

  /**
   * Drops what is held back of the publisher, which goes on: readers see nothing, or the fallback, until what it sends
   * from now on has been held for as long. Returns how many units that were.
   */
  dropHeld(): number {
    const publisher = this.#publisher;
    const isShown = publisher === this.#publication;
    const dropped = this.#stage?.cut(publisher, {
      headers: isShown ? this.#fanOut.headers : HeaderSet.EMPTY,
      tracks: isShown ? this.#fanOut.tracks : new TrackStarts(publisher?.tracks),
    }) ?? 0;
    if (dropped > 0 && isShown && publisher !== undefined) this.#takeOffAir();
    this.#settle();
    return dropped;
  }

  /**
   * Ends the publication for its publisher, who is told why in `words`, and drops what is held back of it; readers stay
   * as they do when a publisher goes. Where nobody publishes, the fallback is ended. False when there is neither.
   */
  unpublish(words: string): boolean {
    const publication = this.#publisher ?? this.#publication;
    if (publication === undefined || !publication.isActive) return false;
    publication.retire();
    this.#release(publication, true);
    this.#call(() => publication.ended("kicked", words));
    return true;
  }

  /** Called by the publication at the end of a batch: wakes readers as the policy says. */
  commit(): void {
    this.#fanOut.commit();
  }

  /**
   * Ends the stream for its publisher and all readers. Who watches goes on to wait for a publisher,
   * unless the hub is closed.
   */
  end(reason: StreamEndReason): void {
    if (this.#ended) return;
    this.#ended = reason === "closed" || this.#watchers.size === 0;
    if (reason === "closed") this.#watchers.clear();
    const publications = new Set([this.#publication, this.#publisher]);
    this.#stage?.close();
    this.#fanOut.flush();
    this.#publication = undefined;
    this.#publisher = undefined;
    const readerEnds = this.#fanOut.end(reason);
    this.#forget();
    this.#isToldStarted = false;
    this.#callAll([
      ...Array.from(publications, (one) => () => one?.ended("closed", "The stream was closed")),
      () => this.#owner.ended(this, reason),
      ...readerEnds,
    ]);
    if (this.#ended) this.#owner.release(this);
    else this.#releaseIfIdle();
  }

  /**
   * Looks whether a publisher may have the name, or a fallback be seen.
   *
   * @throws {HubError} `name-taken`, or `closed` when the stream has ended
   */
  checkFree(options: PublishOptions): void {
    if (this.#ended) throw new HubError("closed", `Cannot publish ${this.name} as it has ended`);
    if (this.#isFree(options)) return;
    throw new HubError(
      "name-taken",
      `Cannot publish ${this.name} as it has a publisher already`,
    );
  }

  #isFree(options: PublishOptions): boolean {
    if (options.isFallback === true) {
      return this.#publication?.isFallback === true || this.isFallbackDue;
    }
    return this.#publisher === undefined || this.#mayReplace(this.#publisher, options);
  }

  #mayReplace(current: Publication, options: PublishOptions): boolean {
    switch (options.conflict ?? this.#settings.conflict) {
      case "reject":
        return false;
      case "takeover":
        return true;
      case "same-identity":
        return (options.identity !== undefined && options.identity === current.identity) ||
          current.silentMs >= this.#settings.silentMs;
    }
  }

  /** Has readers be given the units of a publication from here on. */
  #putOnAir(publication: Publication, former = this.#publication): void {
    const { clock } = this.#settings;
    const shown = this.#publication;
    if (shown !== undefined && shown === this.#publisher && publication !== shown) {
      // It is silent, and goes on where it speaks again.
      this.#stage?.wait(shown, this.#fanOut);
    }
    this.#publication = publication;
    this.#shownAt = clock.now();
    this.#lingerTimer?.cancel();
    this.#lingerTimer = undefined;
    this.#fanOut.beginAnew(publication.tracks);
    publication.begin();
    this.#stage?.watchSilence();
    this.#isToldStarted = true;
    const isOver = former !== undefined && former !== this.#publisher;
    if (isOver) former.retire();
    this.#callAll([
      () => void (isOver && former.ended("replaced", REPLACED)),
      () => this.#owner.started(this),
      ...this.#watchers,
    ]);
    this.#stopUnseen();
  }

  /** A publication was given back, or taken from who had it. */
  #release(publication: Publication, isDropped: boolean): void {
    if (publication === this.#publisher) this.#publisher = undefined;
    if (isDropped) this.#stage?.drop(publication);
    this.#stage?.finish(publication);
    this.#settle();
  }

  /** Has readers be given nothing, where all that there was has gone out and nothing more comes. */
  #settle(): void {
    const shown = this.#publication;
    if (this.#ended || shown?.isActive === true || this.#stage?.isHolding === true) return;
    if (shown !== undefined) this.#takeOffAir();
    if (this.#publisher !== undefined || this.#lingerTimer !== undefined) return;
    if (this.readerCount === 0) {
      this.#forget();
      this.#tellEnded();
      this.#releaseIfIdle();
      return;
    }
    this.#lingerTimer = this.#settings.clock.setTimer(
      () => this.end("unpublished"),
      this.#settings.lingerMs,
    );
    this.#call(() => this.#owner.left(this));
    this.#askFallback();
  }

  #takeOffAir(): void {
    this.#publication = undefined;
    this.#fanOut.flush();
    this.#stage?.watchSilence();
    if (this.#publisher !== undefined) this.#askFallback();
  }

  #askFallback(): void {
    if (this.isFallbackDue) this.#call(() => this.#owner.fallbackDue(this));
  }

  #tellEnded(): void {
    if (!this.#isToldStarted) return;
    this.#isToldStarted = false;
    this.#call(() => this.#owner.ended(this, "unpublished"));
  }

  /** Ends a fallback in a while, unless somebody wants it again. */
  #stopUnseen(): void {
    if (this.#publication?.isFallback !== true || this.isWanted) return;
    this.#unseenTimer ??= this.#settings.clock.setTimer(() => {
      this.#unseenTimer = undefined;
      const publication = this.#publication;
      if (publication?.isFallback !== true || this.isWanted) return;
      publication.retire();
      this.#call(() => publication.ended("unwanted", "Nobody sees it"));
      this.#release(publication, true);
    }, UNSEEN_MS);
  }

  /** Makes what a rule asks for that stands between publishers and readers; it stays where the rule goes. */
  #setStage(): void {
    const { delayMs, fallback } = this.#settings;
    if (this.#stage !== undefined) return this.#stage.configure(this.#settings);
    if (delayMs === 0 && fallback === "") return;
    // deno-lint-ignore no-this-alias -- the stage asks for what is so then
    const stream = this;
    this.#stage = new StreamStage({
      get onAir() {
        return stream.#publication;
      },
      get shownAt() {
        return stream.#shownLastAt;
      },
      putOnAir: (publication) => this.#putOnAir(publication),
      commit: () => this.commit(),
      drained: () => this.#settle(),
      silent: () => this.#askFallback(),
      early: (heldMs) => this.#call(() => this.#owner.early(this, heldMs)),
      took: (bytes) => this.#owner.took(bytes),
    }, this.#settings);
    for (const publication of [this.#publication, this.#publisher]) {
      if (publication !== undefined) publication.stage = this.#stage;
    }
    this.#stage.watchSilence();
  }

  /** When readers were given media last, or another publication. */
  get #shownLastAt(): number {
    return Math.max(this.#shownAt, this.#fanOut.lastUnitAt);
  }

  #releaseIfIdle(): void {
    this.#stopUnseen();
    const isIdle = this.#publication === undefined && this.#publisher === undefined &&
      this.readerCount === 0 && this.#watchers.size === 0 && this.#stage?.isHolding !== true;
    if (!isIdle || this.#ended) return;
    this.#ended = true;
    this.#stage?.close();
    const wasLingering = this.#lingerTimer !== undefined;
    this.#forget();
    // Nobody is left for the publisher to return to.
    if (wasLingering) this.#tellEnded();
    this.#owner.release(this);
  }

  /** Resets everything that depends on a publisher, as if nothing had been published yet. */
  #forget(): void {
    this.#owner.vacate(this);
    this.#lingerTimer?.cancel();
    this.#lingerTimer = undefined;
    this.#unseenTimer?.cancel();
    this.#unseenTimer = undefined;
    this.#fanOut.forget();
  }

  /** Tells once a publisher and format that readers go on with audio alone. */
  #tellAudioAlone(format: string): void {
    const reason = this.#publication?.goOnWithoutPicture(format);
    if (reason !== undefined) this.#owner.audioAlone(this, { format, reason });
  }

  /** Calls each, whatever the others throw. */
  #callAll(callbacks: readonly (() => void)[]): void {
    for (const callback of callbacks) this.#call(callback);
  }

  /** What others throw is theirs: it must not reach the publisher, nor keep it from the rest. */
  #call(callback: () => void): void {
    try {
      callback();
    } catch (error) {
      this.#owner.failed(error);
    }
  }
}

const REPLACED = "The stream was taken over by another publisher";
