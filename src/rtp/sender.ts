import { ticksFromUs } from "./timestamp.ts";
import { ntpFromUnixUs } from "./ntp.ts";
import { rewriteRtp, RTP_HEADER_SIZE, rtpTimestamp, writeRtpHeader } from "./packet.ts";
import type { SenderReport } from "./rtcp.ts";

/** Options of an {@linkcode RtpSender}. */
export interface RtpSenderOptions {
  /** The source of all packets. */
  readonly ssrc: number;
  /** Payload type, 0 to 127. */
  readonly payloadType: number;
  /** Ticks a second of the track's clock; 0 where it is not known, and then nothing is reported. */
  readonly clockRate: number;
  /** Sequence number of the first packet; a random one by RFC 3550 (5.1), so it is the caller's. */
  readonly sequenceNumber: number;
  /** Ticks that are added to each packet's timestamp, modulo 2^32; 0 by default. */
  readonly timestampOffset?: number;
}

/** Counts of an {@linkcode RtpSender} since it was made. */
export interface RtpSenderStats {
  /** Packets made. */
  readonly packets: number;
  /** Bytes of payload in them. */
  readonly octets: number;
}

/**
 * What one outgoing track remembers: the next sequence number, its counts, and which wall-clock time
 * belongs to which RTP timestamp.
 *
 * @example
 * ```ts
 * import { parseRtpPacket, RtpSender } from "@weir/server/rtp";
 *
 * const sender = new RtpSender({ ssrc: 1, payloadType: 96, clockRate: 90000, sequenceNumber: 65535 });
 * sender.build({ payload: new Uint8Array(10), timestamp: 0 });
 * const second = sender.build({ payload: new Uint8Array(10), timestamp: 3000 });
 * console.log(parseRtpPacket(second).sequenceNumber); // 0
 *
 * sender.setReference(3000, 1_000_000);
 * console.log(sender.report(2_000_000)?.rtpTimestamp); // 93000
 * ```
 */
export class RtpSender {
  /** The source of all packets. */
  readonly ssrc: number;
  /** The payload type of all packets. */
  readonly payloadType: number;
  /** Ticks a second of the track's clock. */
  readonly clockRate: number;
  /** Ticks that are added to each packet's timestamp; set it anew when a publisher comes back. */
  timestampOffset: number;
  #sequenceNumber: number;
  #packets = 0;
  #octets = 0;
  #reference: RtpTimeReference | undefined;
  #lastTimestamp: number | undefined;

  /** Makes a sender that has sent nothing yet. */
  constructor(options: RtpSenderOptions) {
    this.ssrc = options.ssrc;
    this.payloadType = options.payloadType;
    this.clockRate = options.clockRate;
    this.timestampOffset = options.timestampOffset ?? 0;
    this.#sequenceNumber = options.sequenceNumber & 0xffff;
  }

  /** The sequence number of the next packet: what RTP-Info tells as `seq`. */
  get nextSequenceNumber(): number {
    return this.#sequenceNumber;
  }

  /** The timestamp of the last packet as it was sent, or `undefined` before the first one. */
  get lastTimestamp(): number | undefined {
    return this.#lastTimestamp;
  }

