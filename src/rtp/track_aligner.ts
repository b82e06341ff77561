import { RtpTimestampUnwrapper, usFromTicks } from "./timestamp.ts";
import { unixUsFromNtp } from "./ntp.ts";
import type { SenderReport } from "./rtcp.ts";

/**
 * Corrections below this stay undone: sender reports made by the wall clock jitter by some
 * milliseconds (FFmpeg's do), and a timeline that follows each of them would too.
 */
const TOLERANCE_US = 10_000;

/**
 * Corrections above this are not believed: there are cameras whose tracks have unrelated wall
 * clocks, and arrival is the better guide for those.
 */
const MAX_CORRECTION_US = 10_000_000;

/**
 * How long after a track's first packet others begin together with it. GStreamer's rtspclientsink sends
 * at once all that it gathered before it was asked to, one track's before the other's.
 */
const BEGINNING_MS = 1000;

/**
 * Reports of one track whose clocks disagree by more than this: one of its clocks was set anew. A track
 * that sender reports have placed is moved further than this only when the next report says so too.
 */
const CLOCK_STEP_US = 40_000;

/**
 * Where a timeline begins by default: decoding times of B-frames start before the first picture, and a
 * track may turn out to begin before the one that came first.
 */
const DEFAULT_ORIGIN_US = 500_000;

/** How far behind the newest picture of its track one may be shown: 16 pictures, 8 a second. */
const MOST_REORDER_US = 2_000_000;

/** A timestamp that is further ahead than arrival and this explain has nothing to do with those before. */
const MOST_AHEAD_US = 10_000_000;

/** From the newest time of a track to the first one after its clock was set anew. */
const LEAST_STEP_US = 1000;

/** The pair of a sender report: a wall-clock time, and the track's own time at that moment. */
interface ReportPair {
  readonly unixUs: number;
  readonly elapsedUs: number;
}

/**
 * What is added to a track's own time after `fromUs`: `offsetUs`, and at first `excessUs` more, which runs
 * out.
 */
interface Course {
  readonly fromUs: number;
  readonly offsetUs: number;
  readonly excessUs: number;
}

/** Options of a {@linkcode TrackAligner}. */
export interface TrackAlignerOptions {
  /**
   * The time of the first packet of any track, in microseconds. Default 500 000: room for decoding times
   * before the first presentation time, and for tracks that turn out to begin earlier.
   */
  readonly originUs?: number;
}

/**
 * Puts the tracks of one stream on one timeline in integer microseconds, never negative.
 *
 * RTP clocks begin at random numbers, so a track is placed by the arrival of its first packet, until
 * sender reports of it and of the first track that had one tell the exact place. A correction
 * forwards is made at once, one backwards at half speed: the timeline of a track never runs back. Where
 * the wall clock or the RTP clock of a source is set anew, reports from before are not used any more.
 *
 * @example
 * ```ts
 * import { TrackAligner } from "@weir/server/rtp";
 *
 * const aligner = new TrackAligner({ originUs: 0 });
 * const video = aligner.addTrack({ clockRate: 90000 });
 * const audio = aligner.addTrack({ clockRate: 48000 });
 * console.log(video.timeUs(123456, 1000)); // 0
 * console.log(audio.timeUs(987654, 1020)); // 20000
 * console.log(video.timeUs(123456 + 3600, 1040)); // 40000
 * ```
 */
export class TrackAligner {
  readonly #originUs: number;
  readonly #tracks: AlignedTrack[] = [];
  #reference: AlignedTrack | undefined;

  /** Starts without tracks. */
  constructor({ originUs = DEFAULT_ORIGIN_US }: TrackAlignerOptions = {}) {
    this.#originUs = originUs;
  }

  /** Adds a track whose RTP clock ticks `clockRate` times a second. */
  addTrack(options: { readonly clockRate: number }): AlignedTrack {
    const track = new AlignedTrack(options.clockRate, {
      place: (arrivalMs) => this.#place(arrivalMs),
      stepped: () => {
        for (const other of this.#tracks) other.forgetReport();
      },
      reported: (reporter) => this.#align(reporter),
    });
    this.#tracks.push(track);
    return track;
  }

  /**
   * The wall-clock time of the timeline's time 0 by the newest sender report of the track that the others are placed by,
   * microseconds since 1970; `undefined` before the first report.
   */
  get epochUnixUs(): number | undefined {
    return this.#reference?.epochUnixUs;
  }

  /**
   * Where a track begins whose first packet came at `arrivalMs`: beside the newest other packet, or at the
   * beginning, when others do not come at the pace of their time yet, beside the first one.
   */
  #place(arrivalMs: number): number {
    let beside: PlacedPacket | undefined;
    for (const { firstPacket, newestPacket } of this.#tracks) {
      if (firstPacket === undefined || newestPacket === undefined) continue;
      const isBeginning = arrivalMs - firstPacket.arrivalMs < BEGINNING_MS;
      const candidate = isBeginning ? firstPacket : newestPacket;
      if (beside === undefined || candidate.arrivalMs > beside.arrivalMs) beside = candidate;
    }
    if (beside === undefined) return this.#originUs;
    return Math.max(0, beside.timeUs + Math.round((arrivalMs - beside.arrivalMs) * 1000));
  }

