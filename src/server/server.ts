import { Access, type AccessOptions } from "../access/mod.ts";
import {
  type EventCommandOptions,
  EventOutlets,
  type ListeningHooks,
  listeningHooks,
  ServerEvents,
  type WebhookOptions,
} from "../events/mod.ts";
import {
  ApiGuard,
  type ApiProgram,
  ApiRoutes,
  type ApiState,
  ClipRoutes,
  MetricsRoutes,
  type PublishedTrack,
  type PublisherHealth,
  RecentSnapshot,
  RecordingRoutes,
  RelayRecord,
} from "../api/mod.ts";
import denoConfig from "../../deno.json" with { type: "json" };
import type { Door, ServerTiming } from "../doors/mod.ts";
import {
  HealthRoutes,
  type HlsOptions,
  HttpDoor,
  type HttpDoorOptions,
  type HttpOutput,
  type HttpRequestInfo,
  type HttpRoutes,
  type SharedOrigins,
} from "../doors/http/mod.ts";
import { RtmpDoor } from "../doors/rtmp/mod.ts";
import {
  type MulticastOptions,
  RtspDoor,
  type RtspDoorOptions,
  type RtspServiceOptions,
  type RtspSessionStatistics,
} from "../doors/rtsp/mod.ts";
import {
  AddressRanges,
  type AddressRules,
  type ConnectionEnd,
  type Gate,
  GATE_LIMITS,
  type GateLimits,
  type ServerHooks,
  type Ticket,
} from "../gate/mod.ts";
import {
  checkClusterOptions,
  ClusterAgent,
  ClusterNode,
  type ClusterOptions,
  NatsStore,
} from "../cluster/mod.ts";
import { MainPart } from "./workers/main_part.ts";
import { ConsoleRoutes } from "../console/mod.ts";
import { FileChannel, type FileChannelOptions, MediaFileError } from "../files/mod.ts";
import { checkStreamName, Hub, type HubOptions, hubSettings, type Stream } from "../hub/mod.ts";
import { safeLog, type ServerLog, silentLog } from "../log/mod.ts";
import { codecString, type MediaUnit, type Track } from "../media/mod.ts";
import { MemoryStore, RecordingError, type RecordingRule, Recordings } from "../record/mod.ts";
import { type RelayEntry, type RelayOptions, Relays } from "../relay/mod.ts";
import type { ChunkLimits, RtmpServerSessionOptions } from "../rtmp/mod.ts";
import {
  formatAddress,
  isLoopback,
  type ListenAddress,
  ServerError,
  type StreamPair,
  systemClock,
} from "../transport/mod.ts";
import type { LossPolicy } from "../transmux/mod.ts";
import type { EnhancedPolicy } from "../wire/mod.ts";
import { HealthWatch } from "./health_watch.ts";
import { publishUnits, type PublishUnitsOptions, ServerStream } from "./server_stream.ts";
import { checkServerNumbers } from "./bounds.ts";
import { type PathRule, PathRules } from "./path_rules.ts";
import { MAX_CONNECTION_BYTES, SERVER_TIMING } from "./defaults.ts";
import type { ServerPart } from "./server_part.ts";
import { hubEvents, ServerShell } from "./shell.ts";
import type { ServerAddress, ServerConnection, ServerSnapshot } from "./statistics.ts";
import { mergedSnapshot } from "./workers/merged_snapshot.ts";
import type { WorkerOptions } from "./workers/worker_messages.ts";
import { WorkerPool, type WorkerStatistics } from "./workers/worker_pool.ts";

/**
 * Options of a {@linkcode Server}. It listens only where it is told to (the command has default ports);
 * all else has a default.
 */
