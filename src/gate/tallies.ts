import type { AddressCounter, AddressNames, AddressRate } from "./address_bounds.ts";

/**
 * What a gate counts by what its bounds are for: its own, or those of several gates together, such as the workers' of one
 * server.
 */
export interface Tallies {
  /** Connections, of all addresses and of each. */
  readonly connections: Pick<AddressCounter, "total" | "of" | "take">;
  /** How often each address connects. */
  readonly handshakes: Pick<AddressRate, "take">;
  /** How often each address asks for something over HTTP. */
  readonly requests: Pick<AddressRate, "take">;
  /** Names that the players of each address wait for. */
  readonly waited: Pick<AddressNames, "of" | "has" | "take">;
}
