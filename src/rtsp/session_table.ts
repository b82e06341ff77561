import type { SessionDescription } from "../sdp/mod.ts";
import { RtspError } from "./errors.ts";
import type { RtspServerEvent } from "./server_events.ts";
import type {
  RtspServerSession,
  RtspSessionEnd,
  RtspSessionTrack,
  RtspSessionTransport,
} from "./server_session.ts";
import { allowedMethods, RTSP_TRANSITIONS, type RtspMethod, type RtspState } from "./states.ts";
import type { RtspUrl } from "./url.ts";

/** Options of an {@linkcode RtspSessionRegistry}. */
export interface RtspSessionRegistryOptions {
  /** Returns that many random bytes, of a generator fit for secrets. */
  readonly random: (length: number) => Uint8Array;
  /** What the ids of sessions begin with, before what is random; nothing by default. */
  readonly idPrefix?: string;
  /**
   * Milliseconds without a sign of the client after which a session ends; 60 s by default. Clients are
   * told 5 s less, since Windows Media Player sends its keepalive just when the time is over.
   */
  readonly idleTimeoutMs?: number;
  /** Milliseconds without a packet after which a publisher's session ends; 10 s by default. */
  readonly mediaTimeoutMs?: number;
  /**
   * Milliseconds without a sign of the client after which a session over UDP ends that no connection speaks for
   * any more; 15 s by default, three reports of a player. Who sends datagrams to an address that does not answer
   * floods it.
   */
  readonly detachedTimeoutMs?: number;
  /** Sessions over UDP that may live on without a connection at a time; 1000 by default. */
  readonly maxDetached?: number | (() => number);
  /** The same for one address; 64 for each by default. */
  readonly maxDetachedOf?: (address: string) => number;
  /** Whom that bound counts an address as: all that have the same text share it. Each by itself by default. */
  readonly countedAs?: (address: string) => string;
}

/** Sessions without connection, by default: a wall of players whose connections have ended. */
const MAX_DETACHED = 1000;
const MAX_DETACHED_OF_ADDRESS = 64;
const DETACHED_TIMEOUT_MS = 15_000;
const IDLE_TIMEOUT_MS = 60_000;
const MEDIA_TIMEOUT_MS = 10_000;

/** Times of sessions that may be changed. */
export type RtspSessionTimes = Pick<
  RtspSessionRegistryOptions,
  "idleTimeoutMs" | "mediaTimeoutMs"
>;

/** Clients are told less than they have. */
function advertisedTimeoutS(idleTimeoutMs: number): number {
  return Math.max(1, Math.floor(idleTimeoutMs / 1000) - 5);
}

/** Ended sessions whose end is remembered, so that their clients can be told. */
const MAX_REMEMBERED = 1000;

/** The connection of a session, as the session sees it. */
export interface SessionConnection {
  closeFor(error: RtspError): void;
  /** Closes a moment later, unless it has other sessions then. */
  closeSoonFor(error: RtspError): void;
  forget(session: ServerSession): void;
}

/** A session as connection and registry see it. */
export class ServerSession implements RtspServerSession {
  readonly id: string;
  readonly address: string;
  identity: string | undefined = undefined;
  state: RtspState = "initial";
  path: string | undefined = undefined;
  query: string | undefined = undefined;
  description: SessionDescription | undefined = undefined;
  /** URL of the ANNOUNCE. */
  announced: RtspUrl | undefined = undefined;
  readonly tracks: RtspSessionTrack[] = [];
  closed = false;
  data: unknown = undefined;
  /** The connections that have used the session; over TCP the only one. */
  readonly connections: Set<SessionConnection> = new Set();
  /** Whether an owner has accepted the session. */
  registered = false;
  /** Since when no connection speaks for it. */
  detachedMs: number | undefined = undefined;
  activeMs: number;
  packetMs: number;
  /** How long it may go on without a sign of its client: as its client was told, whatever holds for later ones. */
  readonly idleTimeoutMs: number;

  constructor(id: string, options: { address: string; nowMs: number; idleTimeoutMs: number }) {
    this.id = id;
    this.address = options.address;
    this.idleTimeoutMs = options.idleTimeoutMs;
    this.activeMs = this.packetMs = options.nowMs;
  }

  /** Seconds that its client is told as timeout; none where it may be silent for ever. */
  get timeoutS(): number | undefined {
    return this.idleTimeoutMs === Infinity ? undefined : advertisedTimeoutS(this.idleTimeoutMs);
  }

  /** How packets travel; all tracks alike. `undefined` before the first SETUP. */
  get transportKind(): RtspSessionTransport["kind"] | undefined {
    return this.tracks[0]?.transport.kind;
  }

