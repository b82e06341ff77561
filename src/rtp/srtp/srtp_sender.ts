import { sequenceDistance } from "../serial.ts";
import { rtpSequenceNumber, rtpSsrc } from "../packet.ts";
import { applyStream, streamBytes } from "./counter_stream.ts";
import { deriveSessionKeys, type SrtpMasterKey } from "./srtp_keys.ts";
import type { SrtpProfile } from "./srtp_profile.ts";
import { Protection, RTCP_HEADER_BYTES } from "./protection.ts";
import { rtpHeaderBytes } from "./rtp_header_bytes.ts";

/** An RTP packet that is to be protected, and where it goes. */
export interface SrtpJob {
  /** The packet; it stays as it is where it is not the target itself. */
  readonly packet: Uint8Array;
  /** Where the protected packet goes: `packet.length` and the sender's `overhead` bytes from `at` on. */
  readonly target: Uint8Array;
  /** Where in the target it begins. */
  readonly at: number;
  /** The payload type that it gets; the packet's own by default. */
  readonly payloadType?: number;
  /** The sequence number that it gets; the packet's own by default. */
  readonly sequenceNumber?: number;
  /** The timestamp that it gets, 0 to 2^32 - 1; the packet's own by default. */
  readonly timestamp?: number;
}

/** What a sender remembers of one source. */
interface Source {
  /** How often its sequence number has wrapped: the roll-over counter. */
  rollover: number;
  /** The newest sequence number. */
  newest: number;
}

/** How many packets SRTCP can number, with 31 bits (RFC 3711, 3.4): more than any session sends. */
const RTCP_INDEXES = 2 ** 31;

/**
 * Protects RTP and RTCP packets under one master key (RFC 3711, RFC 7714).
 *
 * Several packets at once cost much less than one after the other, so give it all that there are. A job does not change
 * its packet, so that senders of different keys can share one.
 *
 * @example
 * ```ts
 * import { buildRtpPacket, SrtpReceiver, SrtpSender, srtpProfile } from "@weir/server/rtp";
 *
 * const profile = srtpProfile("AES_CM_128_HMAC_SHA1_80");
 * const master = { profile, key: new Uint8Array(16).fill(1), salt: new Uint8Array(14).fill(2) };
 * const packet = buildRtpPacket({
 *   payloadType: 96,
 *   sequenceNumber: 7,
 *   timestamp: 0,
 *   ssrc: 1,
 *   payload: new Uint8Array([1, 2, 3]),
 * });
 * const [sent] = new SrtpSender(master).protect([packet]);
 * console.log(sent!.length - packet.length); // 10
 * console.log(new SrtpReceiver(master).unprotect(sent!)?.subarray(12)); // Uint8Array(3) [ 1, 2, 3 ]
 * ```
 */
export class SrtpSender {
  /** Bytes that a protected RTP packet has more than a plain one. */
  readonly overhead: number;
  readonly #profile: SrtpProfile;
  readonly #identifier: Uint8Array;
  readonly #rtp: Protection;
  readonly #rtcp: Protection;
  readonly #sources = new Map<number, Source>();
  #rtcpIndex = 0;

  /**
   * Derives the session keys.
   *
   * @throws {RangeError} if key or salt have another size than the profile's
   */
  constructor(master: SrtpMasterKey) {
    const { profile, identifier = new Uint8Array(0) } = master;
    this.#profile = profile;
    this.#identifier = identifier;
    this.#rtp = new Protection(profile, deriveSessionKeys(master, "rtp"));
    this.#rtcp = new Protection(profile, deriveSessionKeys(master, "rtcp"));
    this.overhead = profile.tagBytes + identifier.length;
  }

  /** How often the sequence number of a source has wrapped: what receivers that join late have to be told. */
  rolloverOf(ssrc: number): number {
    return this.#sources.get(ssrc)?.rollover ?? 0;
  }

  /**
   * Protects packets, each whole and of a valid header; the results are views of one new buffer. `payloadType` is what
   * they get instead of their own.
   */
  protect(
    packets: readonly Uint8Array[],
    options: { readonly payloadType?: number } = {},
  ): Uint8Array[] {
    let size = 0;
    for (const { length } of packets) size += length + this.overhead;
    const target = new Uint8Array(size);
    let at = 0;
    const jobs = packets.map((packet): SrtpJob => {
      const job = { packet, target, at, ...options };
      at += packet.length + this.overhead;
      return job;
    });
    this.run(jobs);
    return jobs.map((job) => target.subarray(job.at, job.at + job.packet.length + this.overhead));
  }

