import type { SessionDescription } from "../sdp/mod.ts";
import type { RtspKnownUser, RtspVerdict } from "./authentication.ts";
import type { RtspError } from "./errors.ts";
import type { RtspRequest } from "./message.ts";
import type { RtspRange } from "./range.ts";
import type { RtspServerSession, RtspSessionEnd, RtspSessionTransport } from "./server_session.ts";

/** The credentials that a client shows with a request. */
export interface RtspPresentedCredentials {
  /** The scheme of the header, in lower case, whether it is offered or not; `undefined` without a header. */
  readonly scheme: string | undefined;
  /** Whether they are of a method that the server offers, and can be read. */
  readonly isOffered: boolean;
  /** The realm of the server, with which digests of passwords are made. */
  readonly realm: string;
  /** The user name that it claims, not verified. */
  readonly username: string | undefined;
  /** The password, where it came in clear (Basic). */
  readonly password: string | undefined;
  /** Whether the client knows the password of `known`, or the one that its digest was made of. */
  verify(known: RtspKnownUser): RtspVerdict;
}

/** The fields of every question. */
export interface RtspQuestion {
  /** The request that asks. */
  readonly request: RtspRequest;
  /** The credentials that the client shows. */
  readonly credentials: RtspPresentedCredentials;
}

/** A client wants the description of a stream. */
export interface RtspDescribeEvent extends RtspQuestion {
  /** Tells the event. */
  readonly type: "describe";
  /**
   * Whether it wants to talk to what is described: the answer lists the back channel, or is 551 (ONVIF Streaming
   * Specification, 5.3).
   */
  readonly wantsBackChannel: boolean;
  /** Path of the stream, as in the URL. */
  readonly path: string;
  /** Query of the URL, where there is one. */
  readonly query: string | undefined;
}

/** A client wants to publish what it describes. */
export interface RtspAnnounceEvent extends RtspQuestion {
  /** Tells the event. */
  readonly type: "announce";
  /** Path of the stream, as in the URL. */
  readonly path: string;
  /** Query of the URL, where there is one. */
  readonly query: string | undefined;
  /** The description that is announced. */
  readonly description: SessionDescription;
  /** The session it is about. */
  readonly session: RtspServerSession;
}

/** A client wants one track of a stream; the transport is chosen, the rest is the owner's. */
export interface RtspSetupEvent extends RtspQuestion {
  /** Tells the event. */
  readonly type: "setup";
  /** Whether the client wants to play or to record. */
  readonly mode: "play" | "record";
  /** Path of the stream, as in the URL. */
  readonly path: string;
  /** Query of the URL, where there is one. */
  readonly query: string | undefined;
  /** Index of the track. */
  readonly track: number;
  /** How the packets will travel. */
  readonly transport: RtspSessionTransport;
  /** The session it is about. */
  readonly session: RtspServerSession;
}

/** A client wants the media to flow, or, when they do already, from elsewhere. */
export interface RtspPlayEvent extends RtspQuestion {
  /** Tells the event. */
  readonly type: "play";
  /** Where from and to, if the client says so. */
  readonly range: RtspRange | undefined;
  /** The session it is about. */
  readonly session: RtspServerSession;
}

/** A publisher wants to begin. */
export interface RtspRecordEvent extends RtspQuestion {
  /** Tells the event. */
  readonly type: "record";
  /** The session it is about. */
  readonly session: RtspServerSession;
}

/** A GET_PARAMETER or SET_PARAMETER with a body; one without is answered by itself. */
export interface RtspParameterEvent extends RtspQuestion {
  /** Tells the event. */
  readonly type: "parameter";
  /** The session it is about. */
  readonly session: RtspServerSession | undefined;
}

/**
 * Another connection wants to use a session that belongs to an identity: is this the same?
 */
export interface RtspAuthorizeEvent extends RtspQuestion {
  /** Tells the event. */
  readonly type: "authorize";
  /** The session it is about. */
  readonly session: RtspServerSession;
}

/** An event that the connection waits for an answer to. */
export type RtspQuestionEvent =
  | RtspDescribeEvent
  | RtspAnnounceEvent
  | RtspSetupEvent
  | RtspPlayEvent
  | RtspRecordEvent
  | RtspParameterEvent
  | RtspAuthorizeEvent;

/** An interleaved frame of an established channel. */
export interface RtspFrameEvent {
  /** Tells the event. */
  readonly type: "frame";
  /** The session of the channel. */
  readonly session: RtspServerSession;
  /** Index of the track. */
  readonly track: number;
  /** Whether it is RTCP. */
  readonly rtcp: boolean;
  /** The packet; a view that nobody may change. */
  readonly payload: Uint8Array;
}

/** An event of a connection or session; `type` tells which. */
export type RtspServerEvent =
  | RtspQuestionEvent
  | RtspFrameEvent
  /** The 200 to PLAY is in the output: media may follow. */
  | { readonly type: "playing"; readonly session: RtspServerSession }
  /** The 200 to RECORD is in the output. */
  | { readonly type: "recording"; readonly session: RtspServerSession }
  | { readonly type: "paused"; readonly session: RtspServerSession }
  /** A request showed that the client of the session lives. */
  | { readonly type: "keepalive"; readonly session: RtspServerSession }
  | {
    readonly type: "session-closed";
    readonly session: RtspServerSession;
    readonly reason: RtspSessionEnd;
  }
  /** A request was answered with an error status. */
  | { readonly type: "refused"; readonly request: RtspRequest; readonly error: RtspError }
  /** The connection is to be closed once its output is written. */
  | { readonly type: "close"; readonly error: RtspError };
