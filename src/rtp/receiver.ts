import { compactNtp, type NtpTime, unixUsFromNtp } from "./ntp.ts";
import { usFromTicks } from "./clock.ts";
import type { RtpPacket } from "./packet.ts";
import type { ReportBlock, SenderReport } from "./rtcp.ts";
import { sequenceDistance, timestampDistance } from "./serial.ts";

/** Packets that wait for an earlier one: what a network swaps lies far below (R160). */
export const DEFAULT_REORDER_PACKETS = 64;

/** How long a packet waits for an earlier one: later, a player would rather go on. */
export const DEFAULT_REORDER_MS = 200;

/** Packets in a row that are older than the last one delivered, after which the stream began anew. */
const OLD_PACKETS_FOR_RESTART = 64;

/** The largest count of lost packets that a report block can tell: 24 bits, signed. */
const MAX_CUMULATIVE_LOST = 0x7fffff;

/** A gap in a track's packets that will not be filled any more. */
export interface RtpLoss {
  /** How many packets are missing. */
  readonly lost: number;
  /** Sequence number of the packet that follows the gap. */
  readonly nextSequenceNumber: number;
}

/** Options of an {@linkcode RtpReceiver}. */
export interface RtpReceiverOptions {
  /** Ticks a second of the track's clock; 0 where it is not known, and then nothing is reported. */
  readonly clockRate: number;
  /** Packets that may wait for an earlier one, 1 to 16384; 0 for a transport that keeps the order. */
  readonly reorderPackets?: number;
  /** Milliseconds that a packet may wait for an earlier one. */
  readonly reorderMs?: number;
  /** Told each gap once it is certain, before the packet that follows it is returned. */
  readonly onLoss?: (loss: RtpLoss) => void;
}

/** Counts of an {@linkcode RtpReceiver} since it was made, over all sources and restarts. */
export interface RtpReceiverStats {
  /** Packets returned. */
  readonly delivered: number;
  /** Packets that never came, or came too late. */
  readonly lost: number;
  /** Packets dropped: they had been returned, or given up, or wait already. */
  readonly duplicateOrLate: number;
  /** How often the sequence numbers began anew, or the source changed. */
  readonly restarts: number;
  /** Interarrival jitter in ticks of the track's clock (RFC 3550, 6.4.1). */
  readonly jitter: number;
}

/**
 * Takes the packets of one track as the network brings them, and returns them in order, once each.
 *
 * A gap holds what follows it back until it is filled, or {@linkcode DEFAULT_REORDER_PACKETS} packets
 * or {@linkcode DEFAULT_REORDER_MS} milliseconds have passed; then it counts as lost. Time is the
 * caller's: `push` and `flush` are told it. Another source (SSRC) is accepted and begins anew.
 *
 * @example
 * ```ts
 * import { buildRtpPacket, parseRtpPacket, RtpReceiver } from "@weir/server/rtp";
 *
 * const packet = (sequenceNumber: number) =>
 *   parseRtpPacket(buildRtpPacket({
 *     payloadType: 96,
 *     sequenceNumber,
 *     timestamp: 0,
 *     ssrc: 1,
 *     payload: new Uint8Array(1),
 *   }));
 * const receiver = new RtpReceiver({ clockRate: 90000 });
 * console.log(receiver.push(packet(1), 0).length); // 1
 * console.log(receiver.push(packet(3), 5).length); // 0
 * console.log(receiver.push(packet(2), 9).map((p) => p.sequenceNumber)); // [ 2, 3 ]
 * ```
 */
export class RtpReceiver {
  readonly #clockRate: number;
  readonly #reorderPackets: number;
  readonly #reorderMs: number;
  readonly #onLoss: ((loss: RtpLoss) => void) | undefined;
  /** Packets that wait, by sequence number, with the time that each came. */
  readonly #waiting = new Map<number, { readonly packet: RtpPacket; readonly sinceMs: number }>();
  #ssrc: number | undefined;
  #lastSequence = 0;
  #cycles = 0;
  #oldInARow = 0;
  #jitter = 0;
  #lastArrival: { timestamp: number; nowMs: number } | undefined;
  #senderReport: { ntp: NtpTime; rtpTimestamp: number; nowMs: number } | undefined;
  #sourceLost = 0;
  #lostSinceReport = 0;
  #deliveredSinceReport = 0;
  #delivered = 0;
  #lost = 0;
  #duplicateOrLate = 0;
  #restarts = 0;

