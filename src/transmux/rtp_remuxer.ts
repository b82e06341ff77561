import type { MediaUnit, Track } from "../media/mod.ts";

/** A packet to be built: what {@linkcode RtpSender.build} takes, and its track. */
export interface RtpPayloadPacket {
  /** Index of its track. */
  readonly track: number;
  /** Timestamp in ticks of the track's clock, 0 to 2^32 - 1. */
  readonly timestamp: number;
  /** The marker bit. */
  readonly marker: boolean;
  /** The payload. */
  readonly payload: Uint8Array;
}

/** A publisher's packet to be forwarded with a rewritten header. */
export interface RtpForwardedPacket {
  /** Index of its track. */
  readonly track: number;
  /** Its timestamp: the publisher's own. */
  readonly timestamp: number;
  /** The whole packet. */
  readonly packet: Uint8Array;
}

/** What an {@linkcode RtpRemuxer} makes. */
export type RtpOutputPacket = RtpPayloadPacket | RtpForwardedPacket;

/** Options of an {@linkcode RtpRemuxer}. */
export interface RtpRemuxerOptions {
  /** Largest payload in bytes; that of the packetisers by default. */
  readonly maxPayloadSize?: number;
}

/** Makes RTP packets of units. */
export class RtpRemuxer {
  /** `tracks` are those of `sdpOfTracks`. */
  constructor(_tracks: readonly Track[], _options: RtpRemuxerOptions = {}) {
    throw new TypeError("not yet");
  }
  /** Makes the packets of one unit. */
  remux(_unit: MediaUnit): RtpOutputPacket[] {
    throw new TypeError("not yet");
  }
}
