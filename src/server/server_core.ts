import type { HttpRoutes } from "../doors/http/mod.ts";
import type { ServerOptions } from "./options.ts";
import type { ServerPart } from "./server_part.ts";
import type { ServerShell } from "./shell.ts";

/** What the agents of a server, and what else it consists of, are made from. */
export interface ServerCore {
  /** The options of the server. */
  readonly options: ServerOptions;
  /** What makes this server a part of a larger one, where it is one. */
  readonly part: ServerPart | undefined;
  /** How many workers serve; 1 where this thread does. */
  readonly workers: number;
  /** The streams, the gate, the log and the time of the server. */
  readonly shell: ServerShell;
}

/**
 * What begins and ends with a server and is neither door nor stream: relays, recordings, channels. Those of a server
 * are a list in `server_agents.ts`, in whose order they begin.
 */
export interface ServerAgent {
  /** What it answers over HTTP. */
  readonly routes?: readonly HttpRoutes[];
  /**
   * Looks whether all is there that it needs, before the server listens.
   *
   * @throws {RecordingError} (rejects) or `MediaFileError`: `listen` then fails with a {@linkcode ServerError} of the
   * same words
   */
  open?(): Promise<void>;
  /** Begins; clients can connect. */
  start?(): Promise<void> | void;
  /** Passes time on, some times a second. */
  tick?(nowMs: number): void;
  /** Ends what it does, while the clients are told that the server stops. */
  stop?(): Promise<void> | void;
}
