import { LossFeedback } from "../transmux/mod.ts";
import type { Track } from "../media/mod.ts";
import {
  type AlignedTrack,
  isRtcp,
  parseRtcp,
  parseRtpPacket,
  type ReportBlock,
  type RtcpPacket,
  RtpError,
  type RtpPacket,
  RtpReceiver,
  type RtpReceiverStats,
} from "../rtp/mod.ts";
import type { SdpMedia } from "../sdp/mod.ts";
import type { RtspLinkPacket } from "./rtsp_link.ts";

/** Counts of an {@linkcode RtspTrack}. */
export interface RtspTrackStatistics extends RtpReceiverStats {
  /** Packets dropped since they came faster than they were read. */
  readonly dropped: number;
  /** Datagrams or frames that were no RTP or RTCP. */
  readonly malformed: number;
}

/** A packet that waits for its reader. */
export interface WaitingPacket {
  /** The packet. */
  readonly packet: RtpPacket;
  /** When it came, on the clock of `performance.now`. */
  readonly arrivalMs: number;
  /** Its place among the packets of all tracks. */
  readonly order: number;
  /** Whether its timestamp has nothing to do with those before it. */
  readonly restarts: boolean;
}

/** The playback of a track, as the track sees it. */
export interface RtspTrackControl {
  /** Takes room for `bytes` where there is some; gives their place in order. */
  admit(bytes: number): number | undefined;
  /** Room is free again. */
  release(bytes: number): void;
  /** Whether units are read, and packets are not to be read beside. */
  isRead(): boolean;
  /** The reader wants no more packets of this track. */
  cancelled(): void;
}

/** Memory that a packet takes besides its bytes, in bytes. */
const PACKET_OVERHEAD_BYTES = 256;

/** One track that is played. */
export class RtspTrack {
  /** Index of its media section in the description. */
  readonly index: number;
  /** Its media section. */
  readonly media: SdpMedia;
  /** What it carries. */
  readonly track: Track;
  /**
   * Its packets, in order, once each; their bytes are nobody's to change. Read either these, of all
   * tracks, or the playback's units.
   */
  readonly packets: ReadableStream<RtpPacket>;
  readonly #control: RtspTrackControl;
  readonly #aligned: AlignedTrack;
  readonly #feedback: LossFeedback;
  readonly #waiting: WaitingPacket[] = [];
  readonly #past = { delivered: 0, lost: 0, duplicateOrLate: 0, foreign: 0, restarts: 0 };
  #receiver: RtpReceiver;
  #restarts = false;
  #reader: ReadableStreamDefaultController<RtpPacket> | undefined;
  #cancelled = false;
  #end: { readonly error: unknown } | undefined;
  #hasLeft = false;
  #dropped = 0;
  #malformed = 0;

  /** Made by the client. */
  constructor(
    options: {
      readonly index: number;
      readonly media: SdpMedia;
      readonly track: Track;
      readonly aligned: AlignedTrack;
      readonly control: RtspTrackControl;
      /** The source of what the server is told. */
      readonly ssrc: number;
    },
  ) {
    this.index = options.index;
    this.media = options.media;
    this.track = options.track;
    this.#aligned = options.aligned;
    this.#control = options.control;
    this.#feedback = new LossFeedback(this.track.rtp?.feedback ?? [], options.ssrc);
    this.#receiver = this.#newReceiver({ ordered: false });
    this.packets = new ReadableStream<RtpPacket>({
      pull: (controller) => {
        if (this.#control.isRead()) {
          throw new TypeError("Cannot read packets as the units of the playback are read");
        }
        this.#reader = controller;
        this.#serve();
      },
      cancel: () => {
        this.#cancelled = true;
        this.clear();
        this.#control.cancelled();
      },
    }, { highWaterMark: 0 });
  }

  /** Counts of now. */
  get statistics(): RtspTrackStatistics {
    const { delivered, lost, duplicateOrLate, foreign, restarts, jitter } = this.#receiver.stats;
    const past = this.#past;
    return {
      delivered: past.delivered + delivered,
      lost: past.lost + lost,
      duplicateOrLate: past.duplicateOrLate + duplicateOrLate,
      foreign: past.foreign + foreign,
      restarts: past.restarts + restarts,
      jitter,
      dropped: this.#dropped,
      malformed: this.#malformed,
    };
  }

  /** Whether nobody wants its packets any more. */
  get isCancelled(): boolean {
    return this.#cancelled;
  }

  /** Whether its source has said good-bye (RFC 3550, 6.6). */
  get hasLeft(): boolean {
    return this.#hasLeft;
  }

  /** The packet that is the next one to be read. */
  get next(): WaitingPacket | undefined {
    return this.#waiting[0];
  }

  /**
   * The wall-clock time of an RTP timestamp by the last sender report, in microseconds since 1970;
   * `undefined` before the first report.
   */
  unixUsOf(timestamp: number): number | undefined {
    return this.#receiver.unixUsOf(timestamp);
  }

