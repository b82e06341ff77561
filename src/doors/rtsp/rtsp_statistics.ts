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
  /** Packets of a publisher that came of other sources than the one that a track has, dropped. */
  readonly packetsForeign: number;
  /** Packets of a publisher that were no RTP or RTCP. */
  readonly packetsMalformed: number;
}
