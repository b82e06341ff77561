import type { Clock } from "../hub/mod.ts";
import { ProxyHeaderError } from "./proxy_header.ts";

/** The most connections of balancers that may wait for their header at a time. */
const MAX_UNNAMED = 1000;

/** A connection as it comes. */
export interface PassedConnection {
  /** Address of the balancer, without a port. */
  readonly remoteAddress: string;
  /** The same, with the port. */
  readonly remoteName: string;
}

/** The balancers whose connections begin with a header of the PROXY protocol, and those of them that have not said it yet. */
export class Balancers {
  /** Time. */
  readonly clock: Clock;
  /** Their addresses; nobody's where it is left out. May be changed. */
  ranges: { has(address: string): boolean } | undefined;
  readonly #onFailure: (connection: PassedConnection, why: string) => void;
  #unnamed = 0;

  /** Balancers of some addresses; `onFailure` hears of connections that do not say whose they are. */
  constructor(options: {
    readonly ranges: { has(address: string): boolean } | undefined;
    readonly clock: Clock;
    readonly onFailure: (connection: PassedConnection, why: string) => void;
  }) {
    this.clock = options.clock;
    this.ranges = options.ranges;
    this.#onFailure = options.onFailure;
  }

  /** Whether what comes from an address begins with a header. */
  has(address: string): boolean {
    return this.ranges?.has(address) === true;
  }

  /**
   * Reads the header of a connection; resolves with what was read, or `undefined` where it is to be closed: it has said
   * nothing, or nothing right, or too many others have not said it yet.
   */
  async named<T>(
    connection: PassedConnection,
    read: () => Promise<T | undefined>,
  ): Promise<T | undefined> {
    // Those that have not said it yet count nowhere else.
    if (this.#unnamed >= MAX_UNNAMED) return undefined;
    this.#unnamed++;
    try {
      return await read();
    } catch (error) {
      const isHeader = error instanceof ProxyHeaderError;
      this.#onFailure(connection, isHeader ? error.message : "The connection was lost");
      return undefined;
    } finally {
      this.#unnamed--;
    }
  }
}
