import { isLocalAddress } from "./address_bounds.ts";

/** What clients may have at one time, in all and by address. */
export interface GateLimits {
  /** Connections; further ones are closed at once. Default 10 000. */
  readonly maxConnections: number;
  /** Connections of one address. Default 1000 for public ones, unbounded for loopback and private ones. */
  readonly maxConnectionsPerAddress: number;
  /** Connections that one address may open in a second. Default 100 for public ones, as above. */
  readonly maxHandshakesPerSecond: number;
  /** Names that the players of one address, of any kind, may wait for until somebody publishes. Default 64. */
  readonly maxWaitedNamesPerAddress: number;
  /** Wrong credentials that a connection may show before it is closed. Default 3. */
  readonly maxWrongCredentials: number;
}

/** The limits in force where nothing else is said. */
export const GATE_LIMITS: GateLimits = {
  maxConnections: 10_000,
  maxConnectionsPerAddress: 1000,
  maxHandshakesPerSecond: 100,
  maxWaitedNamesPerAddress: 64,
  maxWrongCredentials: 3,
};

/**
 * Returns the bound of `key` for an address. The defaults by address hold for public ones alone, since proxies and
 * load tests come from loopback and private ones; a bound that was set holds for all.
 */
export function boundOf(
  key: "maxConnectionsPerAddress" | "maxHandshakesPerSecond",
  from: { readonly address: string; readonly set: Partial<GateLimits> },
): number {
  return from.set[key] ?? (isLocalAddress(from.address) ? Infinity : GATE_LIMITS[key]);
}
