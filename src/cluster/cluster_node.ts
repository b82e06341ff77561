import type { PublisherPlace } from "../gate/mod.ts";
import type { Clock } from "../hub/mod.ts";
import { reasonOf, type ServerLog } from "../log/mod.ts";
import { DeferredStore } from "./deferred_store.ts";
import {
  clusterStream,
  type ClusterStreamDetail,
  type ClusterStreamPage,
  clusterStreams,
} from "./cluster_view.ts";
import {
  answerRecordings,
  askRecordings,
  type ClusterRecordingsPage,
  type FindRecordings,
  type KeptPart,
  keptPart,
  RECORDINGS_WORD,
  recordingsPage,
  type RecordingsPageQuery,
  type RecordingsQuery,
} from "./kept_recordings.ts";
import { LeaseDirectory } from "./lease_directory.ts";
import type { OtherNode } from "./elsewhere.ts";
import { streamKey } from "./record_keys.ts";
import type { NodeRecord, StreamRecord } from "./shared_records.ts";
import { type RecordStore, StoreUnreachable } from "./record_store.ts";

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
  /**
   * The URLs by which clients reach this machine, by scheme: `{ rtmp: "rtmp://edge-1.example" }`. Clients of machines
   * that are drained are sent to them. What is left out has the host of `url` and the port that is listened at.
   */
  readonly clients?: Readonly<Record<string, string>>;
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
  /** What it does now, and where it listens. */
  readonly load: () => NodeLoad;
  /** Is told that another machine wants this one drained. */
  readonly onDrain?: ((timeoutMs: number | undefined) => void) | undefined;
  /** Finds what this machine keeps of recordings. */
  readonly recordings: FindRecordings;
  /** The log for lines about the server. */
  readonly log: ServerLog;
}

