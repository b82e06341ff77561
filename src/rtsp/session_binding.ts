import type { RtspServerEvent } from "./server_events.ts";
import { RtspError } from "./errors.ts";
import { elsewhere } from "./request_checks.ts";
import type { RtspSessionTrack } from "./server_session.ts";
import type { ServerSession, SessionConnection, SessionTable } from "./session_table.ts";
import type { RtspMethod } from "./states.ts";

/** Sessions that one connection may open: a proxy opens one a stream. */
const MAX_SESSIONS = 16;

/** Which sessions a connection has opened, which it may use, and whose frames it carries. */
export class SessionBinding implements SessionConnection {
  readonly #table: SessionTable;
  readonly #address: string;
  readonly #close: (error: RtspError) => void;
  readonly #closeSoon: (error: RtspError) => void;
  readonly #opened = new Set<ServerSession>();
  /** Those, and the ones over UDP that another connection has opened and this one goes on with. */
  readonly #used = new Set<ServerSession>();
  #interleaved: ServerSession | undefined;
  #everInterleaved = false;
  /** The session that has ended last. */
  #endedId: string | undefined;

  constructor(
    table: SessionTable,
    options: {
      readonly address: string;
      readonly close: (error: RtspError) => void;
      readonly closeSoon: (error: RtspError) => void;
    },
  ) {
    this.#table = table;
    this.#address = options.address;
    this.#close = options.close;
    this.#closeSoon = options.closeSoon;
  }

  /** Number of sessions that were opened or used here and live. */
  get count(): number {
    return this.#used.size;
  }

  /** The one session whose frames the connection carries. */
  get interleaved(): ServerSession | undefined {
    return this.#interleaved;
  }

  /** Whether the connection ever carried frames. */
  get everInterleaved(): boolean {
    return this.#everInterleaved;
  }

  /** The session that a request without `Session` can only mean, if there is one. */
  get implied(): ServerSession | undefined {
    const [sole] = this.#opened.size === 1 ? this.#opened : [];
    return this.#interleaved ?? sole;
  }

  closeFor(error: RtspError): void {
    this.#close(error);
  }

  closeSoonFor(error: RtspError): void {
    this.#closeSoon(error);
  }

  /** Why the session has ended that a request without `Session` meant until then. */
  get whyEnded(): string | undefined {
    return this.#endedId === undefined ? undefined : this.#table.whyEnded(this.#endedId);
  }

  forget(session: ServerSession): void {
    this.#endedId = session.id;
    this.#opened.delete(session);
    this.#used.delete(session);
    if (this.#interleaved === session) this.#interleaved = undefined;
  }

  /** Makes a session that becomes known with {@linkcode SessionBinding.open}. */
  create(nowMs: number): ServerSession {
    if (this.#opened.size >= MAX_SESSIONS) {
      const message = `over ${MAX_SESSIONS} sessions of a connection`;
      throw new RtspError("too-many-sessions", message, { status: 503 });
    }
    return this.#table.create({ address: this.#address, nowMs });
  }

  /** Follows the method that makes, or goes on with, a session. */
  open(session: ServerSession, method: RtspMethod): void {
    session.follow(method);
    if (session.registered) return;
    this.#opened.add(session);
    this.use(session);
    this.#table.add(session);
  }

  /** Says that the connection speaks for `session`. */
  use(session: ServerSession): void {
    this.#used.add(session);
    this.#table.attach(session, this);
  }

  /** Says that the connection carries the frames of `session`. */
  carry(session: ServerSession): void {
    this.#interleaved = session;
    this.#everInterleaved = true;
  }

  /** Finds the track of a channel, and whether the channel is that of RTCP. */
  channel(channel: number): { track: RtspSessionTrack; rtcp: boolean } | undefined {
    for (const track of this.#interleaved?.tracks ?? []) {
      if (track.transport.kind !== "tcp") continue;
      const [rtp, rtcp] = track.transport.channels;
      if (channel === rtp || channel === rtcp) return { track, rtcp: channel === rtcp };
    }
    return undefined;
  }

  /** R021–R024: a session belongs to its address, one over TCP to its connection. */
  checkUse(session: ServerSession): void {
    if (session.address !== this.#address) throw elsewhere("session of another address");
    if (session.transportKind === "tcp" && !this.#opened.has(session)) {
      throw elsewhere("session is linked to another connection");
    }
    this.#checkSole(session);
  }

  /** R022: one connection carries the frames of one session, which was opened on it. */
  checkCarry(session: ServerSession): void {
    this.#checkSole(session);
    if (session.registered && !this.#opened.has(session)) {
      throw elsewhere("session is linked to another connection");
    }
  }

  /** The session that a SETUP without `Session` means, where it cannot mean a new one. */
  impliedForSetup(): ServerSession | undefined {
    if (this.#interleaved?.flowing) throw elsewhere("connection is linked to another session");
    if (this.#interleaved !== undefined) return this.#interleaved;
    // A publisher that announced twice means what it said last.
    return [...this.#opened].findLast(({ state }) => state === "ready-to-record");
  }

  /** Ends what ends with its connection (R026, R029). */
  end(nowMs: number): RtspServerEvent[] {
    const events: RtspServerEvent[] = [];
    for (const session of [...this.#used]) {
      events.push(...this.#table.detach(session, { connection: this, nowMs }));
    }
    this.#opened.clear();
    this.#used.clear();
    this.#interleaved = undefined;
    return events;
  }

  #checkSole(session: ServerSession): void {
    if (this.#interleaved === undefined || this.#interleaved === session) return;
    throw elsewhere("connection is linked to another session");
  }
}
