import type { ConflictPolicy } from "../hub/mod.ts";
import { isLocalAddress } from "./address_bounds.ts";

/**
 * What clients may have at one time, in all and by address: IPv6 addresses of one /64 network count as one (see
 * `boundedAddress`).
 */
export interface GateLimits {
  /** Connections; further ones are closed at once. Default 10 000. */
  readonly maxConnections: number;
  /** Connections of one address. Default 1000 for public ones, unbounded for loopback and private ones. */
  readonly maxConnectionsPerAddress: number;
  /** Connections that one address may open in a second. Default 100 for public ones, as above. */
  readonly maxHandshakesPerSecond: number;
  /** HTTP requests that one address may make in a second. Default 1000 for public ones, as above. */
  readonly maxRequestsPerSecond: number;
  /** Names that the players of one address, of any kind, may wait for until somebody publishes. Default 64. */
  readonly maxWaitedNamesPerAddress: number;
  /** Sessions over UDP that go on although their connections have ended. Default 1000. */
  readonly maxDetachedSessions: number;
  /** The same of one address. Default 64 for public ones, unbounded for loopback and private ones. */
  readonly maxDetachedSessionsPerAddress: number;
  /** Wrong credentials that a connection may show before it is closed. Default 3. */
  readonly maxWrongCredentials: number;
  /** Players of one stream. Default unbounded. */
  readonly maxPlayersPerStream: number;
  /** Streams that one user may publish. Default unbounded. */
  readonly maxPublishersPerUser: number;
  /** The mean bitrate of a publisher over 10 s, bits a second; one that is over it is closed. Default unbounded. */
  readonly maxPublisherBitrateBps: number;
  /** The same of what a player is sent. */
  readonly maxPlayerBitrateBps: number;
}

/** Terms of one stream; what is left out is as for all streams. */
export interface StreamTerms {
  /** Players of it. */
  readonly maxPlayers?: number;
  /** The mean bitrate of its publisher over 10 s, bits a second. */
  readonly maxPublisherBitrateBps?: number;
  /** The same of what each of its players is sent. */
  readonly maxPlayerBitrateBps?: number;
  /** What happens when a second publisher asks for its name. */
  readonly conflict?: ConflictPolicy;
}

/** The limits in force where nothing else is said. */
export const GATE_LIMITS: GateLimits = {
  maxConnections: 10_000,
  maxConnectionsPerAddress: 1000,
  maxHandshakesPerSecond: 100,
  maxRequestsPerSecond: 1000,
  maxWaitedNamesPerAddress: 64,
  maxDetachedSessions: 1000,
  maxDetachedSessionsPerAddress: 64,
  maxWrongCredentials: 3,
  maxPlayersPerStream: Infinity,
  maxPublishersPerUser: Infinity,
  maxPublisherBitrateBps: Infinity,
  maxPlayerBitrateBps: Infinity,
};

/**
 * Checks limits that are given, and fills in the defaults.
 *
 * @throws {RangeError} if one is neither a whole number from 0 on nor Infinity
 */
export function gateLimits(
  given: Partial<GateLimits>,
): { readonly limits: GateLimits; readonly set: Partial<GateLimits> } {
  // Plain JavaScript may name a limit and leave it undefined.
  const set: Partial<GateLimits> = Object.fromEntries(
    Object.entries(given).filter(([, value]) => value !== undefined),
  );
  for (const [key, value] of Object.entries(set)) {
    if (value >= 0 && (Number.isInteger(value) || value === Infinity)) continue;
    const rule = "a whole number from 0 on, or Infinity";
    throw new RangeError(`Cannot admit as '${key}' must be ${rule}: current value is ${value}`);
  }
  return { limits: { ...GATE_LIMITS, ...set }, set };
}

/** A limit whose default holds for public addresses alone. */
export type AddressLimit =
  | "maxConnectionsPerAddress"
  | "maxHandshakesPerSecond"
  | "maxRequestsPerSecond"
  | "maxDetachedSessionsPerAddress";

/**
 * Returns the bound of `key` for an address. The defaults by address hold for public ones alone, since proxies and
 * load tests come from loopback and private ones; a bound that was set holds for all.
 */
export function boundOf(
  key: AddressLimit,
  from: { readonly address: string; readonly set: Partial<GateLimits> },
): number {
  return from.set[key] ?? (isLocalAddress(from.address) ? Infinity : GATE_LIMITS[key]);
}
