import type { DoorSnapshot } from "../mod.ts";

/** What the RTSP door counts. */
export interface RtspDoorSnapshot extends DoorSnapshot {
  /** Tells it. */
  readonly protocol: "rtsp";
  /** The sessions that play, are set up to, or record. */
  readonly sessions: readonly RtspSessionStatistics[];
  /** Number of all sessions, those that are announced alone too. */
  readonly sessionCount: number;
  /** Sessions over UDP whose connections have ended. */
  readonly detachedSessions: number;
  /** Datagrams that came from where no session has its client, dropped. */
  readonly strangeDatagrams: number;
}

/**
 * Counts of one RTSP session that plays, is set up to, or records. Packets are those of RTP and RTCP; bytes are
 * theirs, of what is sent over TCP with the four before each packet.
 */
export interface RtspSessionStatistics {
  /** Number of the connection that has opened it. */
  readonly connection: number;
  /** Name of the stream. */
  readonly stream: string;
  /** What it does. */
  readonly mode: "play" | "record";
  /** How its packets travel. */
  readonly transport: "udp" | "multicast" | "tcp" | undefined;
  /** Packets that came from the client. */
  readonly packetsReceived: number;
  /** Their bytes. */
  readonly bytesReceived: number;
  /**
   * Packets for this client alone; what goes to a group is counted with the stream, once. The sender reports
   * that a player over TCP begins with are part of the bytes alone.
   */
  readonly packetsSent: number;
  /** Their bytes. */
  readonly bytesSent: number;
  /** Packets that never came: of a player as it reports, `undefined` before it does. */
  readonly packetsLost: number | undefined;
  /** Packets of a publisher that were of another source, or of another payload type, than their track: dropped. */
  readonly packetsForeign: number;
  /** Packets of a publisher that were no RTP or RTCP. */
  readonly packetsMalformed: number;
  /** Pictures and frames of a publisher that were dropped, since they were larger than may be held. */
  readonly unitsDropped: number;
}