/** What a machine does. */
export interface NodeLoad {
  /** Streams that others fetch now. */
  readonly feeds: number;
  /** Connections. */
  readonly connections: number;
  /** Connections that it may have. */
  readonly maxConnections: number;
  /** Streams that are published at it. */
  readonly streams: number;
  /** Where it listens. */
  readonly addresses: readonly { readonly protocol: string; readonly port: number }[];
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
          reason: reasonOf(error),
        }),
    });
    this.directory = new LeaseDirectory({
      ...parts,
      store: this.#store,
      self: () => this.#record,
      onAsked: (text) => this.#answer(text),
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

  /** Where it stands. */
  get region(): string {
    return this.#options.region ?? "";
  }

  /** Tells the others whether this machine takes no new clients. */
  async drain(isDraining: boolean): Promise<void> {
    this.#isDraining = isDraining;
    try {
      await this.directory.tell();
    } catch (error) {
      // They hear of it with the next beat that can be told.
      if (!(error instanceof StoreUnreachable)) throw error;
    }
  }

  /** All machines that tell of themselves. */
  async nodes(): Promise<NodeRecord[]> {
    const nodes = await this.directory.nodes();
    return nodes.sort((a, b) => a.node < b.node ? -1 : 1);
  }

  /** Those that clients of this one may be sent to. */
  async others(): Promise<OtherNode[]> {
    const nodes = await this.directory.nodes();
    return nodes.filter(({ node, isDraining }) => node !== this.#options.node && !isDraining);
  }

  /** A part of the streams of all machines. */
  async streams(
    page: { readonly limit: number; readonly after?: string | undefined },
  ): Promise<ClusterStreamPage> {
    return await clusterStreams(this.#store, page);
  }

  /** A stream of any machine. */
  async stream(name: string): Promise<ClusterStreamDetail | undefined> {
    return await clusterStream(this.#store, name);
  }

  /** The other machine that has the publisher of a stream; `undefined` where none has, or that cannot be known now. */
  async placeOf(name: string): Promise<PublisherPlace | undefined> {
    try {
      const [stored, nodes] = await Promise.all([
        this.#store.get(streamKey(name)),
        this.directory.nodes(),
      ]);
      if (stored === undefined) return undefined;
      const origin = JSON.parse(stored.value) as StreamRecord;
      if (origin.node === this.#options.node) return undefined;
      const at = nodes.find(({ node, run }) => node === origin.node && run === origin.run);
      return at && { node: at.node, clients: at.clients };
    } catch (error) {
      if (error instanceof StoreUnreachable) return undefined;
      throw error;
    }
  }

  /** A part of what all machines keep of recordings, by time; one that does not answer is named. */
  async recordings(query: RecordingsPageQuery): Promise<ClusterRecordingsPage> {
    return recordingsPage(await this.#askAll(query), query.limit);
  }

  /** The other machine that has most recordings of a stream in a time; `undefined` where none has, or can be asked. */
  async keeperOf(name: string, query: RecordingsQuery): Promise<PublisherPlace | undefined> {
    try {
      const [parts, nodes] = await Promise.all([
        this.#askAll({ ...query, name, limit: 1 }),
        this.directory.nodes(),
      ]);
      parts.delete(this.#options.node);
      const totals = Array.from(parts, ([node, part]) => ({ node, total: part?.total ?? 0 }));
      const [most] = totals.filter(({ total }) => total > 0).sort((a, b) => b.total - a.total);
      const at = nodes.find(({ node }) => node === most?.node);
      return at && { node: at.node, clients: at.clients };
    } catch (error) {
      if (error instanceof StoreUnreachable) return undefined;
      throw error;
    }
  }

  /** Has another machine take no new clients; whether it has heard of it. */
  async drainOther(node: string, timeoutMs: number | undefined): Promise<boolean> {
    const text = timeoutMs === undefined ? "drain" : `drain ${timeoutMs}`;
    return await this.#store.ask(node, text) === "heard";
  }

  /** Leaves the cluster. */
  async stop(): Promise<void> {
    await this.directory.stop();
  }

  /** What each machine keeps of recordings: this one, and all others, which are asked at once. */
  async #askAll(query: RecordingsPageQuery): Promise<Map<string, KeptPart | undefined>> {
    const self = this.#options.node;
    const nodes = await this.directory.nodes();
    const others = nodes.map(({ node }) => node).filter((node) => node !== self);
    const parts = await Promise.all(
      others.map(async (node) => [node, await askRecordings(this.#store, node, query)] as const),
    );
    const own = keptPart(this.#parts.recordings, { ...query, node: self });
    return new Map([[self, own], ...parts]);
  }

  /** What another machine asks of this one. */
  #answer(text: string): string | undefined {
    if (!text.startsWith(`${RECORDINGS_WORD} `)) return undefined;
    const { node } = this.#options;
    const asked = text.slice(RECORDINGS_WORD.length);
    return answerRecordings(this.#parts.recordings, { node, text: asked });
  }

  get #record(): NodeRecord {
    const { node, url, region = "", maxFeeds = DEFAULT_MAX_FEEDS } = this.#options;
    const { run, load } = this.#parts;
    const { addresses, ...counts } = load();
    const clients = { ...clientUrls(url, addresses), ...this.#options.clients };
    return { node, run, url, region, maxFeeds, isDraining: this.#isDraining, clients, ...counts };
  }
}

/** What clients come by, where nothing else is said: the host of the machine's own URL. */
const SCHEMES = new Set(["rtmp", "rtmps", "rtsp", "rtsps", "http", "https"]);

function clientUrls(url: string, addresses: NodeLoad["addresses"]): Record<string, string> {
  const [, host = ""] = /^\w+:\/\/(\[[^\]]*\]|[^:/]*)/.exec(url) ?? [];
  return Object.fromEntries(
    addresses.filter(({ protocol }) => SCHEMES.has(protocol))
      .map(({ protocol, port }) => [protocol, `${protocol}://${host}:${port}`]),
  );
}