  #align(reporter: AlignedTrack): void {
    this.#reference ??= reporter;
    const reference = this.#reference;
    const others = reporter === reference ? this.#tracks : [reporter];
    for (const track of others) if (track !== reference) track.alignTo(reference);
  }
}

/** A packet's time on the timeline, and when it came. */
interface PlacedPacket {
  readonly timeUs: number;
  readonly arrivalMs: number;
}

/** What a track asks of its aligner. */
interface AlignerHooks {
  readonly place: (arrivalMs: number) => number;
  readonly stepped: () => void;
  readonly reported: (track: AlignedTrack) => void;
}

/** One track of a {@linkcode TrackAligner}. */
export class AlignedTrack {
  /** Ticks a second of the track's RTP clock. */
  readonly clockRate: number;
  readonly #hooks: AlignerHooks;
  readonly #unwrapper = new RtpTimestampUnwrapper();
  #firstTicks: number | undefined;
  #newestElapsedUs = 0;
  #first: PlacedPacket | undefined;
  #newest: PlacedPacket | undefined;
  /** In ascending order of time: the last one is in force, and earlier ones serve pictures out of order. */
  #courses: Course[] = [];
  #earlyReport: SenderReport | undefined;
  #pair: ReportPair | undefined;
  /** Whether sender reports have placed it. */
  #isPlaced = false;
  /** An offset by the newest report that is far from the one in force: it waits for a second report to confirm it. */
  #doubtedUs: number | undefined;

  /** Made by {@linkcode TrackAligner.addTrack}. */
  constructor(clockRate: number, hooks: AlignerHooks) {
    if (!(clockRate > 0)) {
      throw new RangeError(
        `Cannot align a track as its clock rate must be positive: current value is ${clockRate}`,
      );
    }
    this.clockRate = clockRate;
    this.#hooks = hooks;
  }

  /** The first packet's time on the timeline and its arrival; `undefined` before it. */
  get firstPacket(): { readonly timeUs: number; readonly arrivalMs: number } | undefined {
    return this.#first;
  }

  /** The newest packet's time on the timeline and its arrival, or `undefined` before the first. */
  get newestPacket(): { readonly timeUs: number; readonly arrivalMs: number } | undefined {
    return this.#newest;
  }