  /** Makes a receiver that has seen nothing yet. */
  constructor(options: RtpReceiverOptions) {
    const { clockRate, reorderPackets = DEFAULT_REORDER_PACKETS } = options;
    if (!(reorderPackets >= 0 && reorderPackets <= 16384)) {
      throw new RangeError(
        `Cannot make an RtpReceiver as reorderPackets must be 0 to 16384: current value is ${reorderPackets}`,
      );
    }
    this.#clockRate = clockRate;
    this.#reorderPackets = reorderPackets;
    this.#reorderMs = options.reorderMs ?? DEFAULT_REORDER_MS;
    this.#onLoss = options.onLoss;
  }

  /** The source that the packets come from, or `undefined` before the first packet. */
  get ssrc(): number | undefined {
    return this.#ssrc;
  }

  /** What was counted so far. */
  get stats(): RtpReceiverStats {
    return {
      delivered: this.#delivered,
      lost: this.#lost,
      duplicateOrLate: this.#duplicateOrLate,
      restarts: this.#restarts,
      jitter: this.#jitter,
    };
  }

  /**
   * When {@linkcode flush} has something to do, on the clock of `nowMs`; `undefined` while no packet
   * waits.
   */
  get deadlineMs(): number | undefined {
    const first = this.#waiting.values().next().value;
    return first === undefined ? undefined : first.sinceMs + this.#reorderMs;
  }

  /** Takes a packet that came at `nowMs`; returns the packets that are now in order. */
  push(packet: RtpPacket, nowMs: number): RtpPacket[] {
    const ready = this.flush(nowMs);
    if (packet.ssrc !== this.#ssrc) {
      this.#changeSource(packet, ready);
      this.#measureJitter(packet, nowMs);
      this.#deliver(packet, ready);
      return ready;
    }
    if (this.#aheadOf(packet) < 0) {
      this.#takeOld(packet, ready);
      return ready;
    }
    this.#oldInARow = 0;
    if (this.#waiting.has(packet.sequenceNumber)) {
      this.#duplicateOrLate++;
      return ready;
    }
    this.#measureJitter(packet, nowMs);
    while (this.#waiting.size > 0 && this.#aheadOf(packet) >= this.#reorderPackets) {
      this.#deliver(this.#takeNearest(), ready);
      this.#deliverNext(ready);
    }
    const ahead = this.#aheadOf(packet);
    if (ahead === 0 || ahead >= this.#reorderPackets) {
      this.#deliver(packet, ready);
      this.#deliverNext(ready);
    } else {
      this.#waiting.set(packet.sequenceNumber, { packet, sinceMs: nowMs });
    }
    return ready;
  }

  /** Gives up the gaps that have been waited for long enough; returns what was behind them. */
  flush(nowMs: number): RtpPacket[] {
    const ready: RtpPacket[] = [];
    while (this.#waiting.size > 0 && nowMs >= this.deadlineMs!) {
      this.#deliver(this.#takeNearest(), ready);
      this.#deliverNext(ready);
    }
    return ready;
  }

  /** Takes the publisher's sender report, received at `nowMs`. */
  takeSenderReport(report: SenderReport, nowMs: number): void {
    this.#senderReport = { ntp: report.ntp, rtpTimestamp: report.rtpTimestamp, nowMs };
  }

