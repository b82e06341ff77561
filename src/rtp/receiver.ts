import { compactNtp, type NtpTime, unixUsFromNtp } from "./ntp.ts";
import { usFromTicks } from "./timestamp.ts";
import type { RtpPacket } from "./packet.ts";
import type { ReportBlock, SenderReport } from "./rtcp.ts";
import { sequenceDistance, timestampDistance } from "./serial.ts";

/** Packets that may wait for an earlier one by default: networks swap far fewer (R160). */
export const DEFAULT_REORDER_PACKETS = 64;

/** How long a packet waits for an earlier one by default, milliseconds: players would rather go on than wait longer. */
export const DEFAULT_REORDER_MS = 200;

/** After so many packets in a row that are older than the last one delivered, the stream has begun anew. */
const OLD_PACKETS_FOR_RESTART = 64;

/** A source that has been silent for so long gives its place to another one, milliseconds. */
const SILENCE_FOR_CHANGE_MS = 1000;

/**
 * Packets of another source, with none of the present one between them, after which it takes its place at once:
 * more than a picture has, as which they come in a row also where two encoders send by turns.
 */
const OTHER_PACKETS_FOR_CHANGE = 256;

/**
 * Bytes of such packets after which it takes its place too: over TCP packets can have 64 KiB, and this is for
 * each track of each publisher.
 */
const OTHER_BYTES_FOR_CHANGE = 4 * 1024 * 1024;

/** The largest count of lost packets that a report block can tell: 24 bits, signed. */
const MAX_CUMULATIVE_LOST = 0x7fffff;

/** A gap in a track's packets that will not be filled any more. */
export interface RtpLoss {
  /** How many packets are missing. */
  readonly lost: number;
  /** Sequence number of the packet that follows the gap. */
  readonly nextSequenceNumber: number;
}

/** A packet and when it came. */
interface ArrivedPacket {
  readonly packet: RtpPacket;
  readonly arrivalMs: number;
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
  /** Packets that were dropped since the same one was returned before, given up, or is waiting. */
  readonly duplicateOrLate: number;
  /** Packets that were dropped since they were of another source while this one went on. */
  readonly foreign: number;
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
 * caller's: `push` and `flush` are told it.
 *
 * Another source (SSRC) is accepted, and begins anew, when this one has been silent for a second, or 256 packets
 * or 4 MiB of the other have come without one of this between them; they are then returned, from the first on.
 * Where this one goes on, those of the other are dropped: neither an injector nor a second encoder takes its place.
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
  /** When the newest packet of the source came. */
  #heardMs = -Infinity;
  /** Packets of another source that have come since then, without one of this source between them. */
  #others: ArrivedPacket[] = [];
  #otherBytes = 0;
  #restart: ArrivedPacket | undefined;
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
  #foreign = 0;
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

