/** What a machine tells of itself. */
export interface NodeRecord {
  /** Its name. */
  readonly node: string;
  /** Which start of it this is: what another start has left behind is nobody's. */
  readonly run: string;
  /** The URL by which others fetch from it: `rtmp://host:1935`. */
  readonly url: string;
  /** Where it stands. */
  readonly region: string;
  /** Streams that others fetch from it now. */
  readonly feeds: number;
  /** How many they may. */
  readonly maxFeeds: number;
  /** Connections that it has. */
  readonly connections: number;
  /** How many it may have. */
  readonly maxConnections: number;
  /** Streams that are published at it. */
  readonly streams: number;
  /** The URLs by which clients reach it, by scheme. */
  readonly clients: Readonly<Record<string, string>>;
  /** Whether it takes no new clients. */
  readonly isDraining: boolean;
}

/** Who publishes a stream, as machines share it. */
export interface StreamRecord {
  /** The machine that has the publisher, and which start of it. */
  readonly node: string;
  readonly run: string;
  /** Which publisher of the name it is, counted from 1. */
  readonly epoch: number;
  /** Who it is for the conflict policy. */
  readonly identity: string | undefined;
  /** When the name was claimed, milliseconds since 1970. */
  readonly claimedMs: number;
  /** The claim that it has taken over by the rules, which so is not the older of a conflict. */
  readonly over: string | undefined;
}

/** A copy of a stream, as machines share it. */
export interface ReplicaRecord {
  /** The machine that has the copy, and which start of it. */
  readonly node: string;
  readonly run: string;
  /** Which publisher of the name it is of. */
  readonly epoch: number;
  /** The machines that the stream has passed, from the one with the publisher to this one. */
  readonly path: readonly string[];
}
