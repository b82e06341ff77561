import type { Transport } from "../../transport/mod.ts";

/** A connection that another part of the server is to serve. */
export interface HandedConnection {
  /** The connection: what was read of it already comes first. */
  readonly transport: Transport;
  /** Whether it is encrypted. */
  readonly isTls: boolean;
}

/**
 * The parts of a server that listen on the same ports, of which the system gives each connection to any. What belongs
 * together is served by one of them: the two connections of an HTTP tunnel by the one that its cookie tells, and a
 * connection that goes on with a session by the one that the session's id tells.
 */
export interface RtspParts {
  /** The place of this one. */
  readonly index: number;
  /** How many there are. */
  readonly of: number;
  /** Set by the door: serves a connection that another part has accepted. */
  onTake: ((handed: HandedConnection) => void) | undefined;
  /** Has the part at a place serve a connection, whose transport is no longer the caller's. */
  handOver(to: number, handed: HandedConnection): void;
}

/** What the ids of a part's sessions begin with: its place, four digits. */
export function sessionPrefix(index: number): string {
  return index.toString(16).padStart(4, "0");
}

/** The part that a session is at, by its id; `undefined` where that tells none. */
export function partOfSession(id: string, { of }: Pick<RtspParts, "of">): number | undefined {
  if (!/^[0-9a-f]{36}$/.test(id)) return undefined;
  const index = Number.parseInt(id.slice(0, 4), 16);
  return index < of ? index : undefined;
}

/** The part that serves a tunnel, by its cookie. */
export function partOfTunnel(cookie: string, { of }: Pick<RtspParts, "of">): number {
  let hash = 0;
  for (let at = 0; at < cookie.length; at++) hash = (hash * 31 + cookie.charCodeAt(at)) >>> 0;
  return hash % of;
}
