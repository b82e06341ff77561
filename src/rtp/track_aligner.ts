import { RtpTimestampUnwrapper, usFromTicks } from "./clock.ts";
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

/** Reports of one track whose clocks disagree by more than this: its wall clock was set anew. */
const CLOCK_STEP_US = 1_000_000;

/** The pair of a sender report: a wall-clock time, and the track's own time at that moment. */
interface ReportPair {
  readonly unixUs: number;
  readonly elapsedUs: number;
}

/**
 * Puts the tracks of one stream on one timeline in integer microseconds, 0 at the first packet of
 * any track.
 *
 * RTP clocks begin at random numbers, so a track is placed by the arrival of its first packet, until
 * sender reports of it and of the first track that had one tell the exact place. A correction
 * forwards is made at once, one backwards at half speed: the timeline of a track never runs back.
 *
 * @example
 * ```ts
 * import { TrackAligner } from "@weir/server/rtp";
 *
 * const aligner = new TrackAligner();
 * const video = aligner.addTrack({ clockRate: 90000 });
 * const audio = aligner.addTrack({ clockRate: 48000 });
 * console.log(video.timeUs(123456, 1000)); // 0
 * console.log(audio.timeUs(987654, 1020)); // 20000
 * console.log(video.timeUs(123456 + 3600, 1040)); // 40000
 * ```
 */
export class TrackAligner {
  readonly #tracks: AlignedTrack[] = [];
  #reference: AlignedTrack | undefined;

  /** Adds a track whose RTP clock ticks `clockRate` times a second. */
  addTrack(options: { readonly clockRate: number }): AlignedTrack {
    const track = new AlignedTrack(options.clockRate, {
      place: (arrivalMs) => this.#place(arrivalMs),
      reported: (reporter) => this.#align(reporter),
    });
    this.#tracks.push(track);
    return track;
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
    if (beside === undefined) return 0;
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
  /**
   * Added to the track's own time. `#excessUs` is what the last correction took away (negative: added)
   * at the track's own time `#excessFromUs`; it still counts before that moment, and runs out after.
   */
  #offsetUs = 0;
  #excessUs = 0;
  #excessFromUs = 0;
  #earlyReport: SenderReport | undefined;
  #pair: ReportPair | undefined;
  #clockSteps = 0;

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

  /** The time of a packet with this RTP timestamp that came at `arrivalMs`, in microseconds. */
  timeUs(timestamp: number, arrivalMs: number): number {
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
      if (Math.abs(byWallClock - byTrack) > CLOCK_STEP_US) this.#clockSteps++;
    }
    this.#pair = pair;
    this.#hooks.reported(this);
  }

  /**
   * The wall-clock time of an RTP timestamp by the last sender report, in microseconds since 1970, or
   * `undefined` before the first report.
   */
  unixUsOf(timestamp: number): number | undefined {
    if (this.#pair === undefined) return undefined;
    const ticks = this.#unwrapper.peek(timestamp) - this.#firstTicks!;
    return this.#pair.unixUs + usFromTicks(ticks, this.clockRate) - this.#pair.elapsedUs;
  }

  /** The source began anew: the next packet is placed by its arrival again. */
  restart(): void {
    this.#unwrapper.reset();
    this.#firstTicks = undefined;
    this.#newestElapsedUs = 0;
    this.#excessUs = 0;
    this.#earlyReport = undefined;
    this.#pair = undefined;
  }

  /** Moves this track to where its and the reference's newest sender reports put it. */
  alignTo(reference: AlignedTrack): void {
    const own = this.#pair;
    const other = reference.#pair;
    // After a step of the wall clock the reports of tracks compare again once all have seen it.
    if (own === undefined || other === undefined) return;
    if (this.#clockSteps !== reference.#clockSteps) return;
    const sameMomentUs = other.elapsedUs + reference.#offsetUs + (own.unixUs - other.unixUs);
    this.#moveTo(sameMomentUs - own.elapsedUs);
  }

  #begin(ticks: number, arrivalMs: number): void {
    this.#firstTicks = ticks;
    this.#offsetUs = this.#hooks.place(arrivalMs);
    const report = this.#earlyReport;
    this.#earlyReport = undefined;
    if (report !== undefined) this.takeSenderReport(report);
  }

  #moveTo(offsetUs: number): void {
    const now = this.#newestElapsedUs;
    const correctionUs = offsetUs - this.#offsetAt(now);
    if (Math.abs(correctionUs) > MAX_CORRECTION_US) return;
    if (Math.abs(offsetUs - this.#offsetUs) <= TOLERANCE_US) return;
    // Where nothing has been given a time yet, all that must not happen is a time below zero.
    this.#excessUs = this.#newest === undefined ? Math.max(0, -offsetUs) : -correctionUs;
    this.#excessFromUs = now;
    this.#offsetUs = offsetUs;
  }

  /** A function of the track's own time alone: pictures out of order keep their order. */
  #offsetAt(elapsedUs: number): number {
    const sinceUs = elapsedUs - this.#excessFromUs;
    if (this.#excessUs === 0) return this.#offsetUs;
    if (sinceUs <= 0) return this.#offsetUs + this.#excessUs;
    return this.#offsetUs + Math.max(0, this.#excessUs - Math.floor(sinceUs / 2));
  }
}
