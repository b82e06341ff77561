import type { CodecName, MediaUnit, Track, TrackKind } from "../media/mod.ts";
import { BackChannel, type BackChannelSource, type BackChannelStatistics } from "./back_channel.ts";
import type { Clock } from "../time/mod.ts";
import type { ConflictPolicy } from "./options.ts";
import { unitBytes } from "./unit_bytes.ts";

/**
 * Why a publisher was ended by others.
 *
 * - `replaced`: another publisher has the stream now.
 * - `kicked`: the server did not want it any longer.
 * - `closed`: the hub was closed.
 * - `unwanted`: a fallback is not needed any longer.
 */
export type PublicationEndReason = "replaced" | "kicked" | "closed" | "unwanted";

/** Where a fallback is said to come from. */
export const FALLBACK_VIA = "fallback";

/** Facts that a publisher gives about itself. */
export interface PublishOptions {
  /** Identifies the publisher (by its credentials, else by its address), so that it may come back and replace itself. */
  readonly identity?: string;
  /** Overrides the hub's conflict policy for this publisher. */
  readonly conflict?: ConflictPolicy;
  /** The tracks, where they are known before the first unit. */
  readonly tracks?: readonly Track[];
  /** The longest time between two key frames lately, microseconds, where it is known before there are two here. */
  readonly longestKeyIntervalUs?: number | undefined;
  /**
   * Where the stream is fetched from, when its publisher is not here but at another part of the same server: the name
   * of a worker or a machine. What is done once a stream, such as to record or to forward it, is done there.
   */
  readonly via?: string;
  /**
   * Whether readers are to see it only while they would see nothing else. It is no publisher for the conflict policy,
   * and whoever publishes the stream puts it out at its first key frame. Its `via` is `fallback`.
   */
  readonly isFallback?: boolean;
  /**
   * Tells the wall-clock time of time 0 of its units by its own clock, microseconds since 1970, where that is known by
   * then: of RTP, by sender reports.
   */
  readonly epochUnixUs?: () => number | undefined;
  /** How it can be talked to, where it can. */
  readonly backChannel?: BackChannelSource;
  /**
   * Called once when others have ended the publication, and the stream is no longer held; `words` say why, for
   * people.
   */
  readonly onEnded?: (reason: PublicationEndReason, words: string) => void;
}

/** A track that players of a format do not get. */
export interface LeftOutTrack {
  /** What the players speak: `rtmp`, `rtsp`. */
  readonly format: string;
  /** What kind of track it is. */
  readonly kind: TrackKind;
  /** Id of the track, unique within `kind`. */
  readonly track: number;
  /** Its codec; `undefined` where this library does not know it. */
  readonly codec: CodecName | undefined;
  /** Why it is left out. */
  readonly reason: string;
}

/** Tracks left out that are remembered of one publisher: enough for any real one. */
const MAX_LEFT_OUT = 64;

/** Intervals between key frames that are remembered: encoders put some where a scene begins too. */
const MAX_KEY_INTERVALS = 8;

/** Statistics of one publisher. */
export interface PublicationStatistics {
  /** Bytes of payload received. */
  readonly bytes: number;
  /** Units received. */
  readonly units: number;
  /** Video units dropped because no key frame had come yet. */
  readonly unitsBeforeKeyFrame: number;
  /** Time between the two newest key frames, milliseconds; `undefined` before there are two. */
  readonly keyIntervalMs: number | undefined;
  /** Time since the newest unit, milliseconds. */
  readonly silentMs: number;
  /** Tracks that players of some format do not get; known once there was such a player. */
  readonly leftOut: readonly LeftOutTrack[];
  /** Where it can be talked to: in which codecs, and whether somebody does. */
  readonly backChannel?: BackChannelStatistics;
  /** Where it is fetched from, when its publisher is at another worker or machine; else left out. */
  readonly via?: string;
}

interface PublicationWiring extends PublishOptions {
  readonly clock: Clock;
  readonly release: (isDropped: boolean) => void;
}

/** A stage takes the units of a publisher before readers get them, and may hold them back. */
export interface PublicationStage {
  /** Takes one unit, and shows it when it is time. */
  push(publication: Publication, unit: MediaUnit): void;
}

