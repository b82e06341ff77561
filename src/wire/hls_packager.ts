import { type HlsDirectives, writeMultivariantPlaylist } from "../hls/mod.ts";
import type { Clock, Stream, Timer } from "../hub/mod.ts";
import { type ServerLog, silentLog } from "../log/mod.ts";
import type { Track } from "../media/mod.ts";
import { type CodedFrame, type FeedEvent, FragmentWriter, isPackedInHls } from "../transmux/mod.ts";
import { AwaitedFiles } from "./awaited_files.ts";
import { type HlsFile, type HlsPlaylistTerms, HlsRendition } from "./hls_rendition.ts";
import { describePlaylists, type HlsLine, playlistTracks } from "./hls_variants.ts";
import { tellLeftOut } from "./left_out.ts";
import { PackedAudioWriter } from "./packed_audio.ts";
import { type FramesTap, tapFrames } from "./stream_frames.ts";
import { usualRate } from "./usual_rate.ts";

/** How streams are packaged. */
export interface HlsPackagingOptions {
  /** The shortest segment, milliseconds: it ends at the first key frame after that. Default 1000. */
  readonly segmentMs?: number;
  /** The longest part, milliseconds. Default 200. */
  readonly partMs?: number;
  /** Segments in a playlist. Default 10. */
  readonly segments?: number;
  /** Bytes of a stream's segments that are held at most, those that have left the playlist too. Default 64 MiB. */
  readonly maxBytes?: number;
}

/** What a packager needs beside the stream. */
export interface HlsPackagerOptions extends HlsPackagingOptions {
  readonly clock: Clock;
  /** Microseconds since 1970. */
  readonly nowUnixUs: () => number;
  /** A word that no other packaging of the stream has had. */
  readonly id: string;
  /** The number of the first segment. Default 0. */
  readonly first?: number;
  /** Is told of the tracks that HLS cannot carry. */
  readonly log?: ServerLog;
  /** Is called once when the stream has ended. */
  readonly onEnd?: () => void;
}

/** What is served, or why nothing is. */
export type HlsAnswer<T> =
  | { readonly is: "there"; readonly value: T }
  /** There is no such file, or it has gone. */
  | { readonly is: "absent" }
  /** It is too far in the future. */
  | { readonly is: "too-far"; readonly reason: string }
  /** It was waited for, and has not come; or too many wait. */
  | { readonly is: "late"; readonly reason: string }
  /** Nothing of the stream can be carried. */
  | { readonly is: "nothing"; readonly reason: string };

/** A playlist as it is sent. */
export interface HlsPlaylistBytes {
  readonly bytes: Uint8Array;
  /** Changes with the bytes. */
  readonly tag: string;
  readonly targetDurationS: number;
}

/** A segment that has no key frame for so long ends without. */
const LONGEST_SEGMENT_US = 10_000_000;
const LARGEST_SEGMENT_BYTES = 32 * 1024 * 1024;
/** Publishers that count milliseconds are off by one each way. */
const ROUNDING_US = 2000;
/** How much longer than the longest of the first parts later ones may be: times of frames are rounded. */
const PART_MARGIN_US = 5000;
/** What a publisher's clock and frame rate may add to whole seconds. */
const ROUNDED_AWAY_US = 100_000;
/** A segment may be rounded down to the target duration. */
const TARGET_MARGIN_US = 450_000;
/** What is awaited at the start: the first segment. */
const START_WAIT_MS = 15_000;
/** What was kept comes at once, from another machine in some batches: so long after its first part it is there. */
const CATCH_UP_MS = 50;
/** How far ahead a part may be asked for: that many seconds, in parts (6.2.5.2). */
const ADVANCE_S = 3;

/** One rendition with what makes its parts. */
interface Line extends HlsLine {
  readonly writer: FragmentWriter | PackedAudioWriter;
  /** The same of packed audio beside others, each part a segment, for those that play such. */
  readonly pieces: HlsRendition | undefined;
  /** Where in these each segment of the main playlist begins that is listed. */
  starts: readonly number[];
  /** The longest part, microseconds. */
  partUs: number;
  /** When its part has begun, by the track whose frames tell when parts end: its first. */
  partStartUs: number | undefined;
  /** The newest frame of that track, and how long after the one before it came. */
  lastUs: number;
  stepUs: number;
}

/** The name of the picture's playlist for who has the sound in pieces. */
const NEAR = "near";

/** What a playlist lists. */
interface ListedLine {
  readonly line: Line;
  readonly rendition: HlsRendition;
  /** Whether it is for who has the sound in pieces. */
  readonly isNear: boolean;
}

