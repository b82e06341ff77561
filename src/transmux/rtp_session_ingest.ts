import type { MediaUnit, Track } from "../media/mod.ts";
import {
  type AlignedTrack,
  buildRtcp,
  isRtcp,
  maxBitrateEstimate,
  parseRtcp,
  parseRtpPacket,
  type ReportBlock,
  type RtcpPacket,
  RtpError,
  type RtpPacket,
  RtpReceiver,
  TrackAligner,
} from "../rtp/mod.ts";
import { LossFeedback } from "./loss_feedback.ts";
import { RtpTrackIngest } from "./rtp_ingest.ts";
import { UnitBudget } from "./unit_budget.ts";

/** Receiver reports go out this often (R117). */
const REPORT_INTERVAL_MS = 10_000;

interface PublisherTrack {
  readonly track: Track;
  /** Which media of the description it is. */
  readonly media: number;
  readonly receiver: RtpReceiver;
  readonly aligned: AlignedTrack;
  readonly ingest: RtpTrackIngest;
  readonly feedback: LossFeedback;
  /** Whether the publisher may be told how much it may send. */
  readonly mayEstimate: boolean;
}

/** RTCP that is to go to the publisher. */
export interface PublisherRtcp {
  /** The media of the description that it is about. */
  readonly index: number;
  /** The compound packet. */
  readonly packet: Uint8Array;
}

/** Counts of an RTSP publisher. */
export interface RtpSessionIngestStatistics {
  /** Packets of RTP and RTCP that came. */
  readonly packets: number;
  /** Their bytes. */
  readonly bytes: number;
  /** Packets that never came. */
  readonly lost: number;
  /** Packets of other sources than the one that a track has, dropped. */
  readonly foreign: number;
  /** Packets of payload types that their track has not, passed over. */
  readonly otherTypes: number;
  /** Packets that were no RTP or RTCP. */
  readonly malformed: number;
  /** Access units that were larger than may be held, dropped. */
  readonly dropped: number;
}

/** Where units go: a publisher's ticket, or its hold on the stream. */
export interface UnitSink {
  /** Adds a unit; whether it was taken. */
  write(unit: MediaUnit): boolean;
  /** Ends a batch. */
  commit(): void;
}

/** RTP ingest of one RTSP session that records: packets of all its tracks in, units of the publication out. */
export class RtpSessionIngest {
  readonly #aligner = new TrackAligner();
  readonly #sink: UnitSink;
  readonly #tracks: readonly PublisherTrack[];
  readonly #ssrc: number;
  #packets = 0;
  #bytes = 0;
  #malformed = 0;
  #lastReportAt: number;
  /** When the newest packet came. */
  #newestMs: number;
  readonly #reportMs: number;
  readonly #keyFrameMs: number | undefined;
  readonly #maxBitrateBps: number | undefined;
  /** When the newest key frame of each track of video came, or one was asked for. */
  readonly #keyFramesMs = new Map<number, number>();