/** Least step between the last unit of one publisher and the first of the next, microseconds. */
const LEAST_GAP_US = 1000;

/**
 * A track whose time goes back by more than this, microseconds, has started anew: encoders that lose their
 * clock, and files that are played in a loop, begin at 0 again. No encoder corrects a track by so much.
 */
const LEAST_RESTART_US = 2_000_000;

const KINDS = ["video", "audio", "data"] as const;

/** What a publication needs of its stream, and what its publisher may want to know. */
export interface PublishedStream {
  /** `app/name`, in one or more segments. */
  readonly name: string;
  /** Whether someone reads the stream, or waits for it. */
  readonly isWanted: boolean;
  /** Latest decoding time of its media, microseconds; `undefined` before the first. */
  readonly lastDtsUs: number | undefined;
  /** Latest presentation time of its media, microseconds; `undefined` before the first. */
  readonly lastPtsUs: number | undefined;
  /** When the newest media came, on the hub's clock in milliseconds. */
  readonly lastUnitAt: number;
  /** Takes one unit in. */
  append(unit: MediaUnit): void;
  /** Ends a batch of units: readers are woken as the flush policy says. */
  commit(): void;
}

/** A publisher's hold on a stream. */
export class Publication<S extends PublishedStream = PublishedStream> {
  /** The publisher's identity, where it has one. */
  readonly identity: string | undefined;
  /** The stream that it publishes to. */
  readonly stream: S;
  /** The tracks, for publishers that told them: those of RTMP show in their units alone. */
  readonly tracks: readonly Track[] | undefined;
  /** Where it is fetched from: a worker or a machine; `undefined` where the publisher itself is here. */
  readonly via: string | undefined;
  /** Whether it is what readers see while they would see nothing else. */
  readonly isFallback: boolean;
  /** Set by the stream: what its units pass first. */
  stage: PublicationStage | undefined;
  /** How it can be talked to; `undefined` where it cannot. */
  readonly backChannel: BackChannel | undefined;
  readonly #wiring: PublicationWiring;
  #active = true;
  /** Set once the publisher has been told that its publication has ended. */
  #isTold = false;
  /** Added to each time, so that time goes on where a publisher before, or this one, has left it. */
  #offsetUs: number | undefined;
  /** The newest time of audio and of video, as the publisher has it, and what was added to it. */
  readonly #newest = new Map<TrackKind, { readonly dtsUs: number; readonly offsetUs: number }>();
  /** For kinds that are still behind where the stream was when the offset changed: their least next time. */
  readonly #leastUs = new Map<TrackKind, number>();
  /** Decoding time of the newest unit, on the stream's clock. */
  #newestUs: number | undefined;
  #bytes = 0;
  #units = 0;
  #unitsBeforeKeyFrame = 0;
  /** Video track of the first key frame: the interval is that of its key frames. */
  #keyTrack: number | undefined;
  #lastKeyUs: number | undefined;
  #keyIntervalUs: number | undefined;
  /** The newest intervals between key frames: one long ago says nothing of those to come. */
  readonly #keyIntervalsUs: number[];
  readonly #leftOut: LeftOutTrack[] = [];
  /** Formats whose readers went on with audio alone. */
  readonly #withoutPicture = new Set<string>();
  #lastUnitAt: number;

  /** Made by {@linkcode Stream.publish}. */
  constructor(stream: S, wiring: PublicationWiring) {
    this.stream = stream;
    this.identity = wiring.identity;
    this.tracks = wiring.tracks;
    this.isFallback = wiring.isFallback ?? false;
    this.via = this.isFallback ? FALLBACK_VIA : wiring.via;
    const { backChannel } = wiring;
    this.backChannel = backChannel && new BackChannel(backChannel, stream.name);
    this.#wiring = wiring;
    const { longestKeyIntervalUs } = wiring;
    this.#keyIntervalsUs = longestKeyIntervalUs === undefined ? [] : [longestKeyIntervalUs];
    this.#lastUnitAt = wiring.clock.now();
  }