  /**
   * The wall-clock time of an RTP timestamp by the last sender report, in microseconds since 1970;
   * `undefined` before the first report or where the clock rate is not known.
   */
  unixUsOf(timestamp: number): number | undefined {
    if (this.#senderReport === undefined || this.#clockRate === 0) return undefined;
    const ticks = timestampDistance(this.#senderReport.rtpTimestamp, timestamp);
    return unixUsFromNtp(this.#senderReport.ntp) + usFromTicks(ticks, this.#clockRate);
  }

  /**
   * The block for the next receiver report, at `nowMs`; its fraction of lost packets is since the
   * last call. `undefined` before the first packet and where the clock rate is not known.
   */
  report(nowMs: number): ReportBlock | undefined {
    if (this.#ssrc === undefined || this.#clockRate === 0) return undefined;
    const expected = this.#deliveredSinceReport + this.#lostSinceReport;
    const fraction = expected === 0 ? 0 : Math.floor((this.#lostSinceReport * 256) / expected);
    this.#deliveredSinceReport = 0;
    this.#lostSinceReport = 0;
    const delayMs = this.#senderReport === undefined ? 0 : nowMs - this.#senderReport.nowMs;
    return {
      ssrc: this.#ssrc,
      fractionLost: Math.min(fraction, 255),
      cumulativeLost: Math.min(this.#sourceLost, MAX_CUMULATIVE_LOST),
      highestSequence: ((this.#cycles << 16) | this.#lastSequence) >>> 0,
      jitter: Math.floor(this.#jitter),
      lastSenderReport: this.#senderReport === undefined ? 0 : compactNtp(this.#senderReport.ntp),
      delaySinceLastSenderReport: Math.min(Math.floor((delayMs * 65536) / 1000), 0xffffffff),
    };
  }

  /** How many packets are missing between the last one delivered and this one; negative if old. */
  #aheadOf(packet: RtpPacket): number {
    return sequenceDistance(this.#lastSequence, packet.sequenceNumber) - 1;
  }

  #changeSource(packet: RtpPacket, ready: RtpPacket[]): void {
    if (this.#ssrc !== undefined) {
      this.#deliverWaiting(ready);
      this.#restarts++;
    }
    this.#ssrc = packet.ssrc;
    this.#lastSequence = (packet.sequenceNumber - 1) & 0xffff;
    // The count of wraps begins at 0 also where the first packet has number 0.
    this.#cycles = packet.sequenceNumber === 0 ? -1 : 0;
    this.#oldInARow = 0;
    this.#jitter = 0;
    this.#lastArrival = undefined;
    this.#senderReport = undefined;
    this.#sourceLost = 0;
    this.#lostSinceReport = 0;
    this.#deliveredSinceReport = 0;
  }

  /** A packet that was delivered, given up, or sent before the first one: or the stream restarted. */
  #takeOld(packet: RtpPacket, ready: RtpPacket[]): void {
    this.#duplicateOrLate++;
    if (++this.#oldInARow <= OLD_PACKETS_FOR_RESTART) return;
    this.#oldInARow = 0;
    this.#duplicateOrLate--;
    this.#restarts++;
    this.#deliverWaiting(ready);
    this.#lastArrival = undefined;
    const before = (packet.sequenceNumber - 1) & 0xffff;
    // What is reported as highest sequence number never goes back.
    if (before < this.#lastSequence) this.#cycles++;
    this.#lastSequence = before;
    this.#deliver(packet, ready);
  }

  /** Returns everything that waits, in order; the gaps between are lost. */
  #deliverWaiting(ready: RtpPacket[]): void {
    while (this.#waiting.size > 0) this.#deliver(this.#takeNearest(), ready);
  }

  /** Returns what waits right behind the last packet delivered. */
  #deliverNext(ready: RtpPacket[]): void {
    while (this.#waiting.size > 0) {
      const next = (this.#lastSequence + 1) & 0xffff;
      const entry = this.#waiting.get(next);
      if (entry === undefined) return;
      this.#waiting.delete(next);
      this.#deliver(entry.packet, ready);
    }
  }

  #takeNearest(): RtpPacket {
    let nearest: RtpPacket | undefined;
    let distance = Infinity;
    for (const { packet } of this.#waiting.values()) {
      const ahead = sequenceDistance(this.#lastSequence, packet.sequenceNumber);
      if (ahead >= distance) continue;
      nearest = packet;
      distance = ahead;
    }
    this.#waiting.delete(nearest!.sequenceNumber);
    return nearest!;
  }

  #deliver(packet: RtpPacket, ready: RtpPacket[]): void {
    const lost = (packet.sequenceNumber - this.#lastSequence - 1) & 0xffff;
    if (lost > 0) {
      this.#lost += lost;
      this.#sourceLost += lost;
      this.#lostSinceReport += lost;
      this.#onLoss?.({ lost, nextSequenceNumber: packet.sequenceNumber });
    }
    if (packet.sequenceNumber < this.#lastSequence) this.#cycles = (this.#cycles + 1) & 0xffff;
    this.#lastSequence = packet.sequenceNumber;
    this.#delivered++;
    this.#deliveredSinceReport++;
    ready.push(packet);
  }

  /** RFC 3550, A.8: the mean deviation of the spacing of packets from that of their timestamps. */
  #measureJitter(packet: RtpPacket, nowMs: number): void {
    const last = this.#lastArrival;
    if (last !== undefined && this.#clockRate > 0) {
      const elapsed = ((nowMs - last.nowMs) * this.#clockRate) / 1000;
      const deviation = Math.abs(elapsed - timestampDistance(last.timestamp, packet.timestamp));
      this.#jitter += (deviation - this.#jitter) / 16;
    }
    this.#lastArrival = { timestamp: packet.timestamp, nowMs };
  }
}
