import type { Outbox } from "../../transport/mod.ts";
import type { RtspServerEvent, RtspServerSession } from "../../rtsp/mod.ts";
import type { ConnectionEnd } from "../../gate/mod.ts";
import type { SessionDescription } from "../../sdp/mod.ts";
import type { Shell } from "../mod.ts";
import type { RtspSessionStatistics } from "./rtsp_statistics.ts";
import type { RtspDatagrams } from "./rtsp_datagrams.ts";

/** What of a connection a session over it needs. */
export interface RtspCarrier {
  readonly outbox: Outbox;
  /** Ends the connection if its state says so. */
  checkClosed(): void;
  /** Tells the client another description of what a session plays. */
  announce(session: RtspServerSession, description: SessionDescription): void;
}

/** A packet that came interleaved. */
export type RtspFrameEvent = Extract<RtspServerEvent, { type: "frame" }>;

/** The media side of one RTSP session, whichever way its media flows. */
export interface MediaSession {
  /** What it does. */
  readonly mode: "play" | "record";
  /** The connection that has opened it. */
  readonly carrier: RtspCarrier;
  /** Counts of now. */
  readonly statistics: RtspSessionStatistics;
  /** Takes a packet that came interleaved. */
  takeFrame(frame: RtspFrameEvent): void;
  /** Ends a batch of interleaved packets. */
  commit(): void;
  /** Passes time on. */
  tick(nowMs: number): void;
  /** Tells the client, as far as RTCP can, that it is over, and why. */
  sayGoodbye(why?: string): void;
  /** Gives up what it holds: the session has ended for `reason`. */
  closed(reason: string): void;
}

/** Why a session is ended from this side: for log and hooks, and in words for its client. */
export type SessionEnd = Pick<ConnectionEnd, "reason" | "message">;

/** What the media side of a session needs of who keeps it. */
export interface MediaSessionOwner {
  readonly shell: Shell;
  /** The ways of its datagrams. */
  readonly datagrams: RtspDatagrams;
  /** How long a player that is behind may take for the rest of a stream that has ended. */
  readonly drainMs: number;
  /** What becomes of players when the description that they have has changed. */
  readonly onChange: "wrong" | "end" | "announce";
  /** Runs `act` after a while, or when the server stops. */
  later(act: () => void, ms: number): void;
  /** Runs `act`; a mistake of this program ends the session that shows it, and nothing else. */
  guard(session: RtspServerSession, act: () => void): void;
  /**
   * Ends a session from this side: the client is told by a good-bye, by the end of its session, and where it asks for
   * that by the message.
   */
  end(session: RtspServerSession, end: SessionEnd): void;
  /** Ends a session, and its connection; `reason` is what log and hooks are told. */
  close(session: RtspServerSession, reason: string): void;
}
