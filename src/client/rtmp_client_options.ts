import type { AmfObject, AmfValue } from "../amf/mod.ts";
import type {
  ChunkLimits,
  RtmpClientSessionOptions,
  RtmpClientSessionStatistics,
  RtmpCredentials,
  RtmpStatus,
  RtmpUrl,
} from "../rtmp/mod.ts";
import type { StreamPair } from "../transport/mod.ts";

/** Options of `RtmpClient.connect`; every one has a default. */
export interface RtmpClientOptions {
  /** Gives connecting up. Once connected, it does nothing more. */
  readonly signal?: AbortSignal;
  /** Time for connecting in all, and for the answer to each request. Default 10 000 ms, of a play 15 000. */
  readonly timeoutMs?: number;
  /** Further properties of the connect command; they win over the client's own. */
  readonly connectParameters?: AmfObject;
  /** Arguments behind the command object of connect. */
  readonly connectArgs?: readonly AmfValue[];
  /** How the handshake is offered. Default `digest`, which simple servers take for noise. */
  readonly handshake?: "digest" | "simple";
  /** PEM certificates that `rtmps:` trusts besides the system's. */
  readonly caCerts?: readonly string[];
  /** User name and password; they win over those of the URL. */
  readonly credentials?: RtmpCredentials;
  /**
   * A connection that is there already: nothing is dialled, redirections are not followed, and a server that
   * asks for credentials before it connects, which takes several connections, gets none.
   */
  readonly transport?: Pick<StreamPair, "readable" | "writable"> & Partial<StreamPair>;
  /** Bounds of what the server may make the client hold. */
  readonly chunks?: Partial<ChunkLimits>;
  /** Times of the session: pings. */
  readonly session?: Pick<RtmpClientSessionOptions, "chunkSize" | "pingAfterMs" | "pingTimeoutMs">;
  /** Longest time that the server may take nothing of what is sent. Default 10 000 ms. */
  readonly writeStallMs?: number;
  /**
   * Is told where the server asks the client to go on (Enhanced RTMP v2, Reconnect Request), with the URL of the same
   * stream there: as in a redirection, credentials stay with their host, and nothing leads from `rtmps` to `rtmp`. Who
   * follows connects anew, and closes this client when the other has taken its place. Not told of servers that this
   * program may not connect to.
   */
  readonly onMove?: (url: RtmpUrl) => void;
  /** Hears what the server says beyond the answers to requests, such as a request to reconnect. */
  readonly onStatus?: (status: RtmpStatus) => void;
  /** Hears what the server calls that the client does not know, which is answered so where the server waits for that. */
  readonly onCall?: (name: string, args: readonly AmfValue[]) => void;
}

/** Statistics of an `RtmpClient`. */
export interface RtmpClientStatistics extends RtmpClientSessionStatistics {
  /** Bytes received after the handshake. */
  readonly bytesReceived: number;
  /** Bytes sent. */
  readonly bytesSent: number;
}