  /** Whether media flows. */
  get flowing(): boolean {
    return this.state === "playing" || this.state === "recording";
  }

  noteActivity(nowMs: number): void {
    this.activeMs = Math.max(this.activeMs, nowMs);
  }

  notePacket(nowMs: number): void {
    this.packetMs = Math.max(this.packetMs, nowMs);
    this.noteActivity(nowMs);
  }

  /** Throws `wrong-state` unless `method` is allowed now. */
  require(method: RtspMethod): void {
    if (method in RTSP_TRANSITIONS[this.state]) return;
    const allow = allowedMethods(this.state);
    const message = `${method} in state "${this.state}", which allows ${allow.join(", ")}`;
    throw new RtspError("wrong-state", message, { status: 455, allow });
  }

  /** Follows the transition of `method`; throws `wrong-state` where there is none. */
  follow(method: RtspMethod): void {
    this.require(method);
    this.state = RTSP_TRANSITIONS[this.state][method] ?? this.state;
  }
}

/** The sessions of a server as its connections see them. */
export class SessionTable {
  readonly sessions: Map<string, ServerSession> = new Map();
  readonly random: (length: number) => Uint8Array;
  /** Ports that sessions send to, each with its address. */
  readonly #clientPorts = new Set<string>();
  readonly #idPrefix: string;
  #idleTimeoutMs = IDLE_TIMEOUT_MS;
  #mediaTimeoutMs = MEDIA_TIMEOUT_MS;
  readonly #detachedTimeoutMs: number;
  readonly #maxDetached: () => number;
  readonly #maxDetachedOf: (address: string) => number;
  readonly #countedAs: (address: string) => string;
  /** Sessions without connection, by whom their addresses count as. */
  readonly #detached = new Map<string, number>();
  #detachedCount = 0;
  /** Why sessions have ended that their clients did not end, by id, the oldest first. */
  readonly #whyEnded = new Map<string, string>();

  constructor(options: RtspSessionRegistryOptions) {
    this.random = options.random;
    this.#idPrefix = options.idPrefix ?? "";
    this.configure(options);
    this.#detachedTimeoutMs = options.detachedTimeoutMs ?? DETACHED_TIMEOUT_MS;
    const { maxDetached = MAX_DETACHED } = options;
    this.#maxDetached = typeof maxDetached === "number" ? () => maxDetached : maxDetached;
    this.#maxDetachedOf = options.maxDetachedOf ?? (() => MAX_DETACHED_OF_ADDRESS);
    this.#countedAs = options.countedAs ?? ((address) => address);
  }

  /** Goes by other times; a session keeps the one that its client was told. */
  configure({ idleTimeoutMs, mediaTimeoutMs }: RtspSessionTimes): void {
    this.#idleTimeoutMs = idleTimeoutMs ?? IDLE_TIMEOUT_MS;
    this.#mediaTimeoutMs = mediaTimeoutMs ?? MEDIA_TIMEOUT_MS;
  }

