import type { DoorSnapshot } from "../doors/mod.ts";
import type { RtspDoorSnapshot } from "../doors/rtsp/mod.ts";
import type { ClusterStatistics } from "../cluster/mod.ts";
import type { GateCounts, TicketInfo } from "../gate/mod.ts";
import type { PublisherHealth } from "../api/mod.ts";
import type { StreamStatistics } from "../hub/mod.ts";
import type { RelayEntry } from "../relay/mod.ts";

/** Where a server listens. */
export interface ServerAddress {
  /** What is spoken there: `rtmp`, `rtmps`, `rtsp`, `rtsps`; `rtp` is UDP. */
  readonly protocol: string;
  /** Address. */
  readonly hostname: string;
  /** Port; never 0. */
  readonly port: number;
}

/** Counts of one connection. */
export interface ConnectionStatistics {
  /** Its number, as hooks and log lines have it. */
  readonly id: number;
  /** The protocol that it speaks: `rtmp`, `rtmps`, `rtsp`, `rtsps`, or the name of another door's. */
  readonly protocol: string;
  /** Address of the client, without a port. */
  readonly remoteAddress: string;
  /**
   * Bytes of the protocol received, below TLS and tunnels. Of the two connections of an HTTP tunnel the GET
   * has them all.
   */
  readonly bytesReceived: number;
  /** Bytes of the protocol sent. */
  readonly bytesSent: number;
}

/** A connection of a server. */
export interface ServerConnection extends ConnectionStatistics {
  /** Ends the connection, and all that it does; the client is told `reason` in the words of its protocol. */
  kick(reason: string): void;
}

/** Counts of a connection, with those of its protocol. */
export interface ConnectionSnapshot extends ConnectionStatistics {
  /** Bytes that it makes the server hold beside the media of streams. */
  readonly heldBytes: number;
  /** Counts of its protocol, such as ignored messages and dropped media. */
  readonly counts: Readonly<Record<string, number>>;
}

/** Every count that there is of a server, at one moment. */
export interface ServerSnapshot {
  /** Connections that there are. */
  readonly connections: readonly ConnectionSnapshot[];
  /** Publishers and players that there are, the server's own too. */
  readonly tickets: readonly TicketInfo[];
  /** How well the publishers do. */
  readonly health: readonly PublisherHealth[];
  /** Streams that are published or waited for. */
  readonly streams: readonly StreamStatistics[];
  /** Relays. */
  readonly relays: readonly RelayEntry[];
  /** Counts of the gate's refusals so far. */
  readonly refused: Readonly<GateCounts>;
  /** Bytes that are held: the media of all streams, and what connections make the server hold beside. */
  readonly heldBytes: { readonly streams: number; readonly connections: number };
  /** Counts of each door, by the first of its protocols. */
  readonly doors: Readonly<Record<string, DoorSnapshot>> & { readonly rtsp: RtspDoorSnapshot };
  /** How this machine does as one of a cluster; left out where it is none. */
  readonly cluster?: ClusterStatistics;
  /** Lines about peers that were left out of the log, since there were too many. */
  readonly logLinesLeftOut: number;
}
