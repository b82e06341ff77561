/** A client that has connected. */
export interface ConnectionInfo {
  /** Number of the connection, unique in this server. */
  readonly id: number;
  /**
   * What it speaks, in its door's word: `rtmp`, `rtmps`, `rtsp`, `rtsps`; `relay` and `program` are the
   * server's own publishers and players.
   */
  readonly protocol: string;
  /** Address of the client, without a port; empty for the server's own. */
  readonly remoteAddress: string;
  /** RTMP: the app of connect, as the client sent it, but for what proves who it is. */
  readonly app: string;
  /** The name of the client's software, as it states it. */
  readonly userAgent: string;
}

/** A client that wants to publish or play. */
export interface StreamRequest {
  /** Its connection. */
  readonly connection: ConnectionInfo;
  /** The stream's name, `app/name`. */
  readonly name: string;
  /** Parameters that came with the name. */
  readonly query: URLSearchParams;
  /** The user that it has proved to be; left out before that, and where it need not prove it. */
  readonly user?: string;
}
