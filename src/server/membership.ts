import {
  checkClusterOptions,
  ClusterAgent,
  ClusterNode,
  type ClusterOptions,
  NatsStore,
  type NodeLoad,
} from "../cluster/mod.ts";
import type { Access } from "../access/mod.ts";
import type { Gate, GateLimits, ServerHooks, StreamTerms } from "../gate/mod.ts";
import type { Hub } from "../hub/mod.ts";
import type { ServerLog } from "../log/mod.ts";
import { systemClock } from "../transport/mod.ts";
import type { ServerOptions } from "./options.ts";
import type { PathRule } from "./path_rules.ts";
import type { Relays } from "../relay/mod.ts";
import type { Recordings } from "../record/mod.ts";
import type { ArchiveName, ServerPart } from "./server_part.ts";
import { relaysOf } from "./server_relays.ts";
import { MainPart } from "./workers/main_part.ts";
import type { WorkerOptions } from "./workers/worker_messages.ts";
import { SharedLimits } from "./workers/shared_limits.ts";
import { WorkerPool } from "./workers/worker_pool.ts";

/** What a {@linkcode Membership} is made of. */
export interface MembershipOptions {
  /** The options of the server. */
  readonly options: ServerOptions;
  /** What makes this server a part of a larger one, where it is one. */
  readonly part: ServerPart | undefined;
  /** How many workers serve; 1 where this thread does. */
  readonly workers: number;
  /** The streams of this thread. */
  readonly hub: Hub;
  /** The hooks, which workers ask and tell too. */
  readonly hooks: ServerHooks;
  /** What is kept and recorded. */
  readonly archives: () => Partial<Record<ArchiveName, Recordings>>;
  /** Who may do what, where that is data. */
  readonly access: Access | undefined;
  /** The relays of this thread. */
  readonly ownRelays: () => Relays;
  /** The bounds in force. */
  readonly limits: () => GateLimits;
  /** The terms of one stream, where they differ. */
  readonly termsOf: (name: string) => StreamTerms;
  /** Whether RTMP clients are asked at connect who they are, by workers too. */
  readonly askAtConnect: () => boolean;
  /** Answers what workers leave to this thread. */
  readonly fetch: (request: Request, remoteAddress: string) => Promise<Response>;
  /** What other machines are told of it. */
  readonly load: () => Pick<NodeLoad, "connections" | "maxConnections" | "addresses">;
  /** Is told that another machine of the cluster wants this one drained. */
  readonly onDrain: (timeoutMs: number | undefined) => void;
  /** The log for lines about the server. */
  readonly log: ServerLog;
}

/**
 * What makes a server one of several that share their streams: a worker of another one, the thread that has workers,
 * a machine of a cluster, or several of these. A server that is alone has an empty one.
 */
export class Membership {
  /** What it is among the others. */
  readonly part: ServerPart | undefined;
  /** Claims names for publishers, and fetches the streams that others have. */
  readonly agent: ClusterAgent | undefined;
  /** This machine of a cluster. */
  readonly node: ClusterNode | undefined;
  /** The workers of this server. */
  readonly pool: WorkerPool | undefined;
  readonly #main: MainPart | undefined;

  /** Starts nothing yet. */
  constructor(about: MembershipOptions) {
    const { options, part, workers, hub, log } = about;
    const cluster = part === undefined ? options.cluster : undefined;
    this.node = cluster && this.#clusterNode(cluster, about);
    const main = this.#main = part === undefined && (workers > 1 || cluster !== undefined)
      ? new MainPart({
        workers,
        onSought: (name, members) => this.pool?.sought(name, members),
        log,
        ...(cluster && this.node && { beyond: { cluster, node: this.node } }),
      })
      : undefined;
    const own = this.part = part ?? main;
    const carrier = own?.carrier(hub);
    this.agent = own && carrier &&
      new ClusterAgent({ ...own, carrier, hub, clock: systemClock, log });
    if (workers > 1 && main !== undefined) this.pool = workerPool(main, about);
  }

  /** Begins to share; `gate` is the server's. */
  async start(gate: Gate): Promise<void> {
    await this.node?.start();
    this.agent?.start(gate);
    await this.pool?.start();
  }

  /** Fetches nothing any more, and stops the workers: their clients are told. */
  async stopSharing(): Promise<void> {
    this.agent?.stop();
    await this.pool?.stop();
  }

  /** Tells the other machines that this one has gone. */
  async leave(): Promise<void> {
    await this.node?.stop();
  }

  #clusterNode(
    options: ClusterOptions,
    { log, load, onDrain, archives }: MembershipOptions,
  ): ClusterNode {
    checkClusterOptions(options);
    const { nats: servers, prefix = "weir", natsToken: token } = options;
    return new ClusterNode(options, {
      open: () => NatsStore.open({ servers, prefix, token }),
      clock: systemClock,
      unixMs: Date.now,
      run: crypto.randomUUID(),
      load: () => ({
        ...load(),
        feeds: this.#main?.peers?.feeds ?? 0,
        streams: this.#main?.directory.origins.size ?? 0,
      }),
      recordings: (query) => archives().recorded?.find(query) ?? [],
      onDrain,
      log,
    });
  }
}

/** How many workers an option asks for. */
export function workerCount(workers: ServerOptions["workers"] = 1): number {
  if (workers === "auto") return navigator.hardwareConcurrency;
  return workers;
}

/** The options that workers get: all but what is this thread's, who are asked by messages. */
export function workerOptions(options: ServerOptions): WorkerOptions {
  const {
    hooks: _hooks,
    log: _log,
    doors: _doors,
    workers: _workers,
    relays: _relays,
    access: _access,
    rtmpAskAtConnect: _asks,
    webhooks: _webhooks,
    commands: _commands,
    cluster: _cluster,
    // This thread has the files.
    record: _record,
    keep: _keep,
    clips: _clips,
    s3: _s3,
    // The main thread answers these.
    api: _api,
    httpOutputs: _httpOutputs,
    httpRoutes: _httpRoutes,
    paths,
    ...given
  } = options;
  // Who may do what is asked of the main thread, and relays are made by it.
  return { ...given, ...(paths && { paths: paths.map(ofWorkers) }) };
}

function ofWorkers(
  { access: _access, pull: _pull, push: _push, record: _record, ...rule }: PathRule,
): PathRule {
  return rule;
}

function workerPool(
  main: MainPart,
  {
    options,
    workers,
    hooks,
    archives,
    ownRelays,
    access,
    limits,
    termsOf,
    askAtConnect,
    fetch,
    log,
  }: MembershipOptions,
): WorkerPool {
  const shared = new SharedLimits({
    limits,
    termsOf,
    tickets: () => pool.snapshots.flatMap(({ tickets }) => tickets),
    refresh: () => pool.refresh(),
    now: () => performance.now(),
  });
  const pool: WorkerPool = new WorkerPool({
    access: () => ({
      passwordMethods: hooks.passwordMethods,
      keyHashes: access?.keys.hashes ?? [],
      rtmpAskAtConnect: askAtConnect(),
    }),
    count: workers,
    options: workerOptions(options),
    relays: relaysOf(options),
    hooks: shared.hooks(hooks),
    archives,
    ownRelays,
    guards: main.shared,
    forwarded: {
      outputs: (options.httpOutputs ?? []).map(({ suffix }) => suffix),
      others: (options.httpRoutes ?? []).length > 0,
    },
    log,
    member: main.member,
    directory: main.directory,
    carrier: main.ports,
    fetch,
    cluster: options.cluster && main.peers && { options: options.cluster, peers: main.peers },
  });
  return pool;
}
