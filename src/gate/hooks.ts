import type { MediaUnit } from "../media/mod.ts";

/** A hook's answer that refuses; the reason is told to the client. */
export interface Refused {
  /** Why, in words that the client may show. */
  readonly refuse: string;
}

/**
 * A hook's answer that sends the client elsewhere.
 *
 * RTSP clients get a 302 with the URL as `Location`. Players follow it; of publishers FFmpeg and GStreamer do
 * not. RTMP clients get at connect a rejection with `ex: { code: 302, redirect }`, as SRS has it. For a publish
 * or play RTMP has no answer that clients follow: those are refused, and the description names the URL, without
 * credentials and query.
 */
export interface Redirected {
  /**
   * Where to: an `rtsp:` or `rtsps:` URL, or a path of the server that was asked, for RTSP; for RTMP an
   * `rtmp:` or `rtmps:` URL, at connect without the stream's name. What is neither refuses.
   */
  readonly redirect: string;
}

/** What a hook answers: nothing to allow, a refusal, or a redirection; at once or later. */
export type HookResult = void | Refused | Redirected | Promise<void | Refused | Redirected>;

/** A client that has connected. */
export interface ConnectionInfo {
  /** Number of the connection, unique in this server. */
  readonly id: number;
  /** What it speaks. */
  readonly protocol: "rtmp" | "rtsp";
  /** Address of the client, without a port. */
  readonly remoteAddress: string;
  /** RTMP: the app of connect, as the client sent it. */
  readonly app: string;
  /** What the client calls itself. */
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
}

/** What a client must know to publish or play. */
export interface Credentials {
  /** User name. */
  readonly username: string;
  /** Password in clear. */
  readonly password: string;
}

/** A question for the credentials that a client must show. */
export interface CredentialsRequest extends StreamRequest {
  /** What it wants to do. */
  readonly action: "publish" | "play";
  /** The user name that it claims, not verified; `undefined` when it shows none. */
  readonly username: string | undefined;
}

/** How a connection ended. */
export interface ConnectionEnd {
  /** Whether it ended in order: its role was given up first, or it never had one. */
  readonly clean: boolean;
  /**
   * Why, as a code: `closed` by the peer, `reset`, `unpublished`, `replaced` by another publisher, `stopped`
   * by the server, or an error's code; of RTSP sessions also `connection` (it has ended), `idle-timeout` and
   * `media-timeout`.
   */
  readonly reason: string;
  /** The reason in words. */
  readonly message: string;
}

/** A publisher that has started or ended. */
export interface PublishInfo extends StreamRequest {
  /** Bytes of media received so far. */
  readonly bytes: number;
  /** Units received so far. */
  readonly units: number;
}

/**
 * What an embedder may decide and hear. `onConnect`, `onPublish` and `onPlay` may refuse, or
 * send the client elsewhere; one that throws refuses too, and is logged.
 */
export interface ServerHooks {
  /**
   * Says what a client must know to publish or play; nothing lets everybody in. RTSP clients are asked by
   * Basic and Digest, RTMP clients show `user` and `pass` in the query of the URL. Compared in constant
   * time, before `onPublish` and `onPlay`.
   */
  readonly credentials?: (
    request: CredentialsRequest,
  ) => Credentials | undefined | Promise<Credentials | undefined>;
  /** A client has connected. */
  readonly onConnect?: (connection: ConnectionInfo) => HookResult;
  /** A client wants to publish; asked before the name is taken. */
  readonly onPublish?: (request: StreamRequest) => HookResult;
  /** A client wants to play. */
  readonly onPlay?: (request: StreamRequest) => HookResult;
  /** A publisher has the stream. */
  readonly onPublishStart?: (info: PublishInfo) => void;
  /**
   * A unit of a publisher was taken in: to count, or to look at. It is called for each one, so it must be
   * quick, and must not change the unit.
   */
  readonly onUnit?: (request: StreamRequest, unit: MediaUnit) => void;
  /** A publisher no longer has the stream. */
  readonly onPublishEnd?: (info: PublishInfo, end: ConnectionEnd) => void;
  /** A player is being served. */
  readonly onPlayStart?: (request: StreamRequest) => void;
  /** A player is no longer served. */
  readonly onPlayEnd?: (request: StreamRequest) => void;
  /** A connection has ended; called once for each. */
  readonly onDisconnect?: (connection: ConnectionInfo, end: ConnectionEnd) => void;
}
