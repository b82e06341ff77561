import { rtpSequenceNumber, rtpSsrc } from "../packet.ts";
import { sequenceDistance } from "../serial.ts";
import { applyStream } from "./counter_stream.ts";
import { deriveSessionKeys, type SrtpMasterKey } from "./srtp_keys.ts";
import type { SrtpProfile } from "./srtp_profile.ts";
import { ReplayWindow } from "./replay_window.ts";
import { rtpHeaderBytes } from "./rtp_header_bytes.ts";
import { Protection, RTCP_HEADER_BYTES } from "./protection.ts";

/**
 * How many sources a receiver remembers, of RTP and of RTCP each. A publisher has a few tracks, each of which may have a
 * second source for packets that are sent again. Only somebody who has the key can have a source remembered.
 */
export const MAX_SRTP_SOURCES = 64;

/** Options of an {@linkcode SrtpReceiver}. */
export interface SrtpReceiverOptions {
  /** How often the sequence numbers of sources have wrapped before the first packet, by SSRC; 0 by default. */
  readonly rollovers?: ReadonlyMap<number, number>;
}

/** Counts of an {@linkcode SrtpReceiver}. */
export interface SrtpReceiverStats {
  /** Packets that are not authentic, or malformed. */
  readonly rejected: number;
  /** Packets that had come before, or were too old to tell. */
  readonly replayed: number;
}

/**
 * Unprotects RTP and RTCP packets under one master key (RFC 3711, RFC 7714), each of them once. Of a packet that is
 * not authentic, or that came before, nothing is returned, and it is counted; other packets do not suffer by it.
 *
 * @example
 * ```ts
 * import { SrtpReceiver, srtpProfile } from "@weir/server/rtp";
 *
 * const profile = srtpProfile("AEAD_AES_128_GCM");
 * const receiver = new SrtpReceiver({ profile, key: new Uint8Array(16), salt: new Uint8Array(12) });
 * console.log(receiver.unprotect(new Uint8Array(100)), receiver.stats.rejected); // undefined 1
 * ```
 */
export class SrtpReceiver {
  readonly #profile: SrtpProfile;
  readonly #identifier: Uint8Array;
  readonly #rtp: Protection;
  readonly #rtcp: Protection;
  readonly #rollovers: ReadonlyMap<number, number>;
  readonly #sources = new Map<number, ReplayWindow>();
  readonly #rtcpSources = new Map<number, ReplayWindow>();
  readonly #tag: Uint8Array = new Uint8Array(20);
  #rejected = 0;
  #replayed = 0;

  /**
   * Derives the session keys.
   *
   * @throws {RangeError} if key or salt have another size than the profile's
   */
  constructor(master: SrtpMasterKey, options: SrtpReceiverOptions = {}) {
    this.#profile = master.profile;
    this.#identifier = master.identifier ?? new Uint8Array(0);
    this.#rtp = new Protection(master.profile, deriveSessionKeys(master, "rtp"));
    this.#rtcp = new Protection(master.profile, deriveSessionKeys(master, "rtcp"));
    this.#rollovers = options.rollovers ?? new Map();
  }

  /** What was counted so far. */
  get stats(): SrtpReceiverStats {
    return { rejected: this.#rejected, replayed: this.#replayed };
  }

  /** Unprotects an RTP packet; the result has memory of its own. */
  unprotect(packet: Uint8Array): Uint8Array | undefined {
    const header = rtpHeaderBytes(packet);
    const { tagBytes } = this.#profile;
    const trailer = tagBytes + this.#identifier.length;
    if (header === undefined || packet.length < header + trailer) return this.#reject();
    const ssrc = rtpSsrc(packet);
    const indexLow = rtpSequenceNumber(packet);
    const known = this.#sources.get(ssrc);
    const window = known ?? new ReplayWindow();
    const indexHigh = known === undefined
      ? this.#rollovers.get(ssrc) ?? 0
      : rolloverNear(window.newest, indexLow);
    const index = indexHigh * 0x10000 + indexLow;
    if (indexHigh < 0 || !window.admits(index)) return this.#replay();
    const place = { ssrc, indexHigh, indexLow };
    const end = packet.length - trailer;
    let plain: Uint8Array | undefined;
    if (this.#profile.cipher === "gcm") {
      if (!this.#hasIdentifier(packet, packet.length)) return this.#reject();
      const sealed = packet.subarray(header, end + tagBytes);
      const opened = this.#rtp.gcm!.open(sealed, { place, associated: packet.subarray(0, header) });
      if (opened !== undefined) {
        plain = new Uint8Array(end);
        plain.set(packet.subarray(0, header));
        plain.set(opened, header);
      }
    } else if (
      this.#hasIdentifier(packet, packet.length - tagBytes) &&
      this.#isAuthentic(packet, {
        protection: this.#rtp,
        end,
        trailer: indexHigh,
        size: tagBytes,
      })
    ) {
      plain = this.#decrypt(packet, { protection: this.#rtp, place, header, end });
    }
    if (plain === undefined) return this.#reject();
    if (!this.#remember(this.#sources, { ssrc, window, isKnown: known !== undefined })) {
      return this.#reject();
    }
    window.note(index);
    return plain;
  }

