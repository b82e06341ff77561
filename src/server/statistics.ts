/** Counts of one connection. */
export interface ConnectionStatistics {
  /** Its number, as hooks and log lines have it. */
  readonly id: number;
  /** What it speaks. */
  readonly protocol: "rtmp" | "rtmps" | "rtsp" | "rtsps";
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
