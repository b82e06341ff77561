import type { Stream } from "../../hub/mod.ts";
import type { Track } from "../../media/mod.ts";
import { RtpSessionIngest, type RtpTrack } from "../../transmux/mod.ts";
import {
  type RtspServerEvent,
  type RtspServerSession,
  RtspSessionRegistry,
  type RtspTransportPolicy,
} from "../../rtsp/mod.ts";
import type { Shell } from "../mod.ts";
import {
  boundedAddress,
  type NotGranted,
  type PlayTicket,
  type PublishTicket,
} from "../../gate/mod.ts";
import { isLoopback } from "../../transport/mod.ts";
import type {
  MediaSession,
  MediaSessionOwner,
  RtspCarrier,
  RtspFrameEvent,
  SessionEnd,
} from "./media_session.ts";
import { MulticastSessions } from "./multicast_sessions.ts";
import { PlayerReports } from "./player_reports.ts";
import { PlayingSession } from "./playing_session.ts";
import { RecordingSession } from "./recording_session.ts";
import { random, readStream, TakeoverTracks } from "./rtsp_reader.ts";
import { protectionOf } from "./session_protection.ts";
import { SessionTalk, type SessionTalkOptions } from "./session_talk.ts";
import type { RtspSessionStatistics } from "./rtsp_statistics.ts";
import type { RtspDatagrams } from "./rtsp_datagrams.ts";

/**
 * What becomes of players when the description that they have has changed: sound has another configuration, or a
 * track has come later.
 *
 * - `wrong`: those end, in words, whose description is wrong now; one to which a track was added goes on without it.
 * - `end`: all end.
 * - `announce`: all go on, and are told the new description by ANNOUNCE (RFC 2326, 10.3), which few clients know.
 */
export type RtspChangePolicy = "wrong" | "end" | "announce";

/** Times of RTSP sessions, milliseconds, and what becomes of players when a description changes. */
export interface RtspServiceOptions {
  /** Without a sign of the client a session over UDP ends after this. Default 60 000. */
  readonly idleTimeoutMs?: number;
  /** Without a packet a publisher's session ends after this. Default 10 000. */
  readonly mediaTimeoutMs?: number;
  /** How long a player that is behind may take for the rest of a stream that has ended. Default 4000. */
  readonly drainMs?: number;
  /** What becomes of players when the description that they have has changed. Default `wrong`. */
  readonly onChange?: RtspChangePolicy;
}

/** What the door has beside the options of programs. */
export interface RtspServiceParts {
  /** The ways of datagrams that are offered. */
  readonly datagrams: RtspDatagrams;
  /** What the ids of sessions begin with. */
  readonly idPrefix?: string;
}

/** The media side of all RTSP sessions of a server: who plays and records what, over which way. */
export class RtspService implements MediaSessionOwner {
  readonly shell: Shell;
  /** The sessions, shared by all connections. */
  readonly sessions: RtspSessionRegistry;
  /** The ways of datagrams that are offered. */
  readonly datagrams: RtspDatagrams;
  drainMs: number = DRAIN_MS;
  onChange: RtspChangePolicy = "wrong";
  readonly #multicasts: MulticastSessions;
  readonly #takeovers: TakeoverTracks;
  /** What is to be done in a while. */
  readonly #due = new Set<() => void>();
  /** The sessions that play, are set up to, or record. */
  readonly #owned = new Map<RtspServerSession, MediaSession>();

  /** Starts without sessions. */
  constructor(
    shell: Shell,
    options: RtspServiceOptions & RtspServiceParts,
  ) {
    this.shell = shell;
    this.datagrams = options.datagrams;
    this.#takeovers = new TakeoverTracks(shell);
    this.#multicasts = new MulticastSessions(this, (session) => this.playing(session));
    const { gate } = shell;
    this.sessions = new RtspSessionRegistry({
      ...options,
      maxDetached: () => gate.limits.maxDetachedSessions,
      maxDetachedOf: (address) => gate.boundOf("maxDetachedSessionsPerAddress", address),
      countedAs: boundedAddress,
      random,
    });
    this.configure(options);
  }

  /** Gives sessions other times, those that there are too; one over UDP keeps the timeout that its client was told. */
  configure(options: RtspServiceOptions): void {
    this.drainMs = options.drainMs ?? DRAIN_MS;
    this.onChange = options.onChange ?? "wrong";
    this.sessions.configure(options);
  }

