import type { Gate } from "../gate/mod.ts";
import type { Clock, Hub } from "../hub/mod.ts";
import type { ServerLog } from "../log/mod.ts";

/** The parts of a server that its relays use. */
export interface RelayContext {
  /** The hub that has the local streams. */
  readonly hub: Hub;
  /**
   * The server's desk, which every relay passes as a publisher or a player; without it they pass one that nobody
   * looks at.
   */
  readonly gate?: Gate;
  /** The log for lines about relays. */
  readonly log: ServerLog;
  /** Time and timers. */
  readonly clock: Clock;
  /** A number of 0 to 1, for the waits: `Math.random`. */
  readonly random: () => number;
  /** Whether this part of the server sees to it that a stream is pulled, where there are several. Default: always. */
  readonly seesTo?: (name: string) => boolean;
}

/** Why a relay is ended from here. */
export type RelayStopReason = "stopped" | "changed" | "removed";

/** Why a relay that had started is over, where nothing has failed. */
export type RelayEnd =
  /** Nobody publishes the stream here any more: of a push. */
  | "unpublished"
  /** The stream has other tracks than those that the remote server was told of: of a push. */
  | "tracks-changed"
  /** Nobody here watches it any more: of a pull on demand. */
  | "unwatched"
  /** A publisher here has taken the name: of a pull. */
  | "replaced"
  /**
   * Who runs the server has ended it as a publisher, or as a player. It comes back after its longest wait, or
   * earlier for a player: to be rid of it, remove it.
   */
  | "kicked"
  /** The remote stream has ended: of a pull. */
  | "remote-ended"
  /** The remote server has asked for it, and it goes on by another connection. */
  | "moved"
  /** The server stops, or the relay was changed or removed. */
  | RelayStopReason;