  /** Sequence numbers of packets that others wait for, in order: at most `reorderPackets`. */
  get missing(): number[] {
    let furthest = 0;
    for (const { packet } of this.#waiting.values()) {
      furthest = Math.max(furthest, this.#aheadOf(packet));
    }
    const missing: number[] = [];
    for (let ahead = 1; ahead <= furthest; ahead++) {
      const number = (this.#lastSequence + ahead) & 0xffff;
      if (!this.#waiting.has(number)) missing.push(number);
    }
    return missing;
  }

  /** What was counted so far. */
  get stats(): RtpReceiverStats {
    return {
      delivered: this.#delivered,
      lost: this.#lost,
      duplicateOrLate: this.#duplicateOrLate,
      foreign: this.#foreign,
      restarts: this.#restarts,
      jitter: this.#jitter,
    };
  }

  /**
   * When {@linkcode flush} has something to do, on the clock of `nowMs`; `undefined` while no packet
   * waits.
   */
  get deadlineMs(): number | undefined {
    const changeMs = this.#others.length > 0 ? this.#heardMs + SILENCE_FOR_CHANGE_MS : Infinity;
    const deadlineMs = Math.min(this.#gapDeadlineMs, changeMs);
    return deadlineMs === Infinity ? undefined : deadlineMs;
  }

  /**
   * Where the source or its sequence numbers have begun anew, if that is among what the newest `push` or `flush`
   * has returned: the packet, whose timestamp has nothing to do with those before, and when it came.
   */
  get restart(): { readonly packet: RtpPacket; readonly arrivalMs: number } | undefined {
    return this.#restart;
  }

  /** Takes a packet that came at `nowMs`; returns the packets that are now in order. */
  push(packet: RtpPacket, nowMs: number): RtpPacket[] {
    const ready = this.flush(nowMs);
    if (this.#ssrc === undefined) this.#beginSource(packet);
    if (packet.ssrc !== this.#ssrc) {
      this.#takeOther({ packet, arrivalMs: nowMs }, ready);
    } else {
      this.#dropOthers();
      this.#heardMs = nowMs;
      this.#take(packet, { nowMs, ready });
    }
    return ready;
  }

  #take(
    packet: RtpPacket,
    { nowMs, ready }: { readonly nowMs: number; readonly ready: RtpPacket[] },
  ): void {
    if (this.#aheadOf(packet) < 0) {
      this.#takeOld({ packet, arrivalMs: nowMs }, ready);
      return;
    }
    this.#oldInARow = 0;
    if (this.#waiting.has(packet.sequenceNumber)) {
      this.#duplicateOrLate++;
      return;
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
  }

  /**
   * Gives up the gaps that have been waited for long enough, and a source that is silent while another sends;
   * returns what was behind them.
   */
  flush(nowMs: number): RtpPacket[] {
    const ready: RtpPacket[] = [];
    this.#restart = undefined;
    while (this.#waiting.size > 0 && nowMs >= this.#gapDeadlineMs) {
      this.#deliver(this.#takeNearest(), ready);
      this.#deliverNext(ready);
    }
    if (this.#others.length > 0 && nowMs - this.#heardMs >= SILENCE_FOR_CHANGE_MS) {
      this.#changeSource(ready);
    }
    return ready;
  }

  /** Nothing more comes: returns what waits, in order. Packets of another source are dropped. */
  end(): RtpPacket[] {
    const ready: RtpPacket[] = [];
    this.#restart = undefined;
    this.#dropOthers();
    this.#deliverWaiting(ready);
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

  /** When the oldest gap is given up. */
  get #gapDeadlineMs(): number {
    const first = this.#waiting.values().next().value;
    return first === undefined ? Infinity : first.sinceMs + this.#reorderMs;
  }

  #takeOther(other: ArrivedPacket, ready: RtpPacket[]): void {
    if (this.#others[0]?.packet.ssrc !== other.packet.ssrc) this.#dropOthers();
    this.#others.push(other);
    this.#otherBytes += other.packet.bytes.length;
    const isSilent = other.arrivalMs - this.#heardMs >= SILENCE_FOR_CHANGE_MS;
    const areMany = this.#others.length >= OTHER_PACKETS_FOR_CHANGE ||
      this.#otherBytes > OTHER_BYTES_FOR_CHANGE;
    if (isSilent || areMany) this.#changeSource(ready);
  }

  #dropOthers(): void {
    if (this.#others.length === 0) return;
    this.#foreign += this.#others.length;
    this.#takeOthers();
  }

  /** Returns the packets of the other source, and holds none of them any more. */
  #takeOthers(): ArrivedPacket[] {
    const others = this.#others;
    this.#others = [];
    this.#otherBytes = 0;
    return others;
  }

  /** The other source takes the place of this one. */
  #changeSource(ready: RtpPacket[]): void {
    const others = this.#takeOthers();
    this.#deliverWaiting(ready);
    this.#restarts++;
    this.#restart = others[0]!;
    this.#beginSource(others[0]!.packet);
    for (const { packet, arrivalMs } of others) {
      this.#heardMs = arrivalMs;
      this.#take(packet, { nowMs: arrivalMs, ready });
    }
  }

  #beginSource(packet: RtpPacket): void {
    this.#ssrc = packet.ssrc;
    this.#lastSequence = (packet.sequenceNumber - 1) & 0xffff;
    // The step to the first packet counts a wrap where that has number 0, which makes up for beginning at -1.
    this.#cycles = packet.sequenceNumber === 0 ? -1 : 0;
    this.#oldInARow = 0;
    this.#jitter = 0;
    this.#lastArrival = undefined;
    this.#senderReport = undefined;
    this.#sourceLost = 0;
    this.#lostSinceReport = 0;
    this.#deliveredSinceReport = 0;
  }

  /**
   * Takes a packet that is older than the last one delivered: a repeated or late one, or the first ones of a restarted
   * stream.
   */
  #takeOld(old: ArrivedPacket, ready: RtpPacket[]): void {
    const { packet } = old;
    this.#duplicateOrLate++;
    if (++this.#oldInARow <= OLD_PACKETS_FOR_RESTART) return;
    this.#oldInARow = 0;
    this.#duplicateOrLate--;
    this.#restarts++;
    this.#restart = old;
    this.#deliverWaiting(ready);
    this.#lastArrival = undefined;
    const before = (packet.sequenceNumber - 1) & 0xffff;
    // The highest sequence number in reports must not go back when the stream restarts, so a wrap is counted.
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

  /** Measures how the spacing of packets differs from that of their timestamps, as a running mean (RFC 3550, A.8). */
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