export interface ServerOptions {
  /** Where RTMP is listened for; the field's port is 1935. */
  readonly rtmp?: ListenAddress | false;
  /** Where RTMP over TLS is listened for. Needs `tls`. */
  readonly rtmps?: ListenAddress | false;
  /** Where RTSP is listened for; the field's ports are 554 and 8554. */
  readonly rtsp?: ListenAddress | false;
  /** Where RTSP over TLS is listened for. Needs `tls`. */
  readonly rtsps?: ListenAddress | false;
  /** Where HTTP is listened for. `Server.fetch` needs no port. */
  readonly http?: ListenAddress | false;
  /** Where HTTP over TLS is listened for. Needs `tls`. */
  readonly https?: ListenAddress | false;
  /**
   * Which pages of other origins may use the HTTP door: read media (all by default, `*`), or use the API (none by
   * default). To publish from a page of another origin, that has to be named.
   */
  readonly httpOrigins?: { readonly media?: SharedOrigins; readonly api?: SharedOrigins };
  /**
   * Host names by which clients may use what changes something, or is not media; any by default. Addresses and
   * `localhost` may always be used.
   */
  readonly httpHosts?: readonly string[];
  /**
   * The UDP port by which streams are played and published by WebRTC (WHEP and WHIP), all sessions by one. Without it
   * there is no WebRTC.
   */
  readonly webrtc?: ListenAddress | false;
  /** How streams are played as HLS: segments, parts, memory. */
  readonly hls?: HlsOptions;
  /**
   * Addresses or names by which clients reach that port, where it is not the host that their requests are for: behind a
   * proxy, or where addresses are translated.
   */
  readonly webrtcHosts?: readonly string[];
  /**
   * The API under `/v1/` and the metrics under `/metrics` of the HTTP door; `false` for neither. Default: both, for
   * those whom `access`, or `hooks.authenticate`, lets use the API, or, where there is none or anybody may publish and
   * play, for who has `Server.apiToken`.
   */
  readonly api?: ApiOptions | false;
  /** Further outputs and inputs of the HTTP door, asked before the built-in ones. */
  readonly httpOutputs?: readonly HttpOutput[];
  /** Further groups of paths of the HTTP door, asked before the built-in ones. */
  readonly httpRoutes?: readonly HttpRoutes[];
  /**
   * Where RTSP sessions receive and send RTP over UDP; an even port, RTCP is on the next one. Its address
   * is that of `rtsp` by default; clients of the other address family are then not offered UDP. Without it
   * RTSP has interleaved TCP alone.
   */
  readonly rtp?: ListenAddress | false;
  /**
   * Lets RTSP players ask for multicast: each stream is sent once to a group of its own. Off by default.
   */
  readonly multicast?: MulticastOptions | false;
  /** Certificate chain and private key, PEM, for `rtmps`, `rtsps` and `https`. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Times of RTSP sessions. */
  readonly rtspSession?: RtspServiceOptions;
  /** Streams that are forwarded to, or fetched from, other servers; `addRelay` adds others later. */
  readonly relays?: readonly RelayOptions[];
  /** Files that are published as streams: channels. */
  readonly sources?: readonly FileChannelOptions[];
  /** Which streams are recorded, where, and how long that is kept; the first rule is number 0. */
  readonly record?: readonly RecordingRule[];
  /** Keeps the last of each live stream in memory, so that clips can be had of it. Off by default. */
  readonly keep?: KeepOptions;
  /** Settings and bounds of the streams. */
  readonly hub?: Omit<HubOptions, "clock">;
  /** Bounds and times of RTMP sessions. */
  readonly session?: RtmpServerSessionOptions;
  /** Bounds of what an RTMP client may make the server hold. */
  readonly chunks?: Partial<ChunkLimits>;
  /** What players that announce nothing of Enhanced RTMP are sent. Default `strip`. */
  readonly enhanced?: EnhancedPolicy;
  /** What becomes of a publisher's pictures after a loss of RTP packets, for players of RTMP. Default `pass`. */
  readonly onLoss?: LossPolicy;
  /**
   * Whether RTMP clients that must prove who they are get asked at connect. Default true: encoders that have a
   * user name and a password (`rtmp://user:pass@…`, or the fields of OBS) are then asked in the words that they
   * know, and a client whose credentials are in its stream key is refused once at connect, and let through as it
   * comes again, from 2 s later on. Where it is false, nobody is asked, and credentials in the query alone count.
   * False by default where `hooks.passwordMethods` has no digest, which those answers are.
   */
  readonly rtmpAskAtConnect?: boolean;
  /** Times of the server itself. */
  readonly timing?: Partial<ServerTiming>;
  /**
   * How many workers serve, each a thread with a core of its own; `auto` is one a core. Default 1: this thread alone. With
   * more, clients are shared out among them, and a stream is fetched once by each worker that has players of it. This
   * thread then has log, hooks and statistics, and the doors of others. Needs `--unstable-net`, and where the program is
   * a local file `--allow-read` of it.
   */
  readonly workers?: number | "auto";
  /**
   * Makes this server one machine of a cluster: a name has one publisher among all machines, and players of any machine
   * get the streams of all, which each machine fetches once.
   */
  readonly cluster?: ClusterOptions;
  /** Doors of other protocols, beside the built-in ones. */
  readonly doors?: readonly Door[];
  /** Connections at one time; further ones are closed at once. Default 10 000. */
  readonly maxConnections?: number;
  /**
   * Bytes that all connections together may make the server hold beside the media of streams: unfinished
   * RTMP messages, and answers that nobody reads. Default 256 MiB; over it, those
   * that neither publish nor play are closed, the oldest first, and then those that hold most.
   */
  readonly maxConnectionBytes?: number;
  /**
   * Connections of one address at one time. Default 1000 for public addresses, unbounded for loopback and private
   * ones, behind which there may be a proxy; a number that is given holds for all. Here as in all that is bounded by
   * address, the IPv6 addresses of one /64 network count as one.
   */
  readonly maxConnectionsPerAddress?: number;
  /** Connections that one address may open in a second. Default 100 for public addresses, as above. */
  readonly maxHandshakesPerSecond?: number;
  /** HTTP requests that one address may make in a second. Default 1000 for public addresses, as above. */
  readonly maxRequestsPerSecond?: number;
  /** Names that players of one address may wait for until somebody publishes. Default 64, for all addresses. */
  readonly maxWaitedNamesPerAddress?: number;
  /**
   * RTSP sessions over UDP that go on although their connections have ended; those that show no sign of life end after
   * 15 s. Default 1000.
   */
  readonly maxDetachedSessions?: number;
  /** The same of one address. Default 64 for public addresses, unbounded for others, as above. */
  readonly maxDetachedSessionsPerAddress?: number;
  /** Wrong credentials that a connection may show before it is closed. Default 3. */
  readonly maxWrongCredentials?: number;
  /** Players of one stream. Default unbounded, but for `hub.maxReaders`. */
  readonly maxPlayersPerStream?: number;
  /** Streams that one user, as it was proved, may publish. Default unbounded. */
  readonly maxPublishersPerUser?: number;
  /** The bitrate of a publisher, bits a second in the mean of 10 s: one that is over it is closed. Default unbounded. */
  readonly maxPublisherBitrateBps?: number;
  /** The same of what one player is sent. */
  readonly maxPlayerBitrateBps?: number;
  /** Which addresses may connect; all by default. */
  readonly addresses?: AddressListOptions;
  /** The balancers that clients come by: limits, rules and the log are then about the clients. */
  readonly proxies?: ProxyOptions;
  /** What differs for the streams of a name or a pattern. */
  readonly paths?: readonly PathRule[];
  /**
   * Who may do what, as data: users, rules, keys, signed URLs, tokens, and a URL that is asked. It takes the place of
   * `hooks.authenticate`, beside which it cannot be. Default: anybody may publish and play.
   */
  readonly access?: AccessOptions;
  /** URLs that are told of what happens. */
  readonly webhooks?: readonly WebhookOptions[];
  /** Programs that are run at what happens; to run them needs permission. */
  readonly commands?: readonly EventCommandOptions[];
  /** Whether there are pages for people at `/` and at the streams' names. Default true, where HTTP is answered. */
  readonly console?: boolean;
  /** Functions of the program that decide who may do what, or hear of what has happened. */
  readonly hooks?: ServerHooks;
  /** Where log lines go; nowhere by default. */
  readonly log?: ServerLog;
}