/**
 * Packages a stream as HLS, of low latency too, once for all its viewers: the first video track with the first audio
 * track in one playlist, and each further audio track in one of its own, and so those that not all browsers know.
 *
 * Video and audio share segments, since all players of HLS take that, and it halves the requests of each: with parts of
 * 200 ms these are what serving costs. The segments of all playlists begin at the same times.
 */
export class HlsPackager {
  readonly #stream: Stream;
  readonly #options: Required<HlsPackagingOptions> & HlsPackagerOptions;
  readonly #tap: FramesTap;
  #lines: Line[] = [];
  #reason: string | undefined;
  #isEnded = false;
  /** Counted up with each part: tags of playlists change with it. */
  #version = 0;
  #targetDurationS: number | undefined;
  #frameRate: number | undefined;
  #segmentStart: { readonly dtsUs: number; readonly programDateTimeMs: number } | undefined;
  #frames = 0;
  #isDiscontinuous = false;
  /** Whether the segment that is being made begins with a key frame of the main track. */
  #beganAtKey = true;
  /** Runs from the first part on; when it has fired, what was kept is there, and the first segment may end. */
  #catchingUp: Timer | undefined;
  #hasCaughtUp = false;
  #epochUnixUs: number | undefined;
  readonly #awaited: AwaitedFiles;

