import type { AmfObject } from "../amf/mod.ts";

/** A stream that is fetched from, or forwarded to, another server. */
export interface RelayOptions {
  /** `push` forwards the local stream; `pull` fetches the remote one. */
  readonly mode: "push" | "pull";
  /** Name of the local stream: `app/name`. */
  readonly name: string;
  /** URL of the remote stream: `rtmp:`, `rtmps:`, `rtsp:` or `rtsps:`. */
  readonly url: string;
  /**
   * Of a pull: whether it runs all the time, or while someone watches. Default `always`. A push always
   * runs as long as the local stream is published.
   */
  readonly on?: "always" | "demand";
  /**
   * What carries the media of RTSP. Default `auto`: a pull tries UDP and then TCP, a push TCP and then UDP.
   */
  readonly transport?: "auto" | "udp" | "tcp";
  /** Wait after the first failure, milliseconds; it doubles with each. Default 500. */
  readonly retryMs?: number;
  /** Longest wait, milliseconds. Default 30 000. */
  readonly maxRetryMs?: number;
  /** How long a pull on demand goes on without anyone who watches, milliseconds. Default 5000. */
  readonly idleMs?: number;
  /** How long a pull may get nothing before it is tried anew, milliseconds. Default 10 000. */
  readonly silentMs?: number;
  /** How to connect. */
  readonly client?: RelayClientOptions;
}

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
  /** How it does. */
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
