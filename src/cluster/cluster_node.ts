import type { Clock } from "../hub/mod.ts";
import type { ServerLog } from "../log/mod.ts";
import { DeferredStore } from "./deferred_store.ts";
import { LeaseDirectory, type NodeRecord } from "./lease_directory.ts";
import type { RecordStore } from "./record_store.ts";

/** What makes a server one machine of a cluster. */
export interface ClusterOptions {
  /** The name of this machine, another for each. */
  readonly node: string;
  /** The URL by which the others fetch streams from this machine: `rtmp://10.0.0.7:1935`, or `rtmps:` across the open net. */
  readonly url: string;
  /** What all machines of the cluster share, 16 letters at least: who knows it may fetch every stream. */
  readonly secret: string;
  /** The NATS servers, with JetStream, where the machines tell each other who has what: `127.0.0.1:4222`. */
  readonly nats: readonly string[];
  /** The token that the NATS servers ask for. */
  readonly natsToken?: string;
  /** Where this machine stands; machines of one region fetch from each other first. Default `""`. */
  readonly region?: string;
  /** Streams that other machines may fetch from this one at one time: further ones fetch from those. Default 64. */
  readonly maxFeeds?: number;
  /** What the names in NATS begin with, so that several clusters can share a server. Default `weir`. */
  readonly prefix?: string;
  /** PEM certificates that RTMPS to other machines trusts besides the system's. */
  readonly caCerts?: readonly string[];
}

/** How a machine of a cluster does. */
export interface ClusterStatistics {
  /** The name of this machine. */
  readonly node: string;
  /** Whether the directory can be reached; where it cannot, what flows goes on. */
  readonly isReachable: boolean;
  /** Names of publishers here that the directory does not have yet. */
  readonly unconfirmed: number;
  /** Streams that other machines fetch from this one. */
  readonly feeds: number;
}

/** Options of a {@linkcode ClusterNode} beside those of the cluster. */
export interface ClusterNodeParts {
  /** Opens the store. */
  readonly open: () => Promise<RecordStore>;
  /** Time and timers. */
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  readonly unixMs: () => number;
  /** A text that no other start of a machine has. */
  readonly run: string;
  /** Streams that others fetch now, and connections. */
  readonly load: () => { readonly feeds: number; readonly connections: number };
  /** The log for lines about the server. */
  readonly log: ServerLog;
}

/** Streams that others may fetch where nothing else is said. */
export const DEFAULT_MAX_FEEDS = 64;

/** The least letters of a secret. */
const LEAST_SECRET = 16;

/**
 * Checks the options of a cluster.
 *
 * @throws {TypeError} if one is missing or cannot be
 */
export function checkClusterOptions({ node, url, secret, nats, maxFeeds }: ClusterOptions): void {
  if (!/^[\w.-]{1,64}$/.test(node)) {
    throw new TypeError(
      `Cannot join a cluster as 'node' must be 1 to 64 letters, digits, dots and dashes: current value is "${node}"`,
    );
  }
  if (!/^rtmps?:\/\/[^/\s]+\/?$/.test(url)) {
    throw new TypeError(
      `Cannot join a cluster as 'url' must be rtmp://HOST[:PORT] or rtmps://HOST[:PORT]: current value is "${url}"`,
    );
  }
  if (secret.length < LEAST_SECRET) {
    throw new TypeError(
      `Cannot join a cluster as 'secret' must have ${LEAST_SECRET} letters at least: current value has ${secret.length}`,
    );
  }
  if (nats.length === 0) throw new TypeError("Cannot join a cluster as 'nats' names no server");
  if (
    maxFeeds !== undefined &&
    !((Number.isInteger(maxFeeds) || maxFeeds === Infinity) && maxFeeds >= 1)
  ) {
    throw new RangeError(
      `Cannot join a cluster as 'maxFeeds' must be a whole number from 1 on: current value is ${maxFeeds}`,
    );
  }
}

/** This machine as one of a cluster. */
export class ClusterNode {
  /** Where the streams of all machines are. */
  readonly directory: LeaseDirectory;
  readonly #options: ClusterOptions;
  readonly #parts: ClusterNodeParts;
  readonly #store: DeferredStore;
  #isDraining = false;

  /** Tells nobody of itself yet. */
  constructor(options: ClusterOptions, parts: ClusterNodeParts) {
    this.#options = options;
    this.#parts = parts;
    const { log, clock } = parts;
    this.#store = new DeferredStore(parts.open, {
      clock,
      onFailure: (error) =>
        log.error("the directory of the cluster cannot be reached, and is tried again", {
          reason: error instanceof Error ? error.message : String(error),
        }),
    });
    this.directory = new LeaseDirectory({
      ...parts,
      store: this.#store,
      self: () => this.#record,
    });
  }

  /** How it does. */
  get statistics(): ClusterStatistics {
    return {
      node: this.#options.node,
      isReachable: this.#store.isReachable,
      unconfirmed: this.directory.unconfirmed,
      feeds: this.#parts.load().feeds,
    };
  }

  /** Tells the others of this machine, as soon as the store can be reached. */
  async start(): Promise<void> {
    await this.#store.open();
    await this.directory.start();
    const { node, region = "" } = this.#options;
    this.#parts.log.info("this machine is one of a cluster", { node, region });
  }

  /** Tells the others that this machine takes no new clients. */
  async drain(): Promise<void> {
    this.#isDraining = true;
    await this.directory.tell();
  }

  /** Leaves the cluster. */
  async stop(): Promise<void> {
    await this.directory.stop();
  }

  get #record(): NodeRecord {
    const { node, url, region = "", maxFeeds = DEFAULT_MAX_FEEDS } = this.#options;
    const { run, load } = this.#parts;
    return { node, run, url, region, maxFeeds, isDraining: this.#isDraining, ...load() };
  }
}
