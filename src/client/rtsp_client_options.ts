import type { RtspCredentials, RtspRange, RtspUrl } from "../rtsp/mod.ts";
import type { StreamPair } from "../transport/mod.ts";
import type { PlaybackBounds } from "./playback_bounds.ts";
import type { RtspRequestOptions } from "./rtsp_client_connection.ts";
import type { RtspLinkProtocol } from "./rtsp_link.ts";

/** Options of `RtspClient.connect`; every one has a default. */
export interface RtspClientOptions {
  /** Gives connecting up. Once connected, it does nothing more. */
  readonly signal?: AbortSignal;
  /** Time for connecting in all, and for the answer to each request. Default 10 000 ms. */
  readonly timeoutMs?: number;
  /**
   * What carries media. Default `auto`: what is played comes over UDP, or over TCP where the server
   * refuses UDP (461) or no packet comes; what is published goes over TCP, or UDP where the server
   * refuses that, since nothing would tell that datagrams do not arrive. Over TLS it is TCP, and with `udp`
   * datagrams where the server protects them (SRTP).
   */
  readonly transport?: "auto" | RtspLinkProtocol;
  /** Credentials that go before those of the URL; sent only when the server asks for them. */
  readonly credentials?: RtspCredentials;
  /** PEM certificates that `rtsps:` trusts besides the system's. */
  readonly caCerts?: readonly string[];
  /** Name in the `User-Agent` header. Default `weir`. */
  readonly userAgent?: string;
  /**
   * A connection that is there already: nothing is dialled, redirections are not followed, and media
   * goes over it.
   */
  readonly connection?: Pick<StreamPair, "readable" | "writable"> & Partial<StreamPair>;
  /**
   * Is told where the server asks the client to go on (REDIRECT: RFC 2326, 10.10), with the URL there: as in any
   * redirection, credentials stay with their host. Who follows connects anew, and closes this client when the other has
   * taken its place.
   */
  readonly onMove?: (url: RtspUrl) => void;
  /** With `auto`: time without a packet over UDP after which TCP is tried. Default 3000 ms. */
  readonly fallbackMs?: number;
  /** Time without a packet after which a playback fails; `Infinity` for none. Default 10 000 ms. */
  readonly mediaTimeoutMs?: number;
  /** Longest time that the server may take nothing of what is sent. Default 10 000 ms. */
  readonly writeStallMs?: number;
}

/** Options of `RtspClient.describe`. */
export interface RtspDescribeOptions extends RtspRequestOptions {
  /**
   * Whether the server is asked for its back channel too (ONVIF Streaming Specification, 5.3): the way to a camera's
   * loudspeaker, which is then among the media as sound that is `sendonly`. A server that refuses that is asked again
   * without. Default false.
   */
  readonly backchannel?: boolean;
}

/** Options of `RtspClient.play`. */
export interface RtspPlayOptions extends RtspRequestOptions, PlaybackBounds {
  /** Indexes of the media to play; by default all that a player can receive. */
  readonly tracks?: readonly number[];
  /** What to play; by default all from the start, which is now for a live stream. */
  readonly range?: RtspRange;
}

/** Options of `RtspClient.talk`. */
export interface RtspTalkOptions extends RtspRequestOptions {
  /**
   * Whether all that the server sends is set up too, and dropped as it comes: for servers that take no session of the
   * back channel alone. Default: whether the server is GStreamer's.
   */
  readonly isWhole?: boolean;
}

/** Options of `RtspClient.request`. */
export interface RtspParameterOptions extends RtspRequestOptions {
  /** Further header fields. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The body; name its `Content-Type` in the headers. */
  readonly body?: string;
}

/** Statistics of an `RtspClient`, of its present connection. */
export interface RtspClientStatistics {
  /** Bytes read from the connection, media over TCP among them. */
  readonly bytesReceived: number;
  /** Bytes written to it. */
  readonly bytesSent: number;
  /** Interleaved frames of channels that were not set up. */
  readonly strayFrames: number;
  /** Bytes between messages and frames that belonged to none. */
  readonly garbageBytes: number;
}
