/** Bounds and times of a server session, all with defaults. */
export interface RtmpServerSessionOptions {
  /** Chunk size of what is sent, bytes. Default 65 536. */
  readonly chunkSize?: number;
  /** Window that the peer is told to acknowledge by, bytes. Default 2 500 000. */
  readonly windowSize?: number;
  /** NetStreams at one time. Default 16: encoders use one, players with several views a few. */
  readonly maxNetStreams?: number;
  /** From the start, and after a role has ended or there was no stream, to publish or play. Default 10 000 ms. */
  readonly roleTimeoutMs?: number;
  /** How long a player may go on asking for streams that there are not. Default 600 000 ms. */
  readonly retryTimeoutMs?: number;
  /** Longest silence of a publisher. Default 10 000 ms. */
  readonly publisherTimeoutMs?: number;
  /** Silence after which the peer is pinged. Default 30 000 ms. */
  readonly pingAfterMs?: number;
  /** How long an answer to the ping may take. Default 10 000 ms. */
  readonly pingTimeoutMs?: number;
}

/** The counts of a session. */
export interface RtmpServerSessionStatistics {
  /** Media that came in a state that does not allow it, and was dropped. */
  readonly droppedMedia: number;
  /** Messages of types that are not acted upon. */
  readonly ignoredMessages: number;
}

/** How a request is refused. */
export interface Refusal {
  /**
   * What the client is told: for publish `NetStream.Publish.BadName` (taken) or
   * `NetStream.Publish.Denied`; for play `NetStream.Play.StreamNotFound` or
   * `NetStream.Play.Failed`. A refused connect is always `NetConnection.Connect.Rejected`.
   */
  readonly code?: string;
  /** The reason in words, which the client may show. */
  readonly description: string;
  /** For a connect: the tcUrl of where to connect instead (`ex.redirect`, as SRS has it). */
  readonly redirect?: string;
  /** For a connect: the description asks the client who it is, which then connects anew. */
  readonly isQuestion?: boolean;
}