  /** Counts of the sessions that play, are set up to, or record. */
  get statistics(): RtspSessionStatistics[] {
    return Array.from(this.#owned.values(), ({ statistics }) => statistics);
  }

  /** Whether a stream is being sent to its group. */
  isMulticast(name: string): boolean {
    return this.#multicasts.has(name);
  }

  /** Whether a session over a connection plays or records. */
  hasRole(carrier: RtspCarrier): boolean {
    return this.#owned.values().some((owned) => owned.carrier === carrier);
  }

  /** The sessions over a connection that play or record. */
  sessionsOf(carrier: RtspCarrier): RtspServerSession[] {
    return [...this.#owned].flatMap(([session, owned]) => owned.carrier === carrier ? session : []);
  }

  /** Whether a publisher ends with a connection; one over UDP may outlive it. */
  isPublishing(carrier: RtspCarrier): boolean {
    return this.#owned.entries().some(([session, owned]) =>
      owned.mode === "record" && owned.carrier === carrier &&
      session.tracks[0]?.transport.kind === "tcp"
    );
  }

  /**
   * The policy, but for client ports that are the server's own: media to where its own sockets receive would come
   * back as that of a client. `localAddress` is where a client reached the server, and other clients at that address,
   * or on its loopback, are the same machine.
   */
  withoutOwnPorts(
    policy: RtspTransportPolicy,
    localAddress: string | undefined,
  ): RtspTransportPolicy {
    const { sockets: unicast, multicast } = this.datagrams;
    const sockets = [unicast, multicast?.sockets].filter((one) => one !== undefined);
    if (sockets.length === 0) return policy;
    return {
      ...policy,
      isOwnPort: ({ address, port }) =>
        (address === localAddress || isLoopback(address)) &&
        sockets.some(({ ports }) => ports.includes(port)),
    };
  }

  /** The media side of a session that plays or is set up to. */
  playing(session: RtspServerSession): PlayingSession | undefined {
    const owned = this.#owned.get(session);
    return owned instanceof PlayingSession ? owned : undefined;
  }

  /** The media side of a session that records. */
  recording(session: RtspServerSession): RecordingSession | undefined {
    const owned = this.#owned.get(session);
    return owned instanceof RecordingSession ? owned : undefined;
  }

  /** Attaches a player to the stream. `group` is the address of a player of multicast. */
  openPlayer(
    session: RtspServerSession,
    from: {
      readonly stream: Stream;
      readonly group?: string | undefined;
      readonly tracks: readonly RtpTrack[];
      readonly ticket: PlayTicket;
      readonly carrier: RtspCarrier;
    },
  ): PlayingSession {
    const existing = this.playing(session);
    if (existing !== undefined) return existing;
    const { stream, tracks, group } = from;
    const reports = new PlayerReports();
    const read = group === undefined
      ? {
        reader: readStream(stream, {
          tracks,
          reports,
          onEnd: () => playing.finish(),
          isProtected: protectionOf(session) !== undefined,
        }),
      }
      : this.#multicasts.join(session, { stream, tracks, address: group });
    const takeovers = this.#takeovers;
    const playing = new PlayingSession(session, this, { ...from, ...read, reports, takeovers });
    this.#owned.set(session, playing);
    return playing;
  }

  /** Makes a session that plays one that may talk to its publisher, once that is taken. */
  openTalk(
    { stream }: PlayingSession,
    of: Omit<SessionTalkOptions, "stream" | "ssrc">,
  ): SessionTalk {
    const ssrc = new DataView(random(4).buffer).getUint32(0);
    return new SessionTalk(this.shell, { ...of, stream, ssrc });
  }

  /** Takes the name for a publisher; returns how that is refused, if it is. */
  openPublisher(
    session: RtspServerSession,
    from: {
      readonly tracks: readonly Track[];
      /** Which media of the description each track is. */
      readonly media: readonly number[];
      readonly ticket: PublishTicket;
      readonly carrier: RtspCarrier;
    },
  ): NotGranted | undefined {
    if (this.#owned.has(session)) return undefined;
    const { tracks, media, ticket, carrier } = from;
    let ingest: RtpSessionIngest | undefined;
    const started = ticket.start({
      tracks,
      epochUnixUs: () => ingest?.epochUnixUs,
      onEnded: (end) => this.end(session, end),
      fields: { transport: session.tracks[0]?.transport.kind },
      endFields: () => {
        if (ingest === undefined) return {};
        const { lost, foreign, malformed } = ingest.statistics;
        return { lost, foreign, malformed };
      },
    });
    if (!("granted" in started)) return started;
    try {
      ingest = new RtpSessionIngest(ticket, {
        tracks,
        media,
        ordered: session.tracks[0]?.transport.kind === "tcp",
        ssrc: new DataView(random(4).buffer).getUint32(0),
        nowMs: this.shell.clock.now(),
      });
    } catch (error) {
      // Nobody else would free the name.
      ticket.end({ clean: false, reason: "internal", message: "Internal error" });
      throw error;
    }
    this.#owned.set(session, new RecordingSession(session, this, { ticket, ingest, carrier }));
    return undefined;
  }

  /** Gives up a player whose session was refused in the end, or whose connection has ended meanwhile. */
  dropUnregistered(session: RtspServerSession): void {
    if (this.sessions.get(session.id) !== session) this.closed(session, "refused");
  }

  /** Takes a packet that came interleaved; `commit` ends the batch. */
  takeFrame(event: RtspFrameEvent): void {
    this.#owned.get(event.session)?.takeFrame(event);
  }

  /** Ends a batch of interleaved packets. */
  commit(session: RtspServerSession): void {
    this.#owned.get(session)?.commit();
  }

  /** Passes time on: timeouts, receiver reports. */
  tick(): void {
    const nowMs = this.shell.clock.now();
    for (const owned of this.#owned.values()) owned.tick(nowMs);
    this.#handle(this.sessions.tick(nowMs));
  }

  /** Tells all clients that the server goes. */
  stop(): void {
    for (const session of [...this.sessions]) {
      this.playing(session)?.sayGoodbye();
      this.close(session, "stopped");
    }
    for (const due of [...this.#due]) due();
  }

  /** Ends all sessions over a connection; their clients are told. */
  closeAll(carrier: RtspCarrier, end: SessionEnd): void {
    for (const [session, owned] of [...this.#owned]) {
      if (owned.carrier === carrier) this.end(session, end);
    }
  }

  /** Runs `act`; a mistake of this program ends the session that shows it, and nothing else. */
  readonly guard = (session: RtspServerSession, act: () => void): void => {
    try {
      act();
    } catch (error) {
      const log = this.shell.peers.of(session.address);
      log.error("rtsp session failed", { error: String(error) });
      this.close(session, "internal");
    }
  };

  /**
   * Ends a session from this side: the client is told by a good-bye, by the end of its session, and where it asks for
   * that by the message.
   */
  end(session: RtspServerSession, { reason, message }: SessionEnd): void {
    this.#owned.get(session)?.sayGoodbye(message);
    this.#release(session, reason, () => this.sessions.end(session, message));
  }

  /** Runs `act` after a while, or when the server stops. */
  later(act: () => void, ms: number): void {
    const due = (): void => {
      timer.cancel();
      if (this.#due.delete(due)) act();
    };
    const timer = this.shell.clock.setTimer(due, ms);
    this.#due.add(due);
  }

  /** Ends a session, and its connection; `reason` is what log and hooks are told. */
  close(session: RtspServerSession, reason: string): void {
    this.#release(session, reason, () => this.sessions.close(session));
  }

  #release(
    session: RtspServerSession,
    reason: string,
    end: () => readonly RtspServerEvent[],
  ): void {
    const carrier = this.#owned.get(session)?.carrier;
    const events = end();
    this.closed(session, reason);
    this.#handle(events);
    carrier?.checkClosed();
  }

  /** Gives up what a session that has ended held. */
  closed(session: RtspServerSession, reason: string): void {
    const owned = this.#owned.get(session);
    if (owned === undefined) return;
    this.#owned.delete(session);
    owned.closed(reason);
  }

  #handle(events: readonly RtspServerEvent[]): void {
    for (const event of events) {
      if (event.type !== "session-closed") continue;
      const carrier = this.#owned.get(event.session)?.carrier;
      this.closed(event.session, event.reason);
      carrier?.checkClosed();
    }
  }
}

/** As far as a player may be behind by default: one that reads as fast as the media comes gets all of it. */
const DRAIN_MS = 4000;