  /**
   * Does several jobs. A packet that was sent before may be sent again, as it was.
   *
   * @throws {RangeError} if a packet has no valid header, or its target no room
   */
  run(jobs: readonly SrtpJob[]): void {
    const places = jobs.map((job) => this.#prepare(job));
    if (this.#profile.cipher === "counter") this.#runCounter(jobs, places);
    else for (const [index, job] of jobs.entries()) this.#seal(job, places[index]!);
  }

  /**
   * Protects a compound RTCP packet, which gets an index of its own each time.
   *
   * @throws {RangeError} if it is shorter than its header
   */
  protectRtcp(packet: Uint8Array): Uint8Array {
    if (packet.length < RTCP_HEADER_BYTES) {
      throw new RangeError(
        `Cannot protect an RTCP packet as it needs 8 bytes: current value is ${packet.length}`,
      );
    }
    const { rtcpTagBytes, cipher } = this.#profile;
    const index = this.#rtcpIndex;
    this.#rtcpIndex = (index + 1) % RTCP_INDEXES;
    const identifier = this.#identifier;
    const target = new Uint8Array(packet.length + 4 + identifier.length + rtcpTagBytes);
    const view = new DataView(target.buffer);
    target.set(packet);
    const place = { ssrc: view.getUint32(4), indexHigh: index >>> 16, indexLow: index & 0xffff };
    // The E bit: this packet is encrypted.
    const word = (0x80000000 | index) >>> 0;
    if (cipher === "gcm") {
      const wordAt = packet.length + rtcpTagBytes;
      view.setUint32(wordAt, word);
      target.set(identifier, wordAt + 4);
      const associated = new Uint8Array(RTCP_HEADER_BYTES + 4);
      associated.set(packet.subarray(0, RTCP_HEADER_BYTES));
      associated.set(target.subarray(wordAt, wordAt + 4), RTCP_HEADER_BYTES);
      const plain = packet.subarray(RTCP_HEADER_BYTES);
      this.#rtcp.gcm!.seal(plain, { place, associated, target, at: RTCP_HEADER_BYTES });
      return target;
    }
    const length = packet.length - RTCP_HEADER_BYTES;
    const stream = this.#rtcp.counter!.of([{ ...place, length }]);
    applyStream(stream, {
      streamAt: 0,
      source: packet,
      from: RTCP_HEADER_BYTES,
      target,
      at: RTCP_HEADER_BYTES,
      length,
    });
    view.setUint32(packet.length, word);
    target.set(identifier, packet.length + 4);
    this.#rtcp.hmac!.write(target, {
      start: 0,
      end: packet.length + 4,
      trailer: undefined,
      target,
      at: target.length - rtcpTagBytes,
      size: rtcpTagBytes,
    });
    return target;
  }

  #prepare({ packet, target, at, sequenceNumber }: SrtpJob): Place {
    const header = rtpHeaderBytes(packet);
    if (header === undefined) {
      throw new RangeError(
        `Cannot protect an RTP packet as its header must be whole: current value is ${packet.length} bytes`,
      );
    }
    if (at + packet.length + this.overhead > target.length) {
      throw new RangeError(
        `Cannot protect an RTP packet as it needs ${
          packet.length + this.overhead
        } bytes of room: ` +
          `current value is ${target.length - at}`,
      );
    }
    const ssrc = rtpSsrc(packet);
    const indexLow = sequenceNumber ?? rtpSequenceNumber(packet);
    return {
      ssrc,
      indexHigh: this.#rolloverAt(ssrc, indexLow),
      indexLow,
      length: packet.length - header,
      header,
    };
  }

  /** The roll-over counter of a packet, which may be one that is sent again. */
  #rolloverAt(ssrc: number, sequence: number): number {
    const source = this.#sources.get(ssrc);
    if (source === undefined) {
      this.#sources.set(ssrc, { rollover: 0, newest: sequence });
      return 0;
    }
    const distance = sequenceDistance(source.newest, sequence);
    const wraps = source.newest + distance;
    if (wraps < 0) return Math.max(0, source.rollover - 1);
    if (distance <= 0) return source.rollover;
    if (wraps > 0xffff) source.rollover++;
    source.newest = sequence;
    return source.rollover;
  }

  #runCounter(jobs: readonly SrtpJob[], places: readonly Place[]): void {
    const { tagBytes } = this.#profile;
    const identifier = this.#identifier;
    const stream = this.#rtp.counter!.of(places);
    let streamAt = 0;
    for (let i = 0; i < jobs.length; i++) {
      const job = jobs[i]!;
      const { packet, target, at } = job;
      const { header, length, indexHigh } = places[i]!;
      copyHeader(job, header);
      applyStream(stream, {
        streamAt,
        source: packet,
        from: header,
        target,
        at: at + header,
        length,
      });
      streamAt += streamBytes(length);
      const end = at + packet.length;
      if (identifier.length > 0) target.set(identifier, end);
      this.#rtp.hmac!.write(target, {
        start: at,
        end,
        trailer: indexHigh,
        target,
        at: end + identifier.length,
        size: tagBytes,
      });
    }
  }

  #seal(job: SrtpJob, { header, ...place }: Place): void {
    const { packet, target, at } = job;
    const plain = packet.subarray(header);
    copyHeader(job, header);
    const associated = target.subarray(at, at + header);
    this.#rtp.gcm!.seal(plain, { place, associated, target, at: at + header });
    target.set(this.#identifier, at + packet.length + this.#profile.tagBytes);
  }
}

/** What the key stream of a packet begins with, and where in the packet it is applied. */
interface Place {
  readonly ssrc: number;
  readonly indexHigh: number;
  readonly indexLow: number;
  /** Bytes of payload. */
  readonly length: number;
  /** Bytes of header. */
  readonly header: number;
}

function copyHeader(job: SrtpJob, header: number): void {
  const { packet, target, at, payloadType, sequenceNumber, timestamp } = job;
  for (let i = 0; i < header; i++) target[at + i] = packet[i]!;
  if (payloadType !== undefined) target[at + 1] = (packet[1]! & 0x80) | payloadType;
  if (sequenceNumber !== undefined) {
    target[at + 2] = sequenceNumber >> 8;
    target[at + 3] = sequenceNumber;
  }
  if (timestamp !== undefined) {
    target[at + 4] = timestamp >>> 24;
    target[at + 5] = timestamp >>> 16;
    target[at + 6] = timestamp >>> 8;
    target[at + 7] = timestamp;
  }
}
