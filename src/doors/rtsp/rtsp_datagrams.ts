import type { MulticastGroups } from "./multicast_groups.ts";
import type { RtpSockets } from "./rtp_sockets.ts";

/** The sockets and groups of multicast. */
export interface RtspMulticast {
  /** Sockets that send to the groups. */
  readonly sockets: RtpSockets;
  /** Which stream has which group. */
  readonly groups: MulticastGroups;
}

/** The ways by which datagrams leave and come in, as far as they are offered. */
export interface RtspDatagrams {
  /** The RTP and RTCP sockets, where UDP is offered. */
  readonly sockets: RtpSockets | undefined;
  /** The way to groups, where multicast is offered. */
  readonly multicast: RtspMulticast | undefined;
}
