import type { Clock, Hub } from "../hub/mod.ts";
import type { PeerLog, ServerLog } from "../log/mod.ts";
import type { GateObserver } from "./gate_observer.ts";
import type { Guesses } from "./guess_guard.ts";
import type { HookCaller } from "./hook_caller.ts";
import type { ServerHooks } from "./hooks.ts";
import type { GateLimits, StreamTerms } from "./limits.ts";
import type { NameClaims } from "./name_claims.ts";
import type { PastStreams } from "./past_streams.ts";
import type { Peers } from "./peers.ts";
import type { Leaving } from "./leaving.ts";
import type { Tallies } from "./tallies.ts";
import type { Ticket } from "./ticket.ts";

/** The part of a gate that its guests and tickets use. */
export interface Desk {
  readonly hub: Hub;
  readonly hooks: ServerHooks;
  /** Where names are shared with other hubs; without it those of this hub are all there are. */
  readonly claims: NameClaims | undefined;
  /** Who has what streams were some time ago. */
  readonly past: PastStreams | undefined;
  /** Who knows the other machines of a cluster. */
  readonly nodes: Peers | undefined;
  readonly caller: HookCaller;
  readonly log: ServerLog;
  readonly peers: PeerLog;
  readonly clock: Clock;
  readonly limits: GateLimits;
  /** Set while nobody new is let in. */
  readonly leaving: Leaving | undefined;
  /** How long a hook may take to decide, and credentials may wait to be judged, milliseconds. */
  readonly hookMs: number;
  readonly guesses: Guesses;
  /** The same for secret names, so that who shows credentials does not wait for who guesses those. */
  readonly nameGuesses: Guesses;
  /** Names that the players of each address wait for. */
  readonly waited: Tallies["waited"];
  readonly counts: GateCounts;
  /** Grows with each change of the rules: what was asked before one is to be asked again. */
  readonly rulesAge: number;
  /** The terms of one stream, where they differ from those of all. */
  readonly termsOf: (name: string) => StreamTerms;
  /** Tells the hooks, and all who observe. */
  tell(tell: (observer: GateObserver) => unknown): void;
  /** All publishers and players. */
  tickets(): Iterable<Ticket>;
  /** Takes a ticket into the list; returns its number. */
  register(ticket: Ticket): number;
  /** Takes a ticket off the list. */
  forget(ticket: Ticket): void;
}

/** Counts of the desk's refusals, which only grow. */
export interface GateCounts {
  /** Connections that were closed at once, for a bound. */
  connections: number;
  /** Connections that were closed at once, since their addresses are not let in. */
  addresses: number;
  /** Requests for what can be no stream. */
  invalid: number;
  /** Requests that a rule or hook refused. */
  denied: number;
  /** Credentials that were wrong. */
  wrongCredentials: number;
  /** Requests that asked for credentials. */
  challenged: number;
  /** Publishers whose name was taken. */
  taken: number;
  /** Players whose stream did not come. */
  absent: number;
  /** Requests over a bound. */
  full: number;
  /** Requests that were refused since the server takes nobody new. */
  leaving: number;
  /** Requests that were sent elsewhere. */
  redirected: number;
  /** Publishers and players whose permission has ended. */
  expired: number;
  /** Publishers and players that were over the bitrate that they may have. */
  bitrate: number;
}
