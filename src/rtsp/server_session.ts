import type { SessionDescription } from "../sdp/mod.ts";
import type { RtspState } from "./states.ts";
import type { RtspPair } from "./transport_header.ts";

/** How the packets of one track travel, as settled by SETUP. */
export type RtspSessionTransport =
  /** Interleaved frames: channels of RTP and RTCP. */
  | { readonly kind: "tcp"; readonly channels: RtspPair; readonly isProtected?: true }
  | {
    readonly kind: "udp";
    readonly clientPorts: RtspPair;
    readonly serverPorts: RtspPair;
    /** Whether packets are protected by SRTP (RFC 3711): `RTP/SAVP`. */
    readonly isProtected?: true;
  }
  | ({ readonly kind: "multicast" } & RtspMulticastGroup);

/** A multicast group of one track. */
export interface RtspMulticastGroup {
  /** Address of the group. */
  readonly address: string;
  /** Ports of RTP and RTCP. */
  readonly ports: RtspPair;
  /** Time to live. */
  readonly ttl: number;
}

/** Why a session has ended. */
export type RtspSessionEnd =
  | "teardown"
  /** Its connection has ended. */
  | "connection"
  /** No sign of the client for the session timeout. */
  | "idle-timeout"
  /** No packet of the publisher for the media timeout. */
  | "media-timeout"
  /** The owner closed it. */
  | "owner";

/** One track of a session, set up. */
export interface RtspSessionTrack {
  /** Index of the track in its description. */
  readonly track: number;
  /** How its packets travel. */
  readonly transport: RtspSessionTransport;
  /** SSRC that was promised, where one was. */
  readonly ssrc: number | undefined;
  /** Whether the client of a session that plays sends it: the back channel. */
  readonly isBackChannel?: true;
  /** The track's URL, as `RTP-Info` names it. */
  readonly url: string;
}

/**
 * A session as its owner sees it (RFC 2326, 3.4): it belongs to the address and the identity that made it;
 * over TCP also to its connection, over UDP it may outlive that.
 */
export interface RtspServerSession {
  /** 128 random bits as hexadecimal text. */
  readonly id: string;
  /** Address of the client. */
  readonly address: string;
  /** Who the client has shown to be, as the owner named it; `undefined` for nobody in particular. */
  readonly identity: string | undefined;
  /** State (RFC 2326, A.2). */
  readonly state: RtspState;
  /** Path of the stream; `undefined` before ANNOUNCE or SETUP was accepted. */
  readonly path: string | undefined;
  /** Query of the URL, where there was one. */
  readonly query: string | undefined;
  /** The description that a publisher has announced. */
  readonly description: SessionDescription | undefined;
  /** Tracks that are set up, in the order of their SETUPs. */
  readonly tracks: readonly RtspSessionTrack[];
  /** Whether the session has ended. */
  readonly closed: boolean;
  /** Any value that the owner keeps with the session. */
  data: unknown;
  /** Says that the client lives: a receiver report came. */
  noteActivity(nowMs: number): void;
  /** Says that a packet of the publisher came over UDP. */
  notePacket(nowMs: number): void;
}