  /**
   * The wall-clock time of the stream's time 0 by the publisher's clock, microseconds since 1970; `undefined` where it
   * has not told it.
   */
  get epochUnixUs(): number | undefined {
    const epochUnixUs = this.#wiring.epochUnixUs?.();
    return epochUnixUs === undefined ? undefined : epochUnixUs - (this.#offsetUs ?? 0);
  }

  /** The longest time between two key frames lately, microseconds; `undefined` where it is not known yet. */
  get longestKeyIntervalUs(): number | undefined {
    return this.#keyIntervalsUs.length === 0 ? undefined : Math.max(...this.#keyIntervalsUs);
  }

  /** Whether this publisher still has the stream. */
  get isActive(): boolean {
    return this.#active;
  }

  /** Time since the newest unit, or since the start, milliseconds. */
  get silentMs(): number {
    return this.#wiring.clock.now() - this.#lastUnitAt;
  }

  /** Statistics of now. */
  get statistics(): PublicationStatistics {
    return {
      bytes: this.#bytes,
      units: this.#units,
      unitsBeforeKeyFrame: this.#unitsBeforeKeyFrame,
      keyIntervalMs: this.#keyIntervalUs === undefined
        ? undefined
        : Math.round(this.#keyIntervalUs / 1000),
      silentMs: Math.round(this.silentMs),
      leftOut: [...this.#leftOut],
      ...(this.backChannel === undefined ? {} : { backChannel: this.backChannel.statistics }),
      ...(this.via === undefined ? {} : { via: this.via }),
    };
  }

  /** Adds `unit` to the stream; false, and nothing is added, when the stream is no longer held. */
  write(unit: MediaUnit): boolean {
    if (!this.#active) return false;
    this.#bytes += unitBytes(unit);
    this.#units++;
    this.#lastUnitAt = this.#wiring.clock.now();
    if (unit.kind === "video" && unit.role === "media" && !this.#seeVideo(unit)) return true;
    if (this.stage === undefined) this.show(unit);
    else this.stage.push(this, unit);
    return true;
  }

  /** Called by the stage: readers get a unit. */
  show(unit: MediaUnit): void {
    this.stream.append(this.#onStreamClock(unit));
  }

  /** Called by the stream: what readers get of it from here on follows on something else. */
  begin(): void {
    this.#offsetUs = undefined;
    this.#newestUs = undefined;
    this.#newest.clear();
    this.#leastUs.clear();
  }

  /** Notes a track that players of a format do not get; false when it was noted before. */
  leaveOut(leftOut: LeftOutTrack): boolean {
    const { format, kind, track } = leftOut;
    const isKnown = this.#leftOut.some((other) =>
      other.format === format && other.kind === kind && other.track === track
    );
    if (isKnown || this.#leftOut.length === MAX_LEFT_OUT) return false;
    this.#leftOut.push(leftOut);
    return true;
  }

  /**
   * Called by the stream: readers of a format have waited for a picture. Returns why there is none for them,
   * in words, and `undefined` where it was told before.
   */
  goOnWithoutPicture(format: string): string | undefined {
    if (this.#withoutPicture.has(format)) return undefined;
    this.#withoutPicture.add(format);
    if (this.#keyTrack !== undefined) return "no key frame that can be sent has come in 2 s";
    const before = this.#unitsBeforeKeyFrame;
    return before === 0 ? "no picture has come" : `none of its ${before} pictures is a key frame`;
  }

  /** Ends a batch of units: readers are woken as the flush policy says. */
  commit(): void {
    if (this.#active) this.stream.commit();
  }

  /** Gives the stream back; harmless when repeated or when another publisher has it. */
  release(): void {
    this.#release(false);
  }

  /** The same, and what is held back of it is never shown. */
  drop(): void {
    this.#release(true);
  }

  #release(isDropped: boolean): void {
    if (!this.#active) return;
    this.#active = false;
    this.backChannel?.end("The publisher has gone");
    this.#isTold = true;
    this.#wiring.release(isDropped);
  }

  /** Called by the stream: it is no longer held, and whoever publishes is about to be told. */
  retire(): void {
    this.#active = false;
  }

  /** Called by the stream when others have ended the publication. */
  ended(reason: PublicationEndReason, words: string): void {
    this.#active = false;
    this.backChannel?.end(words);
    if (this.#isTold) return;
    this.#isTold = true;
    this.#wiring.onEnded?.(reason, words);
  }

  /** False for pictures that cannot be decoded, since no key frame has come before them. */
  #seeVideo(unit: MediaUnit): boolean {
    const { track, keyFrame, dtsUs } = unit;
    if (!keyFrame) {
      if (this.#keyTrack !== undefined) return true;
      this.#unitsBeforeKeyFrame++;
      return false;
    }
    this.#keyTrack ??= track;
    if (track !== this.#keyTrack) return true;
    if (dtsUs > (this.#lastKeyUs ?? Infinity)) {
      this.#keyIntervalUs = dtsUs - this.#lastKeyUs!;
      this.#keyIntervalsUs.push(this.#keyIntervalUs);
      if (this.#keyIntervalsUs.length > MAX_KEY_INTERVALS) this.#keyIntervalsUs.shift();
    }
    this.#lastKeyUs = dtsUs;
    return true;
  }

  #onStreamClock(unit: MediaUnit): MediaUnit {
    if (unit.role !== "media") {
      // Many encoders send headers at time 0, whatever the time is: they belong to what comes next.
      const newestUs = this.#newestUs ?? this.stream.lastDtsUs;
      return newestUs === undefined ? unit : shifted(unit, newestUs - unit.dtsUs);
    }
    const dtsUs = this.#notBefore(unit.kind, unit.dtsUs + this.#offsetOf(unit));
    this.#newestUs = dtsUs;
    return shifted(unit, dtsUs - unit.dtsUs);
  }

  /**
   * What is added to the time of a unit. Where a publisher's time goes back, the first track that does
   * gets a new offset; the others follow when they go back too, and till then belong to the time before.
   */
  #offsetOf(unit: MediaUnit): number {
    const { kind, dtsUs } = unit;
    this.#offsetUs ??= this.#nextOffset(unit);
    if (kind === "data") return this.#offsetUs;
    const before = this.#newest.get(kind);
    let offsetUs = before?.offsetUs ?? this.#offsetUs;
    if (before !== undefined && Math.abs(dtsUs - before.dtsUs) > LEAST_RESTART_US) {
      if (offsetUs !== this.#offsetUs) {
        this.#leastUs.set(kind, before.dtsUs + offsetUs + LEAST_GAP_US);
      } else if (dtsUs < before.dtsUs) {
        this.#offsetUs = this.#nextOffset(unit);
      }
      offsetUs = this.#offsetUs;
    }
    this.#newest.set(kind, { dtsUs, offsetUs });
    return offsetUs;
  }

  /** A track may begin earlier than the one that came first: it waits until it has caught up. */
  #notBefore(kind: TrackKind, dtsUs: number): number {
    const leastUs = this.#leastUs.get(kind);
    if (leastUs === undefined || dtsUs >= leastUs) {
      this.#leastUs.delete(kind);
      return dtsUs;
    }
    this.#leastUs.set(kind, leastUs + LEAST_GAP_US);
    return leastUs;
  }

  /** The offset by which time goes on at `unit` where the stream is. */
  #nextOffset(unit: MediaUnit): number {
    const { lastDtsUs, lastPtsUs, lastUnitAt } = this.stream;
    if (lastDtsUs === undefined || lastPtsUs === undefined) return 0;
    for (const kind of KINDS) this.#leastUs.set(kind, lastDtsUs + LEAST_GAP_US);
    const gapUs = Math.round((this.#wiring.clock.now() - lastUnitAt) * 1000);
    // Pictures from before may be shown after the last one was decoded (B-frames).
    return Math.max(lastDtsUs + gapUs, lastPtsUs + LEAST_GAP_US) - unit.dtsUs;
  }
}

function shifted(unit: MediaUnit, byUs: number): MediaUnit {
  return byUs === 0 ? unit : { ...unit, dtsUs: unit.dtsUs + byUs, ptsUs: unit.ptsUs + byUs };
}