  /**
   * Writes the headers that the description tells at once. `ordered` says that the transport keeps the
   * order of packets.
   */
  constructor(
    sink: UnitSink,
    options: {
      readonly tracks: readonly Track[];
      /** Which media of the description each track is; by default they are the same. */
      readonly media?: readonly number[];
      readonly ordered: boolean;
      readonly ssrc: number;
      readonly nowMs: number;
      /** How often receiver reports go out, milliseconds; 10 000 by default. */
      readonly reportMs?: number;
      /**
       * A key frame is asked for where the newest of a track is so old, milliseconds, as far as the description
       * allows it; never by default.
       */
      readonly keyFrameMs?: number;
      /** Bits a second that the publisher is told it may send, where its description allows that; nothing by default. */
      readonly maxBitrateBps?: number;
    },
  ) {
    this.#sink = sink;
    this.#ssrc = options.ssrc;
    this.#lastReportAt = options.nowMs;
    this.#newestMs = options.nowMs;
    this.#reportMs = options.reportMs ?? REPORT_INTERVAL_MS;
    this.#keyFrameMs = options.keyFrameMs;
    this.#maxBitrateBps = options.maxBitrateBps;
    const aligner = this.#aligner;
    const budget = new UnitBudget();
    this.#tracks = options.tracks.map((track, index) => {
      const { clockRate } = track.rtp!;
      const aligned = aligner.addTrack({ clockRate });
      const ingest = new RtpTrackIngest({ track, time: aligned, budget });
      for (const unit of ingest.header()) this.#write(unit);
      const feedback = new LossFeedback(track.rtp!.feedback ?? [], options.ssrc);
      const receiver = new RtpReceiver({
        clockRate,
        onLoss: () => {
          // Nothing is asked for where audio is lost: it could not be played in time any more.
          if (track.kind === "video") feedback.lose();
        },
        ...(options.ordered ? { reorderPackets: 0 } : {}),
      });
      const media = options.media?.[index] ?? index;
      const mayEstimate = track.rtp!.feedback?.includes("goog-remb") === true;
      return { track, media, receiver, aligned, ingest, feedback, mayEstimate };
    });
  }

  /**
   * The wall-clock time of time 0 of its units by the sender's clock, microseconds since 1970; `undefined` before the
   * first sender report.
   */
  get epochUnixUs(): number | undefined {
    return this.#aligner.epochUnixUs;
  }

  /** Counts of now. */
  get statistics(): RtpSessionIngestStatistics {
    const stats = this.#tracks.map(({ receiver }) => receiver.stats);
    const ingested = this.#tracks.map(({ ingest }) => ingest.stats);
    return {
      packets: this.#packets,
      bytes: this.#bytes,
      lost: stats.reduce((sum, { lost }) => sum + lost, 0),
      foreign: stats.reduce((sum, { foreign }) => sum + foreign, 0),
      otherTypes: ingested.reduce((sum, { foreignPackets }) => sum + foreignPackets, 0),
      malformed: this.#malformed,
      dropped: ingested.reduce((sum, { dropped }) => sum + dropped, 0),
    };
  }

  /** Takes one packet of the media at `index` in the description; of media that are not published, none. */
  take(bytes: Uint8Array, from: { index: number; rtcp: boolean; nowMs: number }): void {
    const track = this.#tracks.find(({ media }) => media === from.index);
    if (track === undefined) return;
    this.#newestMs = from.nowMs;
    this.#packets++;
    this.#bytes += bytes.length;
    try {
      if (from.rtcp || isRtcp(bytes)) this.#takeRtcp(bytes, track, from.nowMs);
      else this.#takeRtp(bytes, track, from.nowMs);
    } catch (error) {
      if (!(error instanceof RtpError)) throw error;
      this.#malformed++;
    }
  }

  /** Ends a batch of packets. */
  commit(): void {
    this.#sink.commit();
  }

  /**
   * Passes time on: gives up packets that were waited for. Returns what the publisher is asked for, and the
   * receiver reports that are due, one a track.
   */
  tick(nowMs: number): PublisherRtcp[] {
    for (const track of this.#tracks) {
      this.#ingest(track, { packets: track.receiver.flush(nowMs), nowMs });
      for (const unit of track.ingest.tick(nowMs)) this.#write(unit);
    }
    this.commit();
    const requests = this.takeRequests(nowMs);
    if (nowMs - this.#lastReportAt < this.#reportMs) return requests;
    this.#lastReportAt = nowMs;
    const reports = this.#tracks.flatMap((track) => {
      const report = track.receiver.report(nowMs);
      if (report === undefined) return [];
      const estimate = this.#estimate(track);
      return [{ index: track.media, packet: this.#receiverReport([report], estimate) }];
    });
    return [...requests, ...reports];
  }

  /** What the publisher is asked for now, since packets of it are missing. */
  takeRequests(nowMs: number): PublisherRtcp[] {
    return this.#tracks.flatMap(({ track, receiver, media, feedback }) => {
      if (this.#isKeyFrameDue(track, nowMs)) feedback.lose();
      const requests = feedback.requests(receiver, nowMs);
      if (requests.length === 0) return [];
      const report = { type: "receiver-report", ssrc: this.#ssrc, reports: [] } as const;
      return [{ index: media, packet: buildRtcp([report, ...requests]) }];
    });
  }

  /** Says that nothing more comes: what is at hand of the last access units goes out. */
  end(): void {
    for (const track of this.#tracks) {
      this.#ingest(track, { packets: track.receiver.end(), nowMs: this.#newestMs });
      for (const unit of track.ingest.flush()) this.#write(unit);
    }
    this.commit();
  }

  /** A receiver report without blocks: towards a publisher over UDP it opens the firewall. */
  emptyReport(): Uint8Array {
    return this.#receiverReport([]);
  }

  /** Tells the publisher, as far as RTCP can, that it is not listened to any more. */
  goodbye(): Uint8Array {
    return buildRtcp([
      { type: "receiver-report", ssrc: this.#ssrc, reports: [] },
      { type: "goodbye", ssrcs: [this.#ssrc] },
    ]);
  }

  /** Whether the newest key frame of a track is so old that another is asked for. */
  #isKeyFrameDue({ kind, id }: Track, nowMs: number): boolean {
    if (this.#keyFrameMs === undefined || kind !== "video") return false;
    if (nowMs - (this.#keyFramesMs.get(id) ?? -Infinity) < this.#keyFrameMs) return false;
    this.#keyFramesMs.set(id, nowMs);
    return true;
  }

  #write(unit: MediaUnit): void {
    if (unit.kind === "video" && unit.keyFrame) this.#keyFramesMs.set(unit.track, this.#newestMs);
    this.#sink.write(unit);
  }

  #receiverReport(
    reports: readonly ReportBlock[],
    further: readonly RtcpPacket[] = [],
  ): Uint8Array {
    return buildRtcp([{ type: "receiver-report", ssrc: this.#ssrc, reports }, ...further]);
  }

  /** What the publisher may send: told about its video, and so for all that it sends together. */
  #estimate({ mayEstimate, receiver: { ssrc } }: PublisherTrack): RtcpPacket[] {
    const maxBitrateBps = this.#maxBitrateBps;
    if (!mayEstimate || maxBitrateBps === undefined || ssrc === undefined) return [];
    return [maxBitrateEstimate({ ssrc: this.#ssrc, mediaSsrcs: [ssrc] }, maxBitrateBps)];
  }

  #takeRtp(bytes: Uint8Array, track: PublisherTrack, nowMs: number): void {
    const packets = track.receiver.push(parseRtpPacket(bytes), nowMs);
    for (const other of this.#tracks) {
      if (other === track) continue;
      for (const unit of other.ingest.passOver()) this.#write(unit);
    }
    this.#ingest(track, { packets, nowMs });
  }

  /** Takes packets that the track's receiver has just returned. */
  #ingest(
    { receiver: { restart }, ingest, aligned }: PublisherTrack,
    { packets, nowMs }: { readonly packets: readonly RtpPacket[]; readonly nowMs: number },
  ): void {
    let arrivalMs = nowMs;
    for (const packet of packets) {
      if (packet === restart?.packet) {
        // The timestamps begin anew, so that what is at hand cannot go on (R123).
        for (const unit of ingest.restart()) this.#write(unit);
        aligned.restart();
        // The packets of another source were held back until the source was accepted: they came earlier than now.
        arrivalMs = restart.arrivalMs;
      }
      for (const unit of ingest.push(packet, arrivalMs)) this.#write(unit);
    }
  }

  #takeRtcp(bytes: Uint8Array, track: PublisherTrack, nowMs: number): void {
    for (const packet of parseRtcp(bytes)) {
      if (packet.type !== "sender-report") continue;
      const { ssrc } = track.receiver;
      // A sender report describes the clock of its own source only.
      if (ssrc !== undefined && packet.ssrc !== ssrc) continue;
      track.receiver.takeSenderReport(packet, nowMs);
      track.aligned.takeSenderReport(packet);
    }
  }
}
