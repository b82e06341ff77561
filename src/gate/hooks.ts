import type { MediaUnit } from "../media/mod.ts";
import type { ConnectionEnd } from "./answer.ts";
import type {
  Admitted,
  AuthenticationAnswer,
  AuthenticationRequest,
  PasswordMethod,
} from "./authentication.ts";
import type { RefusedInfo } from "./refused_info.ts";
import type { ConnectionInfo, StreamRequest } from "./stream_request.ts";

/** A hook's answer that refuses; the reason is told to the client. */
export interface Refused {
  /** Why, in words that the client may show. */
  readonly refuse: string;
  /** Whether it may not, or there is no room: protocols have a code for each. Default `denied`. */
  readonly refused?: "denied" | "full";
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

/**
 * The answer of a hook, at once or later: nothing allows, else it is a refusal or a redirection. Any other value
 * refuses.
 */
export type HookResult = void | Refused | Redirected | Promise<void | Refused | Redirected>;

/** A publisher that has started or ended. */
export interface PublishInfo extends StreamRequest {
  /** Bytes of media received so far. */
  readonly bytes: number;
  /** Units received so far. */
  readonly units: number;
}

/**
 * What an embedder may decide and hear. `authenticate`, `onConnect`, `onPublish` and `onPlay` decide: they
 * may refuse, or send the client elsewhere; one that throws or rejects refuses too, and is logged. They are
 * asked about clients alone, not about the server's own relays and programs. The others hear of every
 * publisher and player there is; they may be async, and what they throw or reject with is logged.
 */
export interface ServerHooks {
  /**
   * Says who may publish or play, and as whom. Without it nobody has to prove anything. Once it is there,
   * only its `allow` lets anybody in: to answer nothing, to throw and to take too long all refuse. It is
   * asked before `onPublish` and `onPlay`. {@linkcode fixedUsers} makes one of user names and passwords.
   */
  readonly authenticate?: (
    request: AuthenticationRequest,
  ) => AuthenticationAnswer | Promise<AuthenticationAnswer>;
  /**
   * Says whether a publisher or player may stay, when rules have changed (`Gate.review`): nothing lets it stay, all else
   * ends it, to throw and to take too long too. Without it whoever was let in stays.
   */
  readonly mayStay?: (
    admitted: Admitted,
  ) => void | Refused | undefined | Promise<void | Refused | undefined>;
  /**
   * The ways by which RTSP and HTTP ask for the passwords that `authenticate` judges, in the order in which they are
   * offered. Where none is a digest, RTMP does not ask at connect either. Default: each door's own.
   */
  readonly passwordMethods?: readonly PasswordMethod[];
  /**
   * Whether a name that a client has sent is, or ends in, a secret that stands for a stream: then no log and no hook is
   * told of it. Not asked on the threads of workers.
   */
  readonly isSecretName?: (name: string) => boolean;
  /** A client has connected. */
  readonly onConnect?: (connection: ConnectionInfo) => HookResult;
  /** A client wants to publish; asked before the name is taken. */
  readonly onPublish?: (request: StreamRequest) => HookResult;
  /** A client wants to play. */
  readonly onPlay?: (request: StreamRequest) => HookResult;
  /** A client has introduced itself, and was let in. Requests of HTTP are none. */
  readonly onEntered?: (connection: ConnectionInfo) => void | Promise<void>;
  /** A client was turned away. To ask one for credentials that has shown none is not to refuse it. */
  readonly onRefused?: (refused: RefusedInfo) => void | Promise<void>;
  /** A publisher has the stream. */
  readonly onPublishStart?: (info: PublishInfo) => void | Promise<void>;
  /**
   * A unit of a publisher was taken in: to count, or to look at. It is called for each one, so it must be
   * quick, and must not change the unit.
   */
  readonly onUnit?: (request: StreamRequest, unit: MediaUnit) => void | Promise<void>;
  /** A publisher no longer has the stream. */
  readonly onPublishEnd?: (info: PublishInfo, end: ConnectionEnd) => void | Promise<void>;
  /** A player is being served. */
  readonly onPlayStart?: (request: StreamRequest) => void | Promise<void>;
  /** A player is no longer served. */
  readonly onPlayEnd?: (request: StreamRequest) => void | Promise<void>;
  /** A connection has ended; called once for each. */
  readonly onDisconnect?: (connection: ConnectionInfo, end: ConnectionEnd) => void | Promise<void>;
}