  /** Unprotects a compound RTCP packet; the result has memory of its own. */
  unprotectRtcp(packet: Uint8Array): Uint8Array | undefined {
    const { rtcpTagBytes, cipher } = this.#profile;
    const identifierBytes = this.#identifier.length;
    const end = packet.length - rtcpTagBytes - identifierBytes - 4;
    if (end < RTCP_HEADER_BYTES || packet[0]! >> 6 !== 2) return this.#reject();
    const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
    const isGcm = cipher === "gcm";
    const wordAt = isGcm ? end + rtcpTagBytes : end;
    if (!this.#hasIdentifier(packet, wordAt + 4 + identifierBytes)) return this.#reject();
    const word = view.getUint32(wordAt);
    const ssrc = view.getUint32(4);
    const index = word & 0x7fffffff;
    const known = this.#rtcpSources.get(ssrc);
    const window = known ?? new ReplayWindow();
    if (!window.admits(index)) return this.#replay();
    // Whoever has the key has agreed to encrypt RTCP too.
    if (word >>> 31 === 0) return this.#reject();
    const place = { ssrc, indexHigh: index >>> 16, indexLow: index & 0xffff };
    let plain: Uint8Array | undefined;
    if (isGcm) {
      const associated = new Uint8Array(RTCP_HEADER_BYTES + 4);
      associated.set(packet.subarray(0, RTCP_HEADER_BYTES));
      associated.set(packet.subarray(wordAt, wordAt + 4), RTCP_HEADER_BYTES);
      const sealed = packet.subarray(RTCP_HEADER_BYTES, wordAt);
      const opened = this.#rtcp.gcm!.open(sealed, { place, associated });
      if (opened !== undefined) {
        plain = new Uint8Array(end);
        plain.set(packet.subarray(0, RTCP_HEADER_BYTES));
        plain.set(opened, RTCP_HEADER_BYTES);
      }
    } else if (
      this.#isAuthentic(packet, {
        protection: this.#rtcp,
        end: wordAt + 4,
        trailer: undefined,
        size: rtcpTagBytes,
      })
    ) {
      const header = RTCP_HEADER_BYTES;
      plain = this.#decrypt(packet, { protection: this.#rtcp, place, header, end });
    }
    if (plain === undefined) return this.#reject();
    if (!this.#remember(this.#rtcpSources, { ssrc, window, isKnown: known !== undefined })) {
      return this.#reject();
    }
    window.note(index);
    return plain;
  }

  /** Whether the master key identifier that ends at `end` is the one of the key. */
  #hasIdentifier(packet: Uint8Array, end: number): boolean {
    const identifier = this.#identifier;
    return identifier.every((byte, i) => packet[end - identifier.length + i] === byte);
  }

  #isAuthentic(
    packet: Uint8Array,
    { protection, end, trailer, size }: {
      readonly protection: Protection;
      readonly end: number;
      readonly trailer: number | undefined;
      readonly size: number;
    },
  ): boolean {
    const tag = this.#tag;
    protection.hmac!.write(packet, { start: 0, end, trailer, target: tag, at: 0, size });
    // All bytes are compared, so that time tells nothing of the right tag.
    let difference = 0;
    const at = packet.length - size;
    for (let i = 0; i < size; i++) difference |= tag[i]! ^ packet[at + i]!;
    return difference === 0;
  }

  #decrypt(
    packet: Uint8Array,
    { protection, place, header, end }: {
      readonly protection: Protection;
      readonly place: {
        readonly ssrc: number;
        readonly indexHigh: number;
        readonly indexLow: number;
      };
      readonly header: number;
      readonly end: number;
    },
  ): Uint8Array {
    const plain = packet.slice(0, end);
    const length = end - header;
    const stream = protection.counter!.of([{ ...place, length }]);
    applyStream(stream, {
      streamAt: 0,
      source: packet,
      from: header,
      target: plain,
      at: header,
      length,
    });
    return plain;
  }

  #remember(
    sources: Map<number, ReplayWindow>,
    { ssrc, window, isKnown }: {
      readonly ssrc: number;
      readonly window: ReplayWindow;
      readonly isKnown: boolean;
    },
  ): boolean {
    if (isKnown) return true;
    if (sources.size >= MAX_SRTP_SOURCES) return false;
    sources.set(ssrc, window);
    return true;
  }

  #reject(): undefined {
    this.#rejected++;
    return undefined;
  }

  #replay(): undefined {
    this.#replayed++;
    return undefined;
  }
}

/** The roll-over counter that brings a sequence number closest to the newest index (RFC 3711, 3.3.1). */
function rolloverNear(newest: number, sequence: number): number {
  return Math.floor((newest + sequenceDistance(newest & 0xffff, sequence)) / 0x10000);
}
