import type { RtspServerEvent } from "./server_events.ts";
import type { RtspServerSession, RtspSessionEnd } from "./server_session.ts";
import {
  type RtspSessionRegistryOptions,
  type RtspSessionTimes,
  SessionTable,
} from "./session_table.ts";

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

  /** Number of sessions over UDP whose connections have ended. */
  get detached(): number {
    return this.#table.detachedCount;
  }

  /** Seconds that clients of sessions which begin now are told as timeout. */
  get advertisedTimeoutS(): number {
    return this.#table.advertisedTimeoutS;
  }

  /** Goes by other times from now on; a session over UDP keeps the timeout that its client was told. */
  configure(times: RtspSessionTimes): void {
    this.#table.configure(times);
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
   * Ends a session and has its client told `why`: requests for it are answered 454 with these words. Its connection
   * ends at once where it carried the session's packets, and else, so that there is time to ask, 3 s later, unless it
   * has other sessions. Does nothing if the session has ended already.
   */
  end(session: RtspServerSession, why: string): RtspServerEvent[] {
    const known = this.#table.sessions.get(session.id);
    return known === session ? this.#table.close(known, "owner", { why, isTold: true }) : [];
  }

  /**
   * Ends the sessions whose time is over. A session over TCP that plays has no timeout: its connection
   * tells whether the client lives. Run it about once a second.
   */
  tick(nowMs: number): RtspServerEvent[] {
    return this.#table.tick(nowMs);
  }
}