  /** Called by the client: packets begin anew, `ordered` or not by what carries them. */
  begin(options: { readonly ordered: boolean }): void {
    const { delivered, lost, duplicateOrLate, foreign, restarts } = this.#receiver.stats;
    this.#past.delivered += delivered;
    this.#past.lost += lost;
    this.#past.duplicateOrLate += duplicateOrLate;
    this.#past.foreign += foreign;
    this.#past.restarts += restarts;
    this.#restarts = this.#past.delivered > 0;
    this.#hasLeft = false;
    this.#receiver = this.#newReceiver(options);
  }

  /** Called by the client: a packet has come. */
  take({ bytes, rtcp }: RtspLinkPacket, nowMs: number): void {
    try {
      if (rtcp || isRtcp(bytes)) this.#takeRtcp(bytes, nowMs);
      else this.#takeRtp(bytes, nowMs);
    } catch (error) {
      // It costs that packet alone (R090).
      if (!(error instanceof RtpError)) throw error;
      this.#malformed++;
    }
  }

  /** Called by the client: packets that were waited for long enough are given up. */
  tick(nowMs: number): void {
    this.#keep(this.#receiver.flush(nowMs), nowMs);
  }

  /** Called by the client: what the server is to be told of its packets. */
  report(nowMs: number): ReportBlock | undefined {
    return this.#receiver.report(nowMs);
  }

  /** Called by the client: what the server is asked for now, since packets are missing. */
  requests(nowMs: number): RtcpPacket[] {
    return this.#feedback.requests(this.#receiver, nowMs);
  }

  /** Called by the client: removes the next packet. */
  shift(): WaitingPacket | undefined {
    const waiting = this.#waiting.shift();
    if (waiting !== undefined) this.#control.release(sizeOf(waiting.packet));
    return waiting;
  }

  /** Called by the client: drops what has not been read. */
  clear(): void {
    for (const { packet } of this.#waiting) this.#control.release(sizeOf(packet));
    this.#waiting.length = 0;
  }

  /** Called by the client: nothing more comes; with an error, that is why. What waits can be read. */
  end(error?: unknown): void {
    if (this.#end !== undefined) return;
    this.#keep(this.#receiver.flush(Infinity), performance.now());
    this.#end = { error };
    this.#serve();
  }

  #newReceiver({ ordered }: { readonly ordered: boolean }): RtpReceiver {
    const { clockRate } = this.#aligned;
    return new RtpReceiver({
      clockRate,
      onLoss: () => {
        // A frame of sound that is lost is over.
        if (this.track.kind === "video") this.#feedback.lose();
      },
      ...(ordered ? { reorderPackets: 0 } : {}),
    });
  }

  #takeRtp(bytes: Uint8Array, nowMs: number): void {
    const packet = parseRtpPacket(bytes);
    if (packet.ssrc !== this.#receiver.ssrc) this.#hasLeft = false;
    this.#keep(this.#receiver.push(packet, nowMs), nowMs);
  }

  #takeRtcp(bytes: Uint8Array, nowMs: number): void {
    for (const packet of parseRtcp(bytes)) {
      const { ssrc } = this.#receiver;
      if (packet.type === "sender-report" && (ssrc === undefined || packet.ssrc === ssrc)) {
        this.#receiver.takeSenderReport(packet, nowMs);
        this.#aligned.takeSenderReport(packet);
      } else if (packet.type === "goodbye") {
        // VLC 3 calls itself 0 where it has sent no report before.
        this.#hasLeft ||= packet.ssrcs.some((one) => one === (ssrc ?? one) || one === 0);
      }
    }
  }

  #keep(packets: readonly RtpPacket[], nowMs: number): void {
    if (this.#cancelled || this.#end !== undefined) return;
    const { restart } = this.#receiver;
    let arrivalMs = nowMs;
    for (const packet of packets) {
      if (packet === restart?.packet) {
        this.#restarts = true;
        // Packets of another source have waited until that was believed.
        arrivalMs = restart.arrivalMs;
      }
      const order = this.#control.admit(sizeOf(packet));
      if (order === undefined) {
        this.#dropped++;
        continue;
      }
      this.#waiting.push({ packet, arrivalMs, order, restarts: this.#restarts });
      this.#restarts = false;
    }
    this.#serve();
  }

  /** Gives the reader of packets the next one, if it waits for one. */
  #serve(): void {
    const reader = this.#reader;
    if (reader === undefined || this.#cancelled) return;
    const waiting = this.shift();
    if (waiting === undefined && this.#end === undefined) return;
    this.#reader = undefined;
    if (waiting !== undefined) reader.enqueue(waiting.packet);
    else if (this.#end!.error === undefined) reader.close();
    else reader.error(this.#end!.error);
  }
}

function sizeOf({ bytes }: RtpPacket): number {
  return bytes.length + PACKET_OVERHEAD_BYTES;
}