  /** What clients of sessions that begin now are told, seconds. */
  get advertisedTimeoutS(): number {
    return advertisedTimeoutS(this.#idleTimeoutMs);
  }

  /** Makes a session that is not yet in the table. */
  create(options: { address: string; nowMs: number }): ServerSession {
    const idleTimeoutMs = this.#idleTimeoutMs;
    const id = this.#idPrefix + hexadecimal(this.random(16));
    return new ServerSession(id, { ...options, idleTimeoutMs });
  }

  /** Puts a session that its owner has accepted into the table. */
  add(session: ServerSession): void {
    session.registered = true;
    this.sessions.set(session.id, session);
  }

  /** Whether a session sends to this port of `address`. */
  portInUse(address: string, port: number): boolean {
    return this.#clientPorts.has(`${address}|${port}`);
  }

  /** Adds a track that its owner has accepted to a session. */
  addTrack(session: ServerSession, track: RtspSessionTrack): void {
    session.tracks.push(track);
    for (const key of clientPortsOf(session.address, track)) this.#clientPorts.add(key);
  }

  /** Number of sessions that no connection speaks for. */
  get detachedCount(): number {
    return this.#detachedCount;
  }

  /** Says that a connection speaks for a session. */
  attach(session: ServerSession, connection: SessionConnection): void {
    session.connections.add(connection);
    this.#countAttached(session);
  }

  /** Says that a connection has ended; the session ends with it where it may not live on (R026, R029). */
  detach(
    session: ServerSession,
    from: { connection: SessionConnection; nowMs: number },
  ): RtspServerEvent[] {
    session.connections.delete(from.connection);
    if (session.transportKind === "tcp") return this.remove(session, "connection");
    if (session.closed || session.connections.size > 0) return [];
    if (!session.flowing || !this.#hasRoomFor(session)) return this.remove(session, "connection");
    session.detachedMs = from.nowMs;
    this.#detachedCount++;
    const counted = this.#countedAs(session.address);
    this.#detached.set(counted, (this.#detached.get(counted) ?? 0) + 1);
    return [];
  }

  #hasRoomFor({ address }: ServerSession): boolean {
    return this.#detachedCount < this.#maxDetached() &&
      (this.#detached.get(this.#countedAs(address)) ?? 0) < this.#maxDetachedOf(address);
  }

  #countAttached(session: ServerSession): void {
    if (session.detachedMs === undefined) return;
    session.detachedMs = undefined;
    this.#detachedCount--;
    const counted = this.#countedAs(session.address);
    const left = this.#detached.get(counted)! - 1;
    if (left > 0) this.#detached.set(counted, left);
    else this.#detached.delete(counted);
  }

  /** Why a session has ended that its client did not end; `undefined` where that is not known, or long ago. */
  whyEnded(id: string): string | undefined {
    return this.#whyEnded.get(id);
  }

  /**
   * Ends a session and its connections. With `isTold`, connections that carry none of its frames go on for a moment:
   * a client over UDP that asks for the session is told `why`.
   */
  close(
    session: ServerSession,
    reason: RtspSessionEnd,
    options: { readonly why?: string; readonly isTold?: boolean } = {},
  ): RtspServerEvent[] {
    const connections = [...session.connections];
    const { transportKind } = session;
    const events = this.remove(session, reason);
    if (options.why !== undefined) this.#remember(session, options.why);
    const error = new RtspError("closed", `session closed: ${reason}`);
    for (const connection of connections) {
      if (options.isTold && transportKind !== "tcp") connection.closeSoonFor(error);
      else connection.closeFor(error);
    }
    return events;
  }

  #remember({ id }: ServerSession, why: string): void {
    this.#whyEnded.set(id, why);
    const [oldest] = this.#whyEnded.keys();
    if (this.#whyEnded.size > MAX_REMEMBERED) this.#whyEnded.delete(oldest!);
  }

  /** Ends a session alone. */
  remove(session: ServerSession, reason: RtspSessionEnd): RtspServerEvent[] {
    if (session.closed) return [];
    session.closed = true;
    const why = WHY_ENDED[reason];
    if (why !== undefined) this.#remember(session, why);
    this.#countAttached(session);
    this.sessions.delete(session.id);
    for (const track of session.tracks) {
      for (const key of clientPortsOf(session.address, track)) this.#clientPorts.delete(key);
    }
    for (const connection of session.connections) connection.forget(session);
    session.connections.clear();
    return session.registered ? [{ type: "session-closed", session, reason }] : [];
  }

  /** Ends the sessions whose time is over. */
  tick(nowMs: number): RtspServerEvent[] {
    const events: RtspServerEvent[] = [];
    for (const session of this.sessions.values()) {
      const tcp = session.transportKind === "tcp";
      if (session.state === "recording") {
        if (nowMs - session.packetMs < this.#mediaTimeoutMs) continue;
        // R118: over UDP the session ends, over TCP the connection too.
        if (tcp) events.push(...this.close(session, "media-timeout"));
        else events.push(...this.remove(session, "media-timeout"));
      } else if (session.state !== "playing" || !tcp) {
        if (nowMs - session.activeMs < session.idleTimeoutMs && !this.#isGone(session, nowMs)) {
          continue;
        }
        events.push(...this.remove(session, "idle-timeout"));
      }
    }
    return events;
  }

  /** Whether a client over UDP has neither a connection nor told anything for long. */
  #isGone({ transportKind, detachedMs, activeMs }: ServerSession, nowMs: number): boolean {
    if (detachedMs === undefined || transportKind !== "udp") return false;
    return nowMs - Math.max(detachedMs, activeMs) >= this.#detachedTimeoutMs;
  }
}

/** The reasons that a client is given when it asks for a session that was ended for it. */
const WHY_ENDED: Readonly<Partial<Record<RtspSessionEnd, string>>> = {
  "idle-timeout": "the session has ended without a sign of its client",
  "media-timeout": "the session has ended without packets",
  owner: "the server has ended the session",
};

function clientPortsOf(address: string, { transport }: RtspSessionTrack): string[] {
  return transport.kind === "udp" ? transport.clientPorts.map((port) => `${address}|${port}`) : [];
}

/** Writes bytes as hexadecimal text. */
export function hexadecimal(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