  /** Begins to package `stream` at its newest key frame. */
  constructor(stream: Stream, options: HlsPackagerOptions) {
    this.#stream = stream;
    const { segmentMs = 1000, partMs = 200, segments = 10, maxBytes = 64 * 1024 * 1024 } = options;
    this.#options = { ...options, segmentMs, partMs, segments, maxBytes };
    this.#awaited = new AwaitedFiles(options.clock);
    this.#tap = tapFrames(stream, {
      onEvent: (event) => this.#take(event),
      onEnd: () => this.#end(),
    });
  }

  /** Whether the stream has ended: its playlists say so. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** The word that names its files, and nobody can guess. */
  get id(): string {
    return this.#options.id;
  }

  /** Bytes that it holds. */
  get heldBytes(): number {
    return this.#renditions.reduce((sum, { heldBytes }) => sum + heldBytes, 0);
  }

  /** Lets go of all but the segments that its playlists have at least. */
  shed(): void {
    for (const rendition of this.#renditions) rendition.shed();
  }

  get #renditions(): HlsRendition[] {
    return this.#lines.flatMap(({ rendition, pieces = [] }) => [rendition].concat(pieces));
  }

  /** Frames that could not be packaged. */
  get dropped(): number {
    return this.#tap.dropped;
  }

  /** Stops; who waits is told that it is late. */
  close(): void {
    this.#tap.close();
    this.#catchingUp?.cancel();
    this.#isEnded = true;
    this.#awaited.settleAll();
  }

  /**
   * The multivariant playlist, once the first segment is whole; `folder` is where the others are: `hls/token/`. Who takes
   * packed audio in pieces, each a segment, is as near to what is live as parts let it be; programs that begin so many
   * segments behind the end, as FFmpeg does, would begin with pictures alone.
   */
  async multivariant(
    folder = "",
    { takesPieces = false }: { readonly takesPieces?: boolean } = {},
  ): Promise<HlsAnswer<string>> {
    const start = await this.#started();
    if (start !== undefined) return start;
    const isNear = takesPieces && this.#hasPieces;
    const lines = this.#lines.map(({ rendition, pieces, tracks }) => ({
      tracks,
      rendition: isNear ? pieces ?? rendition : rendition,
    }));
    const playlists = describePlaylists(lines, {
      folder,
      frameRate: this.#frameRate,
      mainName: isNear ? NEAR : undefined,
    });
    return { is: "there", value: writeMultivariantPlaylist(playlists) };
  }

  /** A media playlist, when it holds what is asked for. */
  async playlist(name: string, ask: HlsDirectives): Promise<HlsAnswer<HlsPlaylistBytes>> {
    const start = await this.#started();
    if (start !== undefined) return start;
    const listed = this.#named(name);
    if (listed === undefined) return { is: "absent" };
    const { line, rendition, isNear } = listed;
    const { msn, part, skip } = ask;
    if (msn !== undefined && !this.#isEnded) {
      const tooFar = this.#tooFar(listed, { msn, part });
      if (tooFar !== undefined) return { is: "too-far", reason: tooFar };
      const isThere = await this.#wait(
        `${name} ${msn} ${part ?? ""}`,
        () => rendition.has({ msn, part }),
      );
      if (!isThere && !this.#isEnded) return LATE;
    }
    const terms = this.#terms(line, isNear);
    const skips = skip !== undefined;
    return {
      is: "there",
      value: {
        bytes: rendition.playlist(terms, { skips }),
        tag: `${this.#options.id}-${this.#version}${skips ? "-skip" : ""}`,
        targetDurationS: terms.targetDurationS,
      },
    };
  }

  /** A segment, a part or an initialization segment; the part that is hinted at is waited for. */
  async file(name: string): Promise<HlsAnswer<HlsFile>> {
    for (const rendition of this.#renditions) {
      const asked = rendition.nameOf(name);
      if (asked === undefined) continue;
      const { openMsn, openParts } = rendition;
      const isHinted = asked.is === "part" && asked.msn === openMsn && asked.part === openParts;
      if (isHinted && !this.#isEnded) {
        const isThere = await this.#wait(name, () => rendition.file(asked) !== undefined);
        if (!isThere && !this.#isEnded) return LATE;
      }
      const file = rendition.file(asked);
      return file === undefined ? { is: "absent" } : { is: "there", value: file };
    }
    return { is: "absent" };
  }

  /** Waits for the first segment; tells why there is none. */
  async #started(): Promise<Exclude<HlsAnswer<never>, { readonly is: "there" }> | undefined> {
    const isStarted = (): boolean =>
      this.#isEnded || this.#reason !== undefined || this.#targetDurationS !== undefined;
    if (!await this.#wait("start", isStarted, START_WAIT_MS)) return LATE;
    if (this.#reason !== undefined) return { is: "nothing", reason: this.#reason };
    return this.#targetDurationS === undefined ? { is: "absent" } : undefined;
  }

  get #hasPieces(): boolean {
    return this.#lines.some(({ pieces }) => pieces !== undefined);
  }

  /** What a playlist lists. That of the picture has two names: for who has the sound in pieces, and for all others. */
  #named(name: string): ListedLine | undefined {
    const [main] = this.#lines;
    if (name === NEAR && this.#hasPieces) {
      return { line: main!, rendition: main!.rendition, isNear: true };
    }
    for (const line of this.#lines) {
      for (const rendition of [line.rendition, line.pieces]) {
        if (rendition?.name === name) return { line, rendition, isNear: false };
      }
    }
    return undefined;
  }

  #tooFar(
    { rendition, line: { partUs } }: ListedLine,
    { msn, part }: { readonly msn: number; readonly part: number | undefined },
  ): string | undefined {
    const { openMsn, openParts } = rendition;
    if (msn > openMsn + 1) return `Segment ${msn} is far from ${openMsn}, which is being made`;
    const limit = Math.ceil((ADVANCE_S * 1_000_000) / partUs);
    const ahead = (part ?? 0) - (msn === openMsn ? openParts : 0);
    if (msn < openMsn || ahead <= limit) return undefined;
    return `Part ${part} of segment ${msn} is more than ${limit} parts ahead`;
  }

  /** Waits for a file as long as a playlist may be waited for: three target durations (6.2.5.2). */
  async #wait(
    key: string,
    isThere: () => boolean,
    waitMs = 3000 * (this.#targetDurationS ?? 5),
  ): Promise<boolean> {
    if (this.#isEnded) return isThere();
    return await this.#awaited.wait(key, { isThere, waitMs });
  }

  #take(event: FeedEvent): void {
    if (event.type === "tracks") this.#begin(event.tracks);
    else this.#add(event.frame);
  }

  /** Begins to package other tracks, or those of another publisher. */
  #begin(tracks: readonly Track[]): void {
    this.#endSegment();
    const { groups, leftOut } = playlistTracks(tracks);
    const log = this.#options.log ?? silentLog;
    tellLeftOut(this.#tap?.publication ?? this.#stream.publication, {
      format: "hls",
      tracks: leftOut,
      log,
    });
    this.#reason = groups.length > 0
      ? undefined
      : `The stream ${this.#stream.name} has nothing that HLS players can be sent (${
        leftOut.map(({ reason }) => reason).join("; ") || "it has no tracks"
      })`;
    this.#isDiscontinuous = this.#lines.some(({ rendition }) => rendition.hasBegun);
    this.#lines = groups.map((tracks, index) => this.#lineOf(tracks, index));
    this.#segmentStart = undefined;
    this.#epochUnixUs = undefined;
    this.#awaited.settleReady();
  }

  #lineOf(tracks: readonly Track[], index: number): Line {
    const { id, partMs, segments: listedSegments, maxBytes, first = 0 } = this.#options;
    const name = index === 0 ? "main" : `audio${index}`;
    const isVideo = tracks.some(({ kind }) => kind === "video");
    const before = this.#lines.find((line) => line.rendition.name === name);
    const rendition = before?.rendition ??
      new HlsRendition({
        ...{ name, id, listedSegments, maxBytes, first },
        contentType: isVideo ? "video/mp4" : "audio/mp4",
      });
    const [track] = tracks;
    const writer = isPackedInHls(track!)
      ? new PackedAudioWriter(track!)
      : new FragmentWriter(tracks);
    const isBeside = index > 0 && writer instanceof PackedAudioWriter;
    const pieces = !isBeside ? undefined : before?.pieces ?? new HlsRendition({
      ...{ name: `pieces${index}`, id, listedSegments, maxBytes, first },
      contentType: "audio/mp4",
      isInPieces: true,
    });
    rendition.begin(writer.init);
    pieces?.begin(writer.init);
    return {
      ...{ rendition, writer, tracks, pieces },
      starts: pieces === undefined ? [] : before?.starts ?? [],
      partUs: before?.partUs ?? partMs * 1000 + ROUNDING_US,
      partStartUs: undefined,
      lastUs: 0,
      stepUs: 0,
    };
  }

  #add(frame: CodedFrame): void {
    const line = this.#lines.find(({ writer }) => writer.carries(frame));
    if (line === undefined) return;
    const [pace] = line.tracks;
    if (frame.kind === pace!.kind && frame.track === pace!.id) this.#keepPace(line, frame);
    // Sound that precedes the first picture has no segment.
    if (this.#segmentStart !== undefined) line.writer.add(frame);
  }

  /** Ends what is to end before this frame. */
  #keepPace(line: Line, frame: CodedFrame): void {
    const { dtsUs } = frame;
    const stepUs = dtsUs - line.lastUs;
    line.lastUs = dtsUs;
    line.stepUs = stepUs;
    const isSegmentEnd = line === this.#lines[0] && this.#endsSegment(frame, stepUs);
    if (isSegmentEnd) {
      this.#endSegment(frame);
      this.#startSegment(frame);
    } else if (line.partStartUs !== undefined) {
      if (dtsUs - line.partStartUs + stepUs > line.partUs) this.#endPart(line, frame);
    }
    if (this.#segmentStart !== undefined) line.partStartUs ??= dtsUs;
  }

  /** Whether a segment begins with this frame of the main track. */
  #endsSegment({ dtsUs, keyFrame }: CodedFrame, stepUs: number): boolean {
    const start = this.#segmentStart;
    if (start === undefined) return keyFrame;
    this.#frames++;
    const segmentUs = dtsUs - start.dtsUs;
    const isDue = !this.#beganAtKey || segmentUs >= this.#options.segmentMs * 1000 - stepUs / 2;
    return (keyFrame && isDue) || this.#mayBegin ||
      segmentUs + stepUs > this.#longestSegmentUs ||
      this.#lines[0]!.rendition.openBytes > LARGEST_SEGMENT_BYTES;
  }

  /**
   * Whether the first segment ends here, without a key frame behind it, so that its viewers begin with what was kept and
   * do not wait for the rest of a group of pictures. That needs to be known how long groups are, since segments to come
   * must not be longer than the playlist says from its beginning.
   */
  get #mayBegin(): boolean {
    return this.#targetDurationS === undefined && this.#hasCaughtUp &&
      this.#usualSegmentUs !== undefined;
  }

  /** How long segments are that end with groups of pictures; `undefined` where it is not known how long those are. */
  get #usualSegmentUs(): number | undefined {
    const leastUs = this.#options.segmentMs * 1000;
    if (this.#lines[0]?.tracks[0]?.kind !== "video") return leastUs;
    const groupUs = this.#stream.publication?.longestKeyIntervalUs;
    if (groupUs === undefined) return undefined;
    return Math.ceil((leastUs - ROUNDING_US) / groupUs) * groupUs;
  }

  get #longestSegmentUs(): number {
    return this.#targetDurationS === undefined
      ? LONGEST_SEGMENT_US
      : this.#targetDurationS * 1_000_000 + TARGET_MARGIN_US;
  }

  #startSegment({ dtsUs, ptsUs, keyFrame }: CodedFrame): void {
    this.#beganAtKey = keyFrame;
    const told = this.#stream.publication?.epochUnixUs;
    // What was kept came before now, and the newest of it came now.
    this.#epochUnixUs = told ?? this.#epochUnixUs ??
      this.#options.nowUnixUs() - (this.#stream.lastDtsUs ?? dtsUs);
    const programDateTimeMs = Math.round((this.#epochUnixUs + ptsUs) / 1000);
    this.#segmentStart = { dtsUs, programDateTimeMs };
    for (const line of this.#lines) {
      if (line.pieces !== undefined) line.starts = [...line.starts, line.pieces.openMsn];
    }
  }

  /** Ends a part of one playlist, before `next`, where that is known. */
  #endPart(line: Line, next?: CodedFrame): void {
    const { rendition, writer, pieces } = line;
    const cut = writer.cut(next);
    if (cut === undefined || this.#segmentStart === undefined) return;
    pieces?.addPart(cut, {
      programDateTimeMs: Math.round((this.#epochUnixUs! + cut.startUs) / 1000),
      discontinuity: this.#isDiscontinuous && rendition.openParts === 0,
    });
    rendition.addPart(cut, {
      programDateTimeMs: this.#segmentStart.programDateTimeMs,
      discontinuity: this.#isDiscontinuous,
    });
    line.partStartUs = next?.dtsUs;
    if (rendition === this.#lines[0]!.rendition) {
      this.#catchingUp ??= this.#options.clock.setTimer(
        () => this.#hasCaughtUp = true,
        CATCH_UP_MS,
      );
    }
    this.#version++;
    this.#awaited.settleReady();
  }

  #endSegment(next?: CodedFrame): void {
    if (this.#segmentStart === undefined) return;
    const { dtsUs } = this.#segmentStart;
    for (const line of this.#lines) {
      this.#endPart(line, line === this.#lines[0] ? next : undefined);
      line.rendition.endSegment();
      line.partStartUs = undefined;
    }
    const listed = this.#lines[0]?.rendition.segments.length ?? 0;
    for (const line of this.#lines) {
      if (line.pieces === undefined) continue;
      line.starts = line.starts.slice(-listed);
      line.pieces.retireBelow(line.starts[0] ?? 0);
    }
    this.#isDiscontinuous = false;
    this.#segmentStart = undefined;
    if (this.#targetDurationS === undefined) {
      this.#learn((next?.dtsUs ?? this.#lines[0]!.lastUs) - dtsUs);
    }
    this.#version++;
    this.#awaited.settleReady();
  }

  /** The first segment tells how long segments and parts are: what was said of it once must hold. */
  #learn(segmentUs: number): void {
    const rendition = this.#lines[0]?.rendition;
    if (rendition === undefined || !rendition.hasSegment) return;
    for (const line of this.#lines) {
      const parts = line.rendition.segments[0]?.parts ?? [];
      const longestS = Math.max(0, ...parts.map(({ durationS }) => durationS));
      if (longestS > 0) line.partUs = longestS * 1_000_000 + PART_MARGIN_US;
    }
    const usualUs = Math.min(this.#usualSegmentUs ?? 0, LONGEST_SEGMENT_US);
    const longestUs = Math.max(segmentUs, usualUs);
    // Rounded would do, but some players compare without: all but what is rounded away is counted.
    this.#targetDurationS = Math.max(1, Math.ceil((longestUs - ROUNDED_AWAY_US) / 1_000_000));
    if (this.#lines[0]!.tracks[0]!.kind === "video" && segmentUs > 0) {
      this.#frameRate = usualRate((this.#frames * 1_000_000) / segmentUs, {
        countedUs: segmentUs,
        roundingUs: ROUNDING_US,
      });
    }
  }

  #terms({ partUs }: Line, isNear: boolean): HlsPlaylistTerms {
    return {
      targetDurationS: this.#targetDurationS!,
      partTargetS: partUs / 1_000_000,
      isEnded: this.#isEnded,
      // Sound in whole segments is there as late as these are long.
      furtherBackS: !isNear && this.#lines.some(({ rendition }) => rendition.isPacked)
        ? this.#targetDurationS!
        : 0,
      reports: this.#lines.length > 1
        ? this.#lines.map(({ rendition, pieces }) => ((isNear && pieces) || rendition).report)
        : [],
    };
  }

  #end(): void {
    this.#endSegment();
    this.#isEnded = true;
    this.#version++;
    this.#awaited.settleAll();
    this.#options.onEnd?.();
  }
}

const LATE = {
  is: "late",
  reason: "What was asked for has not come in time, or too many wait",
} as const;
