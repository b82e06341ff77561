import type { AmfObject, AmfValue } from "../amf/mod.ts";

/** Who is connected to, bounds and times of a client session; all but `app` and `tcUrl` have defaults. */
export interface RtmpClientSessionOptions {
  /** Application to connect to, with its query. */
  readonly app: string;
  /** URL of the application, as `formatTcUrl` makes it. */
  readonly tcUrl: string;
  /** Further properties of connect; they win over those of the same name, `undefined` takes one out. */
  readonly connectParameters?: AmfObject;
  /** Arguments behind the command object of connect. */
  readonly connectArgs?: readonly AmfValue[];
  /** Chunk size of what is sent, bytes. Default 65 536, which no server in use refuses. */
  readonly chunkSize?: number;
  /** Window that the server is told to acknowledge by, bytes. Default 2 500 000. */
  readonly windowSize?: number;
  /** How many redirections have led here. Default 0. */
  readonly redirects?: number;
  /** How long the server may take to answer a request. Default 10 000 ms. */
  readonly requestTimeoutMs?: number;
  /**
   * The same of a play, which servers answer once they have waited for a publisher. Default `requestTimeoutMs` where that
   * is given, else 15 000 ms.
   */
  readonly playTimeoutMs?: number;
  /** Silence after which the server is pinged. Default 30 000 ms. */
  readonly pingAfterMs?: number;
  /**
   * How long an answer to a ping may take. Default 10 000 ms. Of a server that has never answered one,
   * none is expected: some do not know them.
   */
  readonly pingTimeoutMs?: number;
}

/** The counts of a client session. */
export interface RtmpClientSessionStatistics {
  /** Media on NetStreams that do not play, which was dropped. */
  readonly droppedMedia: number;
  /** Results that no request awaits: repeated, late, or with a wrong transaction id. */
  readonly strayResults: number;
  /** Messages of types that are not acted upon. */
  readonly ignoredMessages: number;
  /** Bytes that the server has acknowledged; as the protocol has it, modulo 2^32. */
  readonly acknowledgedBytes: number;
}

/** Options of {@linkcode RtmpClientSession.publish}. */
export interface RtmpPublishOptions {
  /** `live` by default; `record` and `append` ask the server to keep what it gets. */
  readonly publishType?: "live" | "record" | "append";
}

/** Options of {@linkcode RtmpClientSession.play} (RTMP 1.0, 7.2.2.1). */
export interface RtmpPlayOptions {
  /** Seconds from the start of a recording; -1 live only, -2 live or else recorded. Default -2. */
  readonly start?: number;
  /** Seconds to play; -1 to the end. Default -1. */
  readonly duration?: number;
  /** Whether what played before on the server's list is dropped. Default true. */
  readonly reset?: boolean;
  /** How much the client buffers, which it tells the server. Default 3000 ms. */
  readonly bufferMs?: number;
}

/** Options of {@linkcode RtmpClientSession.call}. */
export interface RtmpCallOptions {
  /** The command object. Default null. */
  readonly object?: AmfValue;
  /** NetStream that the call goes to. Default 0, the connection. */
  readonly streamId?: number;
}

/** A message that a publisher sends. */
export interface OutgoingMedia {
  /** Kind of the message. */
  readonly kind: "audio" | "video" | "data";
  /** NetStream that publishes. */
  readonly streamId: number;
  /** Milliseconds, any integer; sent modulo 2^32. */
  readonly timestampMs: number;
  /** The body, as an FLV tag of the kind has it. */
  readonly body: Uint8Array;
}