  /** What was counted so far. */
  get stats(): RtpSenderStats {
    return { packets: this.#packets, octets: this.#octets };
  }

  /** Builds the next packet around `payload`, which is copied. */
  build(
    unit: { readonly payload: Uint8Array; readonly timestamp: number; readonly marker?: boolean },
  ): Uint8Array<ArrayBuffer> {
    const packet = new Uint8Array(RTP_HEADER_SIZE + unit.payload.length);
    this.write(unit, packet);
    return packet;
  }

  /**
   * Writes the next packet into `target` at `at` (0 by default), header and payload. Returns the
   * number of bytes written: 12 more than the payload's.
   *
   * @throws {RangeError} if `target` has no room for it
   */
  write(
    unit: { readonly payload: Uint8Array; readonly timestamp: number; readonly marker?: boolean },
    target: Uint8Array,
    options: { readonly at?: number } = {},
  ): number {
    const { at = 0 } = options;
    const { payload, marker = false } = unit;
    const timestamp = (unit.timestamp + this.timestampOffset) >>> 0;
    target.set(payload, at + RTP_HEADER_SIZE);
    const { payloadType, ssrc } = this;
    const sequenceNumber = this.#sequenceNumber;
    writeRtpHeader({ payloadType, sequenceNumber, timestamp, ssrc, marker }, target, { at });
    this.#count(payload.length, timestamp);
    return RTP_HEADER_SIZE + payload.length;
  }

  /**
   * Copies another's packet into `target` at `at` (0 by default), as this track's next one: own
   * source, sequence number, payload type and timestamp offset. Returns the number of bytes written.
   */
  forward(
    packet: Uint8Array,
    target: Uint8Array,
    options: { readonly at?: number } = {},
  ): number {
    const length = rewriteRtp(packet, target, {
      at: options.at ?? 0,
      ssrc: this.ssrc,
      sequenceNumber: this.#sequenceNumber,
      timestampOffset: this.timestampOffset,
      payloadType: this.payloadType,
    });
    this.#count(
      length - RTP_HEADER_SIZE - (packet[0]! & 0x0f) * 4,
      (rtpTimestamp(packet) + this.timestampOffset) >>> 0,
    );
    return length;
  }

  /**
   * Passes over `count` sequence numbers, so that receivers see that packets are missing here too.
   */
  skip(count: number): void {
    this.#sequenceNumber = (this.#sequenceNumber + count) & 0xffff;
  }

  /**
   * Says that `rtpTimestamp` (as sent, with the offset) is presented at `unixUs`, in microseconds
   * since 1970. The tracks of a stream stay in sync when their references are of one timeline: the
   * publisher's sender reports, or the stream's own clock.
   */
  setReference(rtpTimestamp: number, unixUs: number): void {
    this.#reference = { rtpTimestamp, unixUs };
  }

  /**
   * The sender report for the time `unixUs`; `undefined` before the first packet, before
   * {@linkcode setReference}, and where the clock rate is not known.
   */
  report(unixUs: number): SenderReport | undefined {
    if (this.#reference === undefined || this.#packets === 0) return undefined;
    return senderReportAt(unixUs, {
      ssrc: this.ssrc,
      clockRate: this.clockRate,
      reference: this.#reference,
      packets: this.#packets,
      octets: this.#octets,
    });
  }

  #count(octets: number, timestamp: number): void {
    this.#sequenceNumber = (this.#sequenceNumber + 1) & 0xffff;
    this.#packets++;
    this.#octets += octets;
    this.#lastTimestamp = timestamp;
  }
}

/** Which wall-clock time belongs to which RTP timestamp of a source. */
export interface RtpTimeReference {
  /** Timestamp in ticks of the track's clock. */
  readonly rtpTimestamp: number;
  /** The same moment in microseconds since 1970. */
  readonly unixUs: number;
}

/** What a sender report tells of a source. */
export interface ReportedSource extends RtpSenderStats {
  /** The source. */
  readonly ssrc: number;
  /** Ticks a second of the track's clock; 0 where it is not known. */
  readonly clockRate: number;
  /** The wall-clock time of one of its timestamps. */
  readonly reference: RtpTimeReference;
}

/**
 * The sender report of a source at the time `unixUs`, microseconds since 1970; `undefined` where its clock rate is not
 * known.
 */
export function senderReportAt(
  unixUs: number,
  { ssrc, clockRate, reference, packets, octets }: ReportedSource,
): SenderReport | undefined {
  if (clockRate === 0) return undefined;
  const elapsed = ticksFromUs(unixUs - reference.unixUs, clockRate);
  return {
    type: "sender-report",
    ssrc,
    ntp: ntpFromUnixUs(unixUs),
    rtpTimestamp: (reference.rtpTimestamp + elapsed) >>> 0,
    packetCount: packets >>> 0,
    octetCount: octets >>> 0,
    reports: [],
  };
}