/** The options that can be changed while a server runs. */
export type LiveOptions = Pick<
  ServerOptions,
  keyof GateLimits | "hub" | "timing" | "maxConnectionBytes" | "addresses" | "paths" | "access"
>;

/** The balancers in front of a server, by ranges of addresses as {@linkcode AddressListOptions} has them. */
export interface ProxyOptions {
  /**
   * Those whose connections to the ports of RTMP and RTSP begin with a header of the PROXY protocol, version 1 or 2;
   * one that does not is closed. It is not read on ports of TLS: have the balancer speak that.
   */
  readonly proxyProtocol?: readonly string[];
  /** Those whose `X-Forwarded-For` says whose an HTTP request is. */
  readonly forwardedFor?: readonly string[];
}

/** Who may use the API of a server, and what it has of the program. */
export interface ApiOptions {
  /** Tokens any of which opens it, each of at least 16 characters of ASCII without spaces. */
  readonly tokens?: readonly string[];
  /** Whether anybody may read the metrics. Default false: they name streams. */
  readonly openMetrics?: boolean;
  /** What the program lets it show and change of its own. */
  readonly program?: ApiProgram;
  /** Where relays that are made by it are kept, so that they survive a restart. */
  readonly state?: ApiState;
}

/** What is kept of live streams. */
export interface KeepOptions {
  /** Of which streams: a name, or a pattern with `*`. Default `*`, all. */
  readonly name?: string;
  /** How much of each, milliseconds. */
  readonly ms: number;
  /** How many bytes of all of them together; the oldest go first. Default 256 MiB. */
  readonly bytes?: number;
}

/** Which addresses may connect: ranges such as `192.0.2.0/24`, `2001:db8::/32`, or single addresses. */
export interface AddressListOptions {
  /** These alone. Default: all. */
  readonly allow?: readonly string[];
  /** None of these, even if they are allowed. */
  readonly deny?: readonly string[];
}

/**
 * A live-streaming server: encoders publish to it, players take the streams.
 *
 * @example
 * ```ts
 * import { Server } from "@weir/server";
 *
 * await using server = new Server({
 *   rtmp: { hostname: "127.0.0.1", port: 0 },
 *   hooks: {
 *     onPublish: ({ query }) => query.get("key") === "secret" ? undefined : { refuse: "Wrong key" },
 *   },
 * });
 * await server.listen();
 * console.log(server.addresses[0]?.protocol); // rtmp
 * ```
 */
export class Server {
  /** The streams, for all that the shorter ways below do not offer. */
  readonly hub: Hub;
  /** What happens in the server, to listen to. */
  readonly events: ServerEvents = new ServerEvents((error) =>
    this.#log.error("a listener of events failed", { error: String(error) })
  );
  /** Who may do what, and the publishing keys; `undefined` without the option of that name. */
  readonly access: Access | undefined;
  /**
   * What opens the API where nothing else does: made by chance for this server alone. `undefined` where there are
   * tokens or users, or no API.
   */
  readonly apiToken: string | undefined;
  readonly #outlets: EventOutlets;
  readonly #listening: ListeningHooks | undefined;
  readonly #metrics: MetricsRoutes | undefined;
  readonly #record: RelayRecord | undefined;
  readonly #health: HealthWatch;
  readonly #madeAtMs = performance.now();
  readonly #log: ServerLog;
  readonly #shell: ServerShell;
  readonly #options: ServerOptions;
  readonly #relays: Relays;
  readonly #channels: readonly FileChannel[];
  /** The last of each stream, for clips. */
  readonly #keep: Recordings | undefined;
  /** The recordings by the rules of the options: what there is, and its files. */
  readonly recordings: Recordings;
  readonly #rtsp: RtspDoor;
  readonly #http: HttpDoor;
  /** What makes this server a part of a larger one, or the thread that others are parts of. */
  readonly #agent: ClusterAgent | undefined;
  readonly #pool: WorkerPool | undefined;
  readonly #main: MainPart | undefined;
  readonly #node: ClusterNode | undefined;
  #paths: PathRules;
  #stopping: Promise<void> | undefined;