  /**
   * The time of a packet with this RTP timestamp that came at `arrivalMs`, in microseconds. A timestamp
   * that has nothing to do with those before is placed by its arrival.
   */
  timeUs(timestamp: number, arrivalMs: number): number {
    if (this.#isElsewhere(timestamp, arrivalMs)) this.restart();
    const ticks = this.#unwrapper.unwrap(timestamp);
    if (this.#firstTicks === undefined) this.#begin(ticks, arrivalMs);
    const elapsedUs = usFromTicks(ticks - this.#firstTicks!, this.clockRate);
    if (elapsedUs > this.#newestElapsedUs) this.#newestElapsedUs = elapsedUs;
    const timeUs = elapsedUs + this.#offsetAt(elapsedUs);
    this.#first ??= { timeUs, arrivalMs };
    if (this.#newest === undefined || timeUs >= this.#newest.timeUs) {
      this.#newest = { timeUs, arrivalMs };
    }
    return timeUs;
  }

  /** Takes the publisher's sender report of this track. */
  takeSenderReport(report: SenderReport): void {
    // A sender without a wall clock reports the time 0 (RFC 3550, 6.4.1).
    if (report.ntp.seconds === 0 && report.ntp.fraction === 0) return;
    if (this.#firstTicks === undefined) {
      this.#earlyReport = report;
      return;
    }
    const ticks = this.#unwrapper.peek(report.rtpTimestamp) - this.#firstTicks;
    const pair = {
      unixUs: unixUsFromNtp(report.ntp),
      elapsedUs: usFromTicks(ticks, this.clockRate),
    };
    if (this.#pair !== undefined) {
      const byWallClock = pair.unixUs - this.#pair.unixUs;
      const byTrack = pair.elapsedUs - this.#pair.elapsedUs;
      // Other tracks are compared again when their own reports have shown the step.
      if (Math.abs(byWallClock - byTrack) > CLOCK_STEP_US) this.#hooks.stepped();
    }
    this.#pair = pair;
    this.#hooks.reported(this);
  }

  /**
   * The wall-clock time of an RTP timestamp by the last sender report, in microseconds since 1970, or
   * `undefined` before the first report.
   */
  unixUsOf(timestamp: number): number | undefined {
    if (this.#pair === undefined || this.#firstTicks === undefined) return undefined;
    const ticks = this.#unwrapper.peek(timestamp) - this.#firstTicks;
    return this.#pair.unixUs + usFromTicks(ticks, this.clockRate) - this.#pair.elapsedUs;
  }

  /**
   * The wall-clock time of the timeline's time 0 by the last sender report, in microseconds since 1970, or `undefined`
   * before the first report.
   */
  get epochUnixUs(): number | undefined {
    if (this.#pair === undefined || this.#firstTicks === undefined) return undefined;
    return this.#pair.unixUs - this.#pair.elapsedUs - this.#offsetUs;
  }

  /** Forgets the clock of the source, which has begun anew: the next packet is placed by its arrival again. */
  restart(): void {
    this.#unwrapper.reset();
    this.#firstTicks = undefined;
    this.#newestElapsedUs = 0;
    this.#earlyReport = undefined;
    this.#isPlaced = false;
    this.forgetReport();
  }

  /** Forgets the newest sender report, which cannot be compared with those of other tracks any more. */
  forgetReport(): void {
    this.#pair = undefined;
    this.#doubtedUs = undefined;
  }

  /** Moves this track to where its and the reference's newest sender reports put it. */
  alignTo(reference: AlignedTrack): void {
    const own = this.#pair;
    const other = reference.#pair;
    if (own === undefined || other === undefined) return;
    const sameMomentUs = other.elapsedUs + reference.#offsetUs + (own.unixUs - other.unixUs);
    const offsetUs = sameMomentUs - own.elapsedUs;
    if (this.#isDoubtful(offsetUs)) return;
    this.#isPlaced = true;
    this.#moveTo(offsetUs);
  }

  /** Whether an offset needs a second report: a single one may be wrong, or be older than a step of the clock. */
  #isDoubtful(offsetUs: number): boolean {
    const doubtedUs = this.#doubtedUs;
    this.#doubtedUs = undefined;
    if (!this.#isPlaced || Math.abs(offsetUs - this.#offsetUs) <= CLOCK_STEP_US) return false;
    if (doubtedUs !== undefined && Math.abs(offsetUs - doubtedUs) <= CLOCK_STEP_US) return false;
    this.#doubtedUs = offsetUs;
    return true;
  }

  /**
   * Whether neither reordering nor the time since the last packet explains how far a timestamp is from the last one.
   */
  #isElsewhere(timestamp: number, arrivalMs: number): boolean {
    if (this.#firstTicks === undefined || this.#newest === undefined) return false;
    const ticks = this.#unwrapper.peek(timestamp) - this.#firstTicks;
    const stepUs = usFromTicks(ticks, this.clockRate) - this.#newestElapsedUs;
    const arrivalUs = Math.max(0, (arrivalMs - this.#newest.arrivalMs) * 1000);
    return stepUs < -MOST_REORDER_US || stepUs > arrivalUs + MOST_AHEAD_US;
  }

  #begin(ticks: number, arrivalMs: number): void {
    this.#firstTicks = ticks;
    const placeUs = this.#hooks.place(arrivalMs);
    const leastUs = this.#newest === undefined ? 0 : this.#newest.timeUs + LEAST_STEP_US;
    this.#courses = [{ fromUs: 0, offsetUs: Math.max(placeUs, leastUs), excessUs: 0 }];
    const report = this.#earlyReport;
    this.#earlyReport = undefined;
    if (report !== undefined) this.takeSenderReport(report);
  }

  /** What is added to the track's own time once its last correction is complete. */
  get #offsetUs(): number {
    return this.#courses.at(-1)!.offsetUs;
  }

  #moveTo(offsetUs: number): void {
    const fromUs = this.#newestElapsedUs;
    const correctionUs = offsetUs - this.#offsetAt(fromUs);
    if (Math.abs(correctionUs) > MAX_CORRECTION_US) return;
    if (Math.abs(offsetUs - this.#offsetUs) <= TOLERANCE_US) return;
    // While no packet has been given a time, any correction will do that leaves no time below zero.
    if (this.#newest === undefined) {
      this.#courses = [{ fromUs, offsetUs, excessUs: Math.max(0, -offsetUs) }];
      return;
    }
    const last = this.#courses.findLastIndex((course) => course.fromUs <= fromUs - MOST_REORDER_US);
    if (last > 0) this.#courses.splice(0, last);
    // Packets that have a time keep it, and earlier pictures that come later go by the course that was in force then.
    this.#courses.push({ fromUs, offsetUs, excessUs: Math.max(0, -correctionUs) });
  }

  /**
   * The offset at a time of the track. It depends on that time alone, so that pictures out of order keep their order.
   */
  #offsetAt(elapsedUs: number): number {
    const { fromUs, offsetUs, excessUs } =
      this.#courses.findLast((course) => course.fromUs < elapsedUs) ?? this.#courses[0]!;
    const sinceUs = Math.max(0, elapsedUs - fromUs);
    return offsetUs + Math.max(0, excessUs - Math.floor(sinceUs / 2));
  }
}
