import type { AmfObject } from "../amf/mod.ts";
import type { LossPolicy } from "../transmux/mod.ts";

/** A stream that is fetched from, or forwarded to, another server; or all streams of a pattern. */
export interface RelayOptions {
  /** `push` forwards the local stream; `pull` fetches the remote one. */
  readonly mode: "push" | "pull";
  /**
   * Name of the local stream: `app/name`; or a pattern with `*` for whole segments, such as `live/*`: each
   * stands for one segment, at the end of the name for one or more.
   */
  readonly name: string;
  /**
   * URL of the remote stream: `rtmp:`, `rtmps:`, `rtsp:` or `rtsps:`. With a pattern as name it has as many
   * `*`, anywhere in its path and query, and gets what those of the name stand for, in order,
   * percent-encoded.
   */
  readonly url: string;
  /**
   * Of a pull: whether it runs all the time, or while someone watches. Default `always`, of a pattern
   * `demand`: nobody knows which names there are. A push always runs as long as the local stream is
   * published.
   */
  readonly on?: "always" | "demand";
  /**
   * Of a pattern: streams that it relays at one time. Default 100; further ones are left alone until there
   * is room, and the log tells of it.
   */
  readonly maxStreams?: number;
  /**
   * What carries the media of RTSP. Default `auto`: a pull tries UDP and then TCP, a push TCP and then UDP.
   */
  readonly transport?: "auto" | "udp" | "tcp";
  /**
   * Wait after the first failure, milliseconds; it doubles with each. Default 500. All waits vary, between
   * the half of what they are and the whole, so that many relays do not come back at once.
   */
  readonly retryMs?: number;
  /** Longest wait, milliseconds. Default 5000 of a pull, 30 000 of a push. */
  readonly maxRetryMs?: number;
  /** How long a pull on demand goes on without anyone who watches, milliseconds. Default 5000. */
  readonly idleMs?: number;
  /** How long a pull may get nothing before it is tried anew, milliseconds. Default 10 000. */
  readonly silentMs?: number;
  /**
   * Of a push over RTMP: what becomes of pictures after a loss of RTP packets, as the server's `onLoss` says for
   * players. Default `pass`.
   */
  readonly onLoss?: LossPolicy;
  /**
   * Of a pull over RTSP: whether players may talk to the source, where it has a back channel (ONVIF Streaming
   * Specification, 5.3) and they are allowed to. It is asked for with the description, and set up while somebody talks.
   * Default false: a camera that is asked may change what it sends.
   */
  readonly backchannel?: boolean;
  /** Options of its connection. */
  readonly client?: RelayClientOptions;
}

/**
 * How the streams of a rule of paths are fetched or forwarded: a relay of its pattern. Of the URL the API shows the
 * remote server alone.
 */
export type PathRelayOptions = Omit<RelayOptions, "mode" | "name">;

/** How a relay connects to its remote server. */
export interface RelayClientOptions {
  /** Time for connecting in all, and for the answer to each request. Default 10 000 ms. */
  readonly timeoutMs?: number;
  /** PEM certificates that TLS trusts besides the system's. */
  readonly caCerts?: readonly string[];
  /** Of RTMP: further properties of the connect command; they win over the client's own. */
  readonly connectParameters?: AmfObject;
  /** Of RTMP: how the handshake is offered. Default `digest`, which simple servers take for noise. */
  readonly handshake?: "digest" | "simple";
}

/**
 * How a relay does: `idle` when there is nothing to relay, `waiting` for the next attempt after a
 * failure.
 */
export type RelayState = "idle" | "connecting" | "running" | "waiting" | "stopped";

/** Statistics of one relay. */
export interface RelayStatistics {
  /** Its direction. */
  readonly mode: "push" | "pull";
  /** The local stream. */
  readonly name: string;
  /** The remote server, and of RTMP the application; no credentials and no key, which may be a secret. */
  readonly target: string;
  /** Its state. */
  readonly state: RelayState;
  /** Connections that were tried. */
  readonly attempts: number;
  /** Failures since the last success. */
  readonly failures: number;
  /** Why the last attempt ended, where it failed. */
  readonly lastError: string | undefined;
  /** Bytes of payload relayed. */
  readonly bytes: number;
  /** Units relayed. */
  readonly units: number;
  /** Units of a push that were dropped, since the remote server was too slow. */
  readonly dropped: number;
}

/** A relay among those of a server. */
export interface RelayEntry extends RelayStatistics {
  /** The number by which it is changed and removed; it is never used again. */
  readonly id: number;
  /** Of a pattern: the streams that it relays now. What it counts itself is of all, past ones included. */
  readonly streams?: readonly RelayStatistics[];
}