  /**
   * Makes a server that does nothing yet.
   *
   * @throws {RangeError} if a number among the options is out of range
   * @throws {TypeError} if a range of addresses cannot be read, or a pattern of names
   * @throws as {@linkcode checkRelays} if a relay among the options is wrong
   */
  constructor(options: ServerOptions = {}, part?: ServerPart) {
    checkServerNumbers(options);
    const workers = part === undefined ? workerCount(options.workers) : 1;
    this.#options = options;
    const { maxConnectionBytes = MAX_CONNECTION_BYTES, tls } = options;
    const log = this.#log = safeLog(options.log ?? silentLog);
    this.access = accessOf(options, log);
    const decided = hooksOf(options, this.access);
    // Where this is a part of a server, the whole tells.
    this.#listening = part === undefined
      ? listeningHooks(this.events, {
        hooks: decided,
        clock: systemClock,
        lingerMs: () => this.hub.settings.lingerMs,
      })
      : undefined;
    const hooks = this.#listening?.hooks ?? decided;
    this.#outlets = new EventOutlets({
      webhooks: part === undefined ? options.webhooks ?? [] : [],
      commands: part === undefined ? options.commands ?? [] : [],
      log,
      clock: systemClock,
      urls: () => ({ rtmp: this.#urlOf("rtmp"), rtsp: this.#urlOf("rtsp") }),
    });
    this.#paths = new PathRules(options.paths ?? []);
    this.hub = new Hub(
      { ...this.#hubOptions(options), clock: systemClock },
      hubEvents(log, () => this.hub.settings.maxHeldBytes),
    );
    // Where workers serve, this thread has no ports of its own.
    const listening = workers > 1 ? { ...options, ...NO_PORTS } : options;
    this.#rtsp = new RtspDoor(rtspDoorOptions(listening));
    // Parts of a server know a part of it alone.
    const api = part === undefined && options.api !== false
      ? this.#makeApi(options.api ?? {}, hooks)
      : undefined;
    this.apiToken = api?.token;
    this.#metrics = api?.metrics;
    this.#record = api?.record;
    this.#keep = workers === 1 && options.keep !== undefined
      ? keepOf(options.keep, {
        hub: this.hub,
        gate: () => this.#shell.gate,
        log,
      })
      : undefined;
    this.#health = new HealthWatch({ tickets: () => this.#shell.gate.tickets.values(), log });
    this.#http = new HttpDoor(httpDoorOptions(listening, [
      new HealthRoutes({ whyNotReady: () => this.#whyNotReady() }),
      ...api === undefined ? [] : [api.metrics, api.recordings, api.routes],
      ...part?.routes ?? [],
      ...this.#keep === undefined
        ? []
        : [new ClipRoutes({ keep: this.#keep, nowUnixMs: Date.now })],
      ...options.console === false ? [] : [new ConsoleRoutes()],
    ], part?.tokenPrefix));
    const asks = options.rtmpAskAtConnect ?? this.access?.asksAtConnect ?? asksAtConnect(hooks);
    const onSought = (name: string, members: readonly string[]): void =>
      this.#pool?.sought(name, members);
    const isCluster = part === undefined && options.cluster !== undefined;
    this.#node = isCluster ? this.#clusterNode(options.cluster!) : undefined;
    const main = part === undefined && (workers > 1 || isCluster)
      ? new MainPart({
        workers,
        onSought,
        log,
        ...(this.#node === undefined ? {} : {
          beyond: { cluster: options.cluster!, directory: this.#node.directory },
        }),
      })
      : undefined;
    this.#main = main;
    const own: ServerPart | undefined = part ?? main;
    const carrier = own?.carrier(this.hub);
    this.#agent = own && carrier && new ClusterAgent({
      ...own,
      carrier,
      hub: this.hub,
      clock: systemClock,
      log,
    });
    if (workers > 1) {
      this.#pool = new WorkerPool({
        count: workers,
        options: { ...workerOptions(options), rtmpAskAtConnect: asks },
        relays: (options.relays ?? []).map((relay) => this.#withOnLoss(relay)),
        hooks,
        log,
        member: main!.member,
        directory: main!.directory,
        carrier: main!.ports,
        fetch: (request, hostname) => this.fetch(request, { remoteAddr: { hostname } }),
        cluster: main!.peers && { options: options.cluster!, peers: main!.peers },
      });
    }
    this.#shell = new ServerShell({
      hub: this.hub,
      doors: [
        new RtmpDoor({ ...listening, askAtConnect: asks, connectKey: part?.connectKey }),
        this.#rtsp,
        this.#http,
        ...options.doors ?? [],
      ],
      claims: this.#agent,
      nodes: own?.nodes,
      sharesPorts: own?.sharesPorts,
      numbers: own?.numbers,
      hooks,
      log,
      timing: { ...SERVER_TIMING, ...options.timing },
      limits: gateLimits(options),
      addresses: addressRules(options.addresses ?? {}),
      proxies: rangesOf(options.proxies?.proxyProtocol),
      termsOf: (name) => this.#paths.of(name).terms,
      maxConnectionBytes,
      tls,
      onTick: (nowMs) => this.#health.tick(nowMs),
    });
    if (this.access !== undefined) {
      this.access.keys.onRevoked = (id) =>
        void this.kickUser(`key:${id}`, "The publishing key was revoked");
    }
    this.#relays = new Relays(
      {
        hub: this.hub,
        gate: this.#shell.gate,
        log,
        clock: systemClock,
        random: Math.random,
        ...(part?.seesTo === undefined ? {} : { seesTo: part.seesTo }),
      },
      this.#pool === undefined
        ? (options.relays ?? []).map((relay) => this.#withOnLoss(relay))
        : [],
    );
    // Of several workers each has its part of the channels, and records what is published to it.
    const sources = this.#pool === undefined ? options.sources ?? [] : [];
    const channels = sources.filter(({ name }) => part?.seesTo?.(name) ?? true);
    this.#channels = channels.map((source) =>
      new FileChannel(source, {
        clock: systemClock,
        log,
        publish: (name, units, { signal }) =>
          publishUnits(this.#shell.gate, units, { name, signal, protocol: "file" }),
      })
    );
    this.recordings = new Recordings({
      hub: this.hub,
      gate: () => this.#shell.gate,
      log,
      clock: systemClock,
      nowUnixMs: Date.now,
      onSegment: ({ name, path, startUnixMs, durationMs, bytes }) =>
        this.events.emit("recording-segment", {
          stream: name,
          path,
          start: new Date(startUnixMs).toISOString(),
          durationMs,
          bytes,
        }),
    }, this.#pool === undefined ? options.record ?? [] : []);
  }

  /** What differs for the streams of a name or a pattern. */
  get paths(): readonly PathRule[] {
    return this.#paths.rules;
  }

  /**
   * Gives the server other options, which hold from now on; nobody is disconnected for it, not who is over a limit
   * now either. All of them are as if the server were made anew: what is left out has its default again. Others
   * have their own ways: `reloadTls`, `addRelay`, `changeRelay`, `removeRelay`.
   *
   * @throws {RangeError} (rejects) if a number is out of range: then nothing is changed, here as below
   * @throws {TypeError} (rejects) if a range of addresses or a pattern of names cannot be read, or `access` is there
   * now and was not before
   * @throws {AccessOptionsError} (rejects) if `access` cannot be read
   *
   * @example
   * ```ts
   * import { Server } from "@weir/server";
   *
   * await using server = new Server();
   * await server.configure({ maxConnections: 10, paths: [{ pattern: "live/*", lingerMs: 1000 }] });
   * console.log(server.hub.settingsOf("live/cam").lingerMs); // 1000
   * ```
   */
  async configure(options: LiveOptions): Promise<void> {
    checkServerNumbers(options);
    const { maxConnectionBytes = MAX_CONNECTION_BYTES, access, hub, timing } = options;
    const addresses = addressRules(options.addresses ?? {});
    const paths = new PathRules(options.paths ?? []);
    hubSettings({ ...hub, clock: systemClock });
    if (access !== undefined && this.access === undefined) {
      throw new TypeError("Cannot change 'access' as the server was made without it");
    }
    await this.access?.change(access ?? {});
    this.#paths = paths;
    this.hub.configure(this.#hubOptions(options));
    this.#shell.configure({
      timing: { ...SERVER_TIMING, ...timing },
      limits: gateLimits(options),
      addresses,
      termsOf: (name) => this.#paths.of(name).terms,
      maxConnectionBytes,
    });
    this.#pool?.configure(workerOptions(options));
  }

  /** The rules of paths come after what the program says of a stream. */
  #hubOptions({ hub }: Pick<ServerOptions, "hub">): Omit<HubOptions, "clock"> {
    return {
      ...hub,
      streamSettings: (name) => ({
        ...hub?.streamSettings?.(name),
        ...this.#paths.of(name).settings,
      }),
    };
  }

  /**
   * Changes which addresses may connect from now on; connections that there are go on.
   *
   * @throws {TypeError} if a range cannot be read: then nothing is changed
   */
  setAddresses(addresses: AddressListOptions): void {
    this.#shell.gate.addresses = addressRules(addresses);
    this.#pool?.tellAll("setAddresses", addresses);
  }

  /** Where the server listens, with the ports that it got. */
  get addresses(): ServerAddress[] {
    return [...this.#pool?.addresses ?? [], ...this.#shell.addresses];
  }

  /** The streams that are published or waited for. */
  get streams(): Stream[] {
    return this.hub.streams;
  }

  /** The state and counts of the relays, in the order of the options, then those that were added. */
  get relays(): RelayEntry[] {
    return this.#pool?.relays ?? this.#relays.statistics;
  }

  /** All publishers and players, the server's own too, by number; each can be ended by `kick`. */
  get tickets(): ReadonlyMap<number, Ticket> {
    const pool = this.#pool;
    const { tickets } = this.#shell.gate;
    if (pool === undefined) return tickets;
    const all = new Map(tickets);
    for (const info of pool.snapshots.flatMap(({ tickets }) => tickets)) {
      const { id } = info;
      const kick = (why: string) => pool.tellAll("kickTicket", id, why);
      all.set(id, { info, isOwn: info.remoteAddress === "", kick });
    }
    return all;
  }

  /** How the workers do, where there are several. */
  get workers(): WorkerStatistics[] {
    return this.#pool?.statistics ?? [];
  }

  /**
   * Ends a worker with all its connections, and starts it again, as happens when one dies by itself; `index` is from 0 on.
   * Whether there was one.
   */
  restartWorker(index: number): boolean {
    return this.#pool?.restart(index) ?? false;
  }

  /**
   * Adds a relay, which starts when the server listens, at once where it does; resolves to the id that
   * `changeRelay` and `removeRelay` know it by. A name and URL with `*` are a pattern, for any stream.
   *
   * @throws {TypeError} (rejects) if another relay has the target, or the server has stopped; and as
   * {@linkcode checkRelays}
   *
   * @example
   * ```ts
   * import { Server } from "@weir/server";
   *
   * await using server = new Server();
   * const id = await server.addRelay({
   *   mode: "pull",
   *   name: "live/*",
   *   url: "rtmp://origin.example/live/*",
   * });
   * console.log(server.relays.map(({ name, state }) => `${name} ${state}`)); // [ "live/* idle" ]
   * console.log(await server.removeRelay(id)); // true
   * ```
   */
  addRelay(options: RelayOptions): Promise<number> {
    const relay = this.#withOnLoss(options);
    return this.#pool?.addRelay(relay) ?? this.#relays.add(relay);
  }

  /** A relay that says nothing of losses does as the server does for players. */
  #withOnLoss(relay: RelayOptions): RelayOptions {
    const { onLoss } = this.#options;
    return onLoss === undefined ? relay : { onLoss, ...relay };
  }

  /**
   * Gives a relay other options; resolves to false when there is none of that id. What runs goes on where
   * only times differ; else it is ended, in its protocol's words, and begun anew. Its counts go on.
   *
   * @throws {TypeError} (rejects), and nothing is changed, as `addRelay`
   */
  changeRelay(id: number, options: RelayOptions): Promise<boolean> {
    const relay = this.#withOnLoss(options);
    return this.#pool?.changeRelay(id, relay) ?? this.#relays.change(id, relay);
  }

  /**
   * Ends a relay, in its protocol's words, and forgets it; resolves when its connection is closed, to false
   * when there is none of that id.
   */
  removeRelay(id: number): Promise<boolean> {
    return this.#pool?.removeRelay(id) ?? this.#relays.remove(id);
  }

  /**
   * A stream's media for this program; the stream need not be published yet.
   *
   * @throws {HubError} `bad-name` when the name cannot be a stream's
   */
  stream(name: string): ServerStream {
    checkStreamName(name);
    return new ServerStream(name, {
      hub: this.hub,
      gate: this.#shell.gate,
      log: this.#shell.log,
    });
  }

  /**
   * Publishes what `units` gives, until it ends, under a name; resolves when all is published. The media
   * is `access-unit` or `flv`; `tracks` tell what `access-unit` payloads are.
   *
   * @throws {HubError} `name-taken` when another publisher has the name; `bad-name`
   */
  async publish(
    name: string,
    units: ReadableStream<MediaUnit>,
    options: PublishUnitsOptions = {},
  ): Promise<void> {
    await publishUnits(this.#shell.gate, units, { ...options, name });
  }

  /**
   * Ends all that a user, as it was proved, publishes and plays, and has the clients told why; returns how many that
   * were. The user of a publishing key is `key:` and the key's id.
   */
  kickUser(user: string, why: string): number {
    this.#pool?.tellAll("kickUser", user, why);
    const theirs = [...this.tickets.values()].filter(({ info }) => info.user === user);
    for (const ticket of theirs) ticket.kick(why);
    return theirs.length;
  }

  /** Ends a connection by its number, and all that it does; the client is told why. Whether there was one. */
  kickConnection(id: number, why: string): boolean {
    const connection = this.connections.find((other) => other.id === id);
    connection?.kick(why);
    return connection !== undefined;
  }

  /** The connections, with their counts. */
  get connections(): ServerConnection[] {
    const pool = this.#pool;
    const { connections } = this.#shell;
    if (pool === undefined) return connections;
    const others = pool.snapshots.flatMap(({ connections }) => connections).map((connection) => ({
      ...connection,
      kick: (why: string) => pool.tellAll("kickConnection", connection.id, why),
    }));
    return [...connections, ...others];
  }

  /** Counts of the RTSP sessions that play, are set up to, or record. */
  get rtspSessions(): readonly RtspSessionStatistics[] {
    return this.snapshot().doors.rtsp.sessions;
  }

  /** Number of connections. */
  get connectionCount(): number {
    return this.connections.length;
  }

  /** Number of RTSP sessions; those over UDP may outlive their connections. */
  get rtspSessionCount(): number {
    return this.snapshot().doors.rtsp.sessionCount;
  }

  /** Connections that were closed at once, since there were too many. */
  get refusedConnections(): number {
    return this.snapshot().refused.connections;
  }

  /** Every count that there is, at one moment; those of workers are up to a second old. */
  snapshot(): ServerSnapshot {
    const own = this.#ownSnapshot();
    if (this.#pool === undefined) return own;
    return { ...mergedSnapshot([own, ...this.#pool.snapshots]), relays: this.#pool.relays };
  }

  /** The same, with the counts of workers as they are now. */
  async freshSnapshot(): Promise<ServerSnapshot> {
    await this.#pool?.refresh();
    return this.snapshot();
  }

  #clusterNode(options: ClusterOptions): ClusterNode {
    checkClusterOptions(options);
    const { nats: servers, prefix = "weir", natsToken: token } = options;
    return new ClusterNode(options, {
      open: () => NatsStore.open({ servers, prefix, token }),
      clock: systemClock,
      unixMs: Date.now,
      run: crypto.randomUUID(),
      load: () => ({ feeds: this.#main?.peers?.feeds ?? 0, connections: this.connectionCount }),
      log: this.#log,
    });
  }

  #ownSnapshot(): ServerSnapshot {
    const shell = this.#shell;
    return {
      connections: shell.connectionSnapshots,
      tickets: Array.from(shell.gate.tickets.values(), ({ info }) => info),
      health: healthOf(shell.gate.tickets),
      streams: this.hub.streams.map(({ statistics }) => statistics),
      relays: this.#relays.statistics,
      refused: { ...shell.gate.counts },
      heldBytes: { streams: this.hub.heldBytes, connections: shell.heldBytes },
      doors: { ...shell.doorSnapshots, rtsp: this.#rtsp.snapshot() },
      logLinesLeftOut: shell.peers.linesLeftOut,
      ...(this.#node === undefined ? {} : { cluster: this.#node.statistics }),
    };
  }

  /**
   * Starts to listen; resolves when clients can connect.
   *
   * @throws {ServerError} `address-in-use`, `address-not-available`, `certificate`, `permission` (the flag to
   * add is in the message), or `state` when called twice
   */
  async listen(): Promise<void> {
    try {
      await this.access?.open();
      this.#outlets.open(this.events);
      await this.#openFiles();
      await this.#shell.open();
      await this.#node?.start();
      this.#agent?.start(this.#shell.gate);
      await this.#pool?.start();
      this.#warnIfOpen();
      this.#relays.start();
      await this.#record?.restore();
      this.recordings.start();
      this.#keep?.start();
      for (const channel of this.#channels) channel.start();
    } catch (error) {
      if (this.#shell.state !== "listening") throw error;
      await this.stop();
      throw error;
    }
  }

  /** Where programs of this machine reach a protocol; empty where it is not listened for. */
  #urlOf(protocol: "rtmp" | "rtsp"): string {
    const address = this.addresses.find((one) => one.protocol === protocol);
    if (address === undefined) return "";
    const isAny = address.hostname === "0.0.0.0" || address.hostname === "::";
    const hostname = isAny ? "127.0.0.1" : address.hostname;
    return `${protocol}://${formatAddress({ hostname, port: address.port })}`;
  }

  /** Whoever reaches the server may do everything: said once, where not only this machine reaches it. */
  #warnIfOpen(): void {
    const { hooks = {} } = this.#options;
    const isOpen = this.access?.isOpen ?? (hooks.authenticate ?? hooks.onPublish) === undefined;
    const reachable = this.addresses.filter(({ hostname }) => !isLoopback(hostname));
    if (!isOpen || reachable.length === 0) return;
    const shown = new Set(reachable.map(formatAddress));
    this.#log.warn(
      "anybody who reaches this server may publish and play, as nothing says who may",
      {
        addresses: [...shown].join(" "),
      },
    );
  }

  /**
   * Serves a connection that the caller has accepted, in the protocol that is named: `rtmp`, or `rtsp` over this
   * connection alone. Resolves with how it ended, whatever the peer does.
   *
   * @throws {ServerError} `state` when the server has stopped, or has no door for the protocol
   */
  async serve(protocol: string, pair: StreamPair): Promise<ConnectionEnd> {
    return await this.#shell.serve(protocol, pair);
  }

  /**
   * Serves RTMP on a connection that the caller has accepted: `serve("rtmp", pair)`.
   *
   * @throws {ServerError} `state` when the server has stopped
   */
  async serveRtmp(pair: StreamPair): Promise<ConnectionEnd> {
    return await this.serve("rtmp", pair);
  }

  /**
   * Answers an HTTP request as the server's own ports do: in a `Deno.serve` of the program's, under a path of its
   * choice (`prefix`), or without any port. It may be passed on as it is: `Deno.serve(server.fetch)`.
   *
   * @example
   * ```ts
   * import { Server } from "@weir/server";
   *
   * await using server = new Server();
   * const answer = await server.fetch(new Request("http://localhost/video/healthz"), {
   *   prefix: "/video",
   * });
   * console.log(answer.status); // 200
   * ```
   */
  readonly fetch = async (request: Request, info: HttpRequestInfo = {}): Promise<Response> => {
    try {
      this.#shell.use(this.#http);
    } catch (error) {
      if (!(error instanceof ServerError)) throw error;
      return new Response(null, { status: 503 });
    }
    return await this.#http.fetch(this.#shell, request, info);
  };

  /**
   * Shows another certificate, PEM, to those who connect by TLS from now on; connections that there are go on.
   *
   * @throws {ServerError} `certificate` when the certificate and the key do not belong together, or cannot be
   * read: then the former stays
   */
  async reloadTls(tls: { readonly cert: string; readonly key: string }): Promise<void> {
    await Promise.all([this.#pool?.reloadTls(tls), this.#shell.reloadTls(tls)]);
  }

  /** What is missing is said before anything listens. */
  async #openFiles(): Promise<void> {
    try {
      await this.recordings.open();
      for (const channel of this.#channels) await channel.check();
    } catch (error) {
      if (!(error instanceof RecordingError || error instanceof MediaFileError)) throw error;
      const isPermission = error.message.includes("without permission");
      throw new ServerError(isPermission ? "permission" : "state", error.message, { cause: error });
    }
  }

  async #stopAgents(): Promise<void> {
    this.#metrics?.close();
    await Promise.all([
      ...this.#channels.map((channel) => channel.stop()),
      this.recordings.stop(),
      this.#keep?.stop(),
      this.#relays.stop(),
    ]);
  }

  #makeApi(
    { tokens = [], openMetrics = false, program = {}, state }: ApiOptions,
    { authenticate }: ServerHooks,
  ) {
    const wrong = tokens.find((token) => !TOKEN.test(token));
    if (wrong !== undefined) {
      throw new RangeError(
        "Cannot make a server as 'api.tokens' must have 16 characters or more each, of ASCII and without spaces: " +
          `current value has ${wrong.length}`,
      );
    }
    const isOpen = this.access?.isOpen ?? authenticate === undefined;
    const token = isOpen && tokens.length === 0 ? randomToken() : undefined;
    const guard = new ApiGuard({
      tokens: token === undefined ? tokens : [token],
      asksUsers: authenticate !== undefined,
    });
    const { version } = denoConfig;
    const uptimeMs = (): number => performance.now() - this.#madeAtMs;
    const counts = new RecentSnapshot(this);
    const record = new RelayRecord(this, { state, log: this.#log });
    return {
      token,
      record,
      routes: new ApiRoutes(
        { source: this, counts, program, relays: record, version, uptimeMs },
        { guard, log: this.#log },
      ),
      recordings: new RecordingRoutes({ recordings: () => this.recordings, guard }),
      metrics: new MetricsRoutes(
        { counts, totals: () => this.hub.totals, version, uptimeMs },
        { guard: openMetrics ? undefined : guard },
      ),
    };
  }

  #whyNotReady(): string | undefined {
    const { state } = this.#shell;
    // One that only answers requests of others' ports has none of its own to open.
    return state === "stopped" ? "The server stops" : undefined;
  }

  /** Closes listeners, tells clients, and ends within three seconds; may be called again. */
  stop(): Promise<void> {
    this.#stopping ??= this.#shell.stop(async () => {
      this.#agent?.stop();
      await Promise.all([
        this.#stopAgents(),
        this.#pool?.stop(),
        this.#outlets.stopCommands(),
      ]);
      await this.#node?.stop();
    }).then(async () => {
      this.#listening?.close();
      await this.#outlets.close();
    });
    return this.#stopping;
  }

  /** Stops the server at the end of an `await using` block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

function accessOf({ access, hooks }: ServerOptions, log: ServerLog): Access | undefined {
  if (access === undefined) return undefined;
  if (hooks?.authenticate !== undefined) {
    throw new TypeError(
      "Cannot make a server as 'access' and 'hooks.authenticate' exclude each other",
    );
  }
  return new Access(access, { log });
}

/** The hooks of the program, with what `access` decides. */
function hooksOf({ hooks = {} }: ServerOptions, access: Access | undefined): ServerHooks {
  if (access === undefined) return hooks;
  return {
    ...hooks,
    authenticate: access.authenticate,
    isSecretName: access.isSecretName,
    get passwordMethods() {
      return access.passwordMethods;
    },
  };
}

/** A shorter one can be found by trying, and others do not fit into a header. */
const TOKEN = /^[\x21-\x7e]{16,}$/;

function randomToken(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(24));
  return bytes.toBase64({ alphabet: "base64url" });
}

function healthOf(tickets: ReadonlyMap<number, Ticket>): PublisherHealth[] {
  return Array.from(tickets).flatMap(([ticket, { info, health, tracks = [] }]) =>
    health === undefined
      ? []
      : [{ ticket, stream: info.stream, tracks: tracks.map(inWords), report: health }]
  );
}

function inWords(track: Track): PublishedTrack {
  const { kind, id, codec, width, height, sampleRate, channels } = track;
  const facts = { width, height, sampleRate, channels };
  return { kind, id, codec, codecString: codecString(track), ...facts };
}

/** How many workers an option asks for. */
function workerCount(workers: ServerOptions["workers"] = 1): number {
  if (workers === "auto") return navigator.hardwareConcurrency;
  return workers;
}

/** What a thread has that listens nowhere. */
const NO_PORTS = {
  rtmp: false,
  rtmps: false,
  rtsp: false,
  rtsps: false,
  rtp: false,
  multicast: false,
  http: false,
  https: false,
  webrtc: false,
} as const;

/** The options that workers get: all but what is this thread's, who are asked by messages. */
function workerOptions(options: ServerOptions): WorkerOptions {
  const {
    hooks: _hooks,
    log: _log,
    doors: _doors,
    workers: _workers,
    relays: _relays,
    access: _access,
    webhooks: _webhooks,
    commands: _commands,
    cluster: _cluster,
    // The main thread answers these.
    api: _api,
    httpOutputs: _httpOutputs,
    httpRoutes: _httpRoutes,
    ...given
  } = options;
  return given;
}

/** The answers of RTMP encoders are digests of passwords. */
function asksAtConnect({ passwordMethods }: ServerHooks): boolean {
  return passwordMethods?.some((method) => method !== "basic") ?? true;
}

function rtspDoorOptions(options: ServerOptions): RtspDoorOptions {
  const { rtspSession, rtsp, rtsps, rtp, multicast } = options;
  return {
    ...(rtsp === undefined ? {} : { rtsp }),
    ...(rtsps === undefined ? {} : { rtsps }),
    ...(rtp === undefined ? {} : { rtp }),
    ...(multicast === undefined ? {} : { multicast }),
    ...(rtspSession === undefined ? {} : { session: rtspSession }),
  };
}

function addressRules({ allow, deny }: AddressListOptions): AddressRules {
  return {
    ...(allow === undefined ? {} : { allowed: new AddressRanges(allow) }),
    ...(deny === undefined ? {} : { denied: new AddressRanges(deny) }),
  };
}

/** Reads the ranges of balancers; `undefined` where there are none. */
function rangesOf(ranges: readonly string[] | undefined): AddressRanges | undefined {
  return ranges === undefined || ranges.length === 0 ? undefined : new AddressRanges(ranges);
}

function httpDoorOptions(
  options: ServerOptions,
  routes: readonly HttpRoutes[],
  tokenPrefix?: string,
): HttpDoorOptions {
  const { http, https, httpOrigins = {}, httpHosts, httpOutputs, httpRoutes = [] } = options;
  const { webrtc = false, webrtcHosts } = options;
  const { media, api } = httpOrigins;
  return {
    ...(http === undefined ? {} : { http }),
    ...(https === undefined ? {} : { https }),
    ...(media === undefined ? {} : { mediaOrigins: media }),
    ...(api === undefined ? {} : { apiOrigins: api }),
    ...(httpHosts === undefined ? {} : { hosts: httpHosts }),
    balancers: rangesOf(options.proxies?.forwardedFor),
    ...(httpOutputs === undefined ? {} : { outputs: httpOutputs }),
    hls: { ...options.hls, ...(tokenPrefix === undefined ? {} : { tokenPrefix }) },
    ...(webrtc === false ? {} : {
      webrtc: {
        address: webrtc,
        ...(webrtcHosts === undefined ? {} : { hosts: webrtcHosts }),
      },
    }),
    routes: [...httpRoutes, ...routes],
  };
}

function gateLimits(options: ServerOptions): Partial<GateLimits> {
  const limits: { -readonly [K in keyof GateLimits]?: number } = {};
  for (const key of Object.keys(GATE_LIMITS) as (keyof GateLimits)[]) {
    const value = options[key];
    if (value !== undefined) limits[key] = value;
  }
  return limits;
}

/** Files of what is kept are so long, milliseconds: what is too old goes a file at a time. */
const KEPT_FILE_MS = 5000;

/** What a clip can begin at, milliseconds. */
const KEPT_PART_MS = 500;

/** Keeps the last of each stream, as a recording in memory. */
function keepOf(
  { name = "*", ms, bytes = 256 * 1024 * 1024 }: KeepOptions,
  server: { readonly hub: Hub; readonly gate: () => Gate; readonly log: ServerLog },
): Recordings {
  const { hub, gate, log } = server;
  return new Recordings({ hub, gate, log, clock: systemClock, nowUnixMs: Date.now }, [{
    name,
    to: new MemoryStore({ nowUnixMs: Date.now }),
    segmentMs: KEPT_FILE_MS,
    partMs: KEPT_PART_MS,
    keepMs: ms,
    keepBytes: bytes,
  }]);
}
