import type { SessionDescription } from "../sdp/mod.ts";
import type { RtspServerEvent, RtspSessionEnd, RtspSessionTransport } from "./server_events.ts";
import { SessionTable } from "./session_table.ts";
import type { RtspState } from "./states.ts";

/** One track of a session, set up. */
export interface RtspSessionTrack {
  /** Index of the track in its description. */
  readonly track: number;
  /** How its packets travel. */
  readonly transport: RtspSessionTransport;
  /** SSRC that was promised, where one was. */
  readonly ssrc: number | undefined;
  /** The track's URL, as `RTP-Info` names it. */
  readonly url: string;
}

/**
 * A session as its owner sees it (RFC 2326, 3.4): it belongs to the address and the identity that made it;
 * over TCP also to its connection, over UDP it may outlive that.
 */
export interface RtspServerSession {
  /** 128 random bits as hexadecimal text. */
  readonly id: string;
  /** Address of the client. */
  readonly address: string;
  /** Who the client has shown to be, as the owner named it; `undefined` for nobody in particular. */
  readonly identity: string | undefined;
  /** State (RFC 2326, A.2). */
  readonly state: RtspState;
  /** Path of the stream; `undefined` before ANNOUNCE or SETUP was accepted. */
  readonly path: string | undefined;
  /** Query of the URL, where there was one. */
  readonly query: string | undefined;
  /** What a publisher announced. */
  readonly description: SessionDescription | undefined;
  /** Tracks that are set up, in the order of their SETUPs. */
  readonly tracks: readonly RtspSessionTrack[];
  /** Whether the session has ended. */
  readonly closed: boolean;
  /** Whatever the owner keeps with the session. */
  data: unknown;
  /** Says that the client lives: a receiver report came. */
  noteActivity(nowMs: number): void;
  /** Says that a packet of the publisher came over UDP. */
  notePacket(nowMs: number): void;
}

/** Options of an {@linkcode RtspSessionRegistry}. */
export interface RtspSessionRegistryOptions {
  /** Returns that many random bytes, of a generator fit for secrets. */
  readonly random: (length: number) => Uint8Array;
  /**
   * Milliseconds without a sign of the client after which a session ends; 60 s by default. Clients are
   * told 5 s less, since Windows Media Player sends its keepalive just when the time is over.
   */
  readonly idleTimeoutMs?: number;
  /** Milliseconds without a packet after which a publisher's session ends; 10 s by default. */
  readonly mediaTimeoutMs?: number;
}

/** For connections: the table behind a registry. */
export let tableOf: (registry: RtspSessionRegistry) => SessionTable;

/**
 * The sessions of a server, shared by its connections.
 *
 * @example
 * ```ts
 * import { RtspSessionRegistry } from "@weir/server/rtsp";
 *
 * const sessions = new RtspSessionRegistry({
 *   random: (length) => crypto.getRandomValues(new Uint8Array(length)),
 * });
 * console.log(sessions.size, sessions.advertisedTimeoutS); // 0 55
 * ```
 */
export class RtspSessionRegistry implements Iterable<RtspServerSession> {
  readonly #table: SessionTable;

  static {
    tableOf = (registry) => registry.#table;
  }

  /** Makes an empty registry. */
  constructor(options: RtspSessionRegistryOptions) {
    this.#table = new SessionTable(options);
  }

  /** Number of sessions. */
  get size(): number {
    return this.#table.sessions.size;
  }

  /** Seconds that clients are told as timeout. */
  get advertisedTimeoutS(): number {
    return this.#table.advertisedTimeoutS;
  }

  /** Goes through all sessions. */
  [Symbol.iterator](): Iterator<RtspServerSession> {
    return this.#table.sessions.values();
  }

  /** Returns the session of that id. */
  get(id: string): RtspServerSession | undefined {
    return this.#table.sessions.get(id);
  }

  /**
   * Ends a session and, since that is the only way to tell the client, its connection. Does nothing
   * if the session has ended already.
   */
  close(session: RtspServerSession, reason: RtspSessionEnd = "owner"): RtspServerEvent[] {
    const known = this.#table.sessions.get(session.id);
    return known === session ? this.#table.close(known, reason) : [];
  }

  /**
   * Ends the sessions whose time is over. A session over TCP that plays has no timeout: its connection
   * tells whether the client lives. Run it about once a second.
   */
  tick(nowMs: number): RtspServerEvent[] {
    return this.#table.tick(nowMs);
  }
}
