import type { Stream } from "../hub/mod.ts";
import type { RelayAccount } from "./relay_account.ts";
import type { RelayContext, RelayEnd } from "./relay_context.ts";
import type { RelayConnection, RelayDriver } from "./relay_driver.ts";
import type { RelayOptions } from "./relay_options.ts";
import type { RelayVisit } from "./relay_visit.ts";

/** The parts of a relay that carry its media use. */
export interface RelayParts {
  readonly context: RelayContext;
  readonly driver: RelayDriver;
  readonly account: RelayAccount;
  /** Its options of now: times among them may change while it runs. */
  readonly options: () => RelayOptions;
  /** Is aborted when the relay is ended from here. */
  readonly stop: AbortSignal;
  /** Why that was, or `end` where it was not. */
  readonly whyOver: (end: RelayEnd) => RelayEnd;
  /** What every line of the log says of it. */
  readonly fields: () => Record<string, unknown>;
  /** Passes the server's desk. */
  readonly enter: () => Promise<RelayVisit>;
}

/** What one connection of a relay is told, and tells. */
export interface LegOptions {
  /** Ends all. */
  readonly signal: AbortSignal;
  /** Ends this one: another goes on in its place. */
  readonly left: AbortSignal;
  /** Resolves, or rejects, when the connection is over that it goes on for. */
  readonly before: Promise<unknown> | undefined;
  /** Is to be called when it relays. */
  readonly onBegun: () => void;
}

/** Relays by one connection; resolves with why that is over. */
export type RelayWay = (
  parts: RelayParts,
  connection: RelayConnection,
  options: LegOptions,
) => Promise<RelayEnd>;

/** How often a running relay looks whether it is still needed, milliseconds. */
export const LOOK_MS = 250;

/** How long a pull on demand goes on without anyone who watches, milliseconds. */
export const DEFAULT_IDLE_MS = 5000;

/** Whether a relay fetches its stream only while somebody watches. */
export function isOnDemand({ mode, on = "always" }: RelayOptions): boolean {
  return mode === "pull" && on === "demand";
}

/** Whether a push has something to forward: what is fetched from another part of the server is forwarded there. */
export function isForwarded({ publication }: Stream): boolean {
  return publication !== undefined && publication.via === undefined;
}
