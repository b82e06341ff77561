import { checkStreamName, Hub, type HubOptions, type Stream } from "../hub/mod.ts";
import type { MediaUnit } from "../media/mod.ts";
import type { ChunkLimits, RtmpServerSessionOptions } from "../rtmp/mod.ts";
import {
  Acceptor,
  checkListenPermission,
  connTransport,
  explainListenErrors,
  formatAddress,
  hasNetPermission,
  type ListenAddress,
  openListener,
  ServerError,
  type StreamPair,
  streamPairTransport,
  systemClock,
  type Transport,
} from "../transport/mod.ts";
import type { ServerContext, ServerTiming } from "../doors/mod.ts";
import type { ConnectionEnd, ServerHooks } from "../gate/mod.ts";
import { atMostEachSecond, PeerLog, type ServerLog, silentLog } from "../log/mod.ts";
import type { EnhancedPolicy } from "../wire/mod.ts";
import {
  MulticastGroups,
  type MulticastOptions,
  RtpSockets,
  RtspFront,
  type RtspMulticast,
  RtspService,
  type RtspServiceOptions,
  type RtspSessionStatistics,
  RtspTunnels,
} from "../doors/rtsp/mod.ts";
import { type RelayOptions, Relays, type RelayStatistics } from "../relay/mod.ts";
import { RtmpConnection } from "../doors/rtmp/mod.ts";
import { publishUnits, type PublishUnitsOptions, ServerStream } from "./server_stream.ts";
import type { RtspTransportPolicy } from "../rtsp/mod.ts";
import type { ConnectionStatistics } from "./statistics.ts";

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
  /** Certificate chain and private key, PEM, for `rtmps` and `rtsps`. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Times of RTSP sessions. */
  readonly rtspSession?: RtspServiceOptions;
  /** Streams that are forwarded to, or fetched from, other servers. */
  readonly relays?: readonly RelayOptions[];
  /** Settings and bounds of the streams. */
  readonly hub?: Omit<HubOptions, "clock">;
  /** Bounds and times of RTMP sessions. */
  readonly session?: RtmpServerSessionOptions;
  /** Bounds of what an RTMP client may make the server hold. */
  readonly chunks?: Partial<ChunkLimits>;
  /** What players that announce nothing of Enhanced RTMP are sent. Default `pass`. */
  readonly enhanced?: EnhancedPolicy;
  /** Times of the server itself. */
  readonly timing?: Partial<ServerTiming>;
  /** Connections at one time; further ones are closed at once. Default 10 000. */
  readonly maxConnections?: number;
  /**
   * Bytes that all connections together may make the server hold beside the media of streams: unfinished
   * RTMP messages, and answers that nobody reads. Default 256 MiB; over it, those that hold most are closed.
   */
  readonly maxConnectionBytes?: number;
  /** Connections of one address at one time. Unbounded by default: players share addresses. */
  readonly maxConnectionsPerAddress?: number;
  /** What may decide and hear. */
  readonly hooks?: ServerHooks;
  /** Where log lines go; nowhere by default. */
  readonly log?: ServerLog;
}

/** What a server can speak at a port; `rtp` is UDP. */
export type ServerProtocol = "rtmp" | "rtmps" | "rtsp" | "rtsps" | "rtp";

/** Where a server listens. */
export interface ServerAddress {
  /** What is spoken there. */
  readonly protocol: ServerProtocol;
  /** Address. */
  readonly hostname: string;
  /** Port; never 0. */
  readonly port: number;
}

/** Deadlines are looked at this often, milliseconds. */
const TICK_MS = 250;

/** Lets the peers that are told to go read it, and stays below the three seconds of a stop. */
const STOP_MS = 2500;

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
  readonly #options: ServerOptions;
  readonly #context: ServerContext;
  readonly #relays: Relays;
  readonly #connections = new Map<ServedConnection, ConnectionName>();
  readonly #perAddress = new Map<string, number>();
  readonly #listeners: OpenListener[] = [];
  #sockets: RtpSockets | undefined;
  readonly #groups: MulticastGroups | undefined;
  #multicast: RtspMulticast | undefined;
  #rtsp: RtspService | undefined;
  readonly #tunnels = { rtsp: new RtspTunnels(), rtsps: new RtspTunnels() };
  #state: "new" | "listening" | "stopped" = "new";
  #ticking: ReturnType<typeof setInterval> | undefined;
  #nextId = 1;
  #refusedConnections = 0;
  #stopping: Promise<void> | undefined;

  /**
   * Makes a server that does nothing yet.
   *
   * @throws {RangeError} if a number among the options is out of range
   * @throws as {@linkcode checkRelays} if a relay among the options is wrong
   */
  constructor(options: ServerOptions = {}) {
    this.#options = options;
    const log = options.log ?? silentLog;
    this.hub = new Hub({ ...options.hub, clock: systemClock }, {
      onError: atMostEachSecond(
        systemClock,
        (error) => log.error("stream callback failed", { error: String(error) }),
      ),
      onStreamShed: atMostEachSecond(
        systemClock,
        ({ name }: Stream) =>
          log.warn("streams hold too much, and keep less for players that join or are behind", {
            stream: name,
            maxHeldBytes: this.hub.settings.maxHeldBytes,
          }),
      ),
    });
    this.#context = {
      hub: this.hub,
      hooks: options.hooks ?? {},
      log,
      peers: new PeerLog(log, systemClock),
      clock: systemClock,
      timing: {
        playWaitMs: 10_000,
        describeWaitMs: 3000,
        writeStallMs: 10_000,
        closeMs: 1000,
        hookMs: 30_000,
        ...options.timing,
      },
    };
    this.#relays = new Relays(
      { hub: this.hub, log: this.#context.log, clock: systemClock, random: Math.random },
      options.relays ?? [],
    );
    const { multicast = false } = options;
    if (multicast !== false) {
      this.#groups = new MulticastGroups(multicast, (name) => this.#rtsp!.isMulticast(name));
    }
  }

  /** Where the server listens, with the ports that it got. */
  get addresses(): ServerAddress[] {
    const addresses: ServerAddress[] = this.#listeners.map(({ address }) => address);
    if (this.#sockets !== undefined) {
      const { hostname } = this.#rtpAddress!;
      addresses.push({ protocol: "rtp", hostname, port: this.#sockets.ports[0] });
    }
    return addresses;
  }

  /** The streams that are published or waited for. */
  get streams(): Stream[] {
    return this.hub.streams;
  }

  /** How the relays do, in the order of the options. */
  get relays(): RelayStatistics[] {
    return this.#relays.statistics;
  }

  /**
   * A stream's media for this program; the stream need not be published yet.
   *
   * @throws {HubError} `bad-name` when the name cannot be a stream's
   */
  stream(name: string): ServerStream {
    checkStreamName(name);
    return new ServerStream(name, this.hub);
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
    await publishUnits(this.hub.stream(name), units, options);
  }

  /** Counts of the connections. */
  get connections(): ConnectionStatistics[] {
    return Array.from(this.#connections, ([{ bytesReceived, bytesSent }, name]) => ({
      ...name,
      bytesReceived,
      bytesSent,
    }));
  }

  /** Counts of the RTSP sessions that play, are set up to, or record. */
  get rtspSessions(): RtspSessionStatistics[] {
    return this.#rtsp?.statistics ?? [];
  }

  /** Number of connections. */
  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Number of RTSP sessions; those over UDP may outlive their connections. */
  get rtspSessionCount(): number {
    return this.#rtsp?.sessions.size ?? 0;
  }

  /** Connections that were closed at once, since there were too many. */
  get refusedConnections(): number {
    return this.#refusedConnections;
  }

  /**
   * Starts to listen; resolves when clients can connect.
   *
   * @throws {ServerError} `address-in-use`, `address-not-available`, `certificate`, `permission` (the flag to
   * add is in the message), or `state` when called twice
   */
  async listen(): Promise<void> {
    if (this.#state !== "new") {
      throw new ServerError("state", `Cannot listen as the server is ${this.#state}`);
    }
    this.#state = "listening";
    this.#startTicking();
    const { rtmp = false, rtmps = false, rtsp = false, rtsps = false } = this.#options;
    try {
      if (rtmp !== false) await this.#listen("rtmp", rtmp);
      if (rtmps !== false) await this.#listen("rtmps", rtmps);
      if (rtsp !== false || rtsps !== false) await this.#startRtsp(rtsp !== false);
      if (rtsp !== false) await this.#listen("rtsp", rtsp);
      if (rtsps !== false) await this.#listen("rtsps", rtsps);
      this.#relays.start();
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /**
   * Serves RTMP on a connection that the caller has accepted. Resolves with how it ended, whatever
   * the peer does.
   *
   * @throws {ServerError} `state` when the server has stopped
   */
  async serveRtmp(pair: StreamPair): Promise<ConnectionEnd> {
    if (this.#state === "stopped") {
      throw new ServerError("state", "Cannot serve as the server is stopped");
    }
    this.#startTicking();
    return await this.#serve("rtmp", streamPairTransport(pair));
  }

  /** Closes listeners, tells clients, and ends within three seconds; may be called again. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** Stops the server at the end of an `await using` block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #listen(protocol: Exclude<ServerProtocol, "rtp">, address: ListenAddress): Promise<void> {
    const isTls = protocol === "rtmps" || protocol === "rtsps";
    const { tls } = this.#options;
    if (isTls && tls === undefined) {
      throw new ServerError("state", `Cannot listen for ${protocol} without a certificate and key`);
    }
    const listener = await openListener(protocol, {
      ...address,
      ...(isTls && tls !== undefined ? { tls } : {}),
    });
    if (this.#state !== "listening") {
      listener.close();
      throw new ServerError("state", "Cannot listen as the server was stopped meanwhile");
    }
    const { hostname, port } = listener.addr as Deno.NetAddr;
    const { log } = this.#context;
    log.info(`${protocol} listening on ${formatAddress({ hostname, port })}`);
    const acceptor = new Acceptor(listener, {
      clock: systemClock,
      onConnection: (conn) => this.#take(protocol, conn),
      onFailure: (error, count) => log.warn("accept failed", { error: String(error), count }),
      onPeerGone: (error, count) =>
        log.debug("peers were gone before they were accepted", { error: String(error), count }),
    });
    this.#listeners.push({ address: { protocol, hostname, port }, acceptor });
  }

  /** Where RTP is received: what RTSP clients are sent comes from the address that they know. */
  get #rtpAddress(): { readonly hostname: string; readonly port: number } | undefined {
    const { rtp = false, rtsp = false } = this.#options;
    if (rtp === false) return undefined;
    const { hostname = "0.0.0.0" } = rtsp || {};
    return { hostname, ...rtp };
  }

  /** Opens what RTSP sessions share: the UDP ports, unless nothing could use them. */
  async #startRtsp(hasPlain: boolean): Promise<void> {
    const rtp = this.#rtpAddress;
    if (rtp !== undefined && hasPlain) {
      const { hostname, port } = rtp;
      // A free pair may be any: then all ports of the host have to be allowed.
      for (const one of port === 0 ? [undefined] : [port, port + 1]) {
        checkListenPermission("rtp", { hostname, port: one });
      }
      this.#sockets = await explainListenErrors(
        "rtp",
        { hostname, port },
        () => RtpSockets.bind({ hostname, port }),
      );
      const address = formatAddress({ hostname, port: this.#sockets.ports[0] });
      this.#context.log.info(`rtp listening on ${address}`);
    }
    if (this.#groups !== undefined && hasPlain) await this.#startMulticast(this.#groups);
    this.#rtsp = new RtspService(this.#context, {
      ...this.#options.rtspSession,
      sockets: this.#sockets,
      multicast: this.#multicast,
    });
  }

  /** Opens what sends to groups. Where this machine has no way to them, the server goes on without. */
  async #startMulticast(groups: MulticastGroups): Promise<void> {
    const { log } = this.#context;
    const { hostname = "0.0.0.0" } = this.#options.rtsp || {};
    let sockets: RtpSockets | undefined;
    try {
      // The address of an interface has its packets leave there.
      const source = hostname.includes(":") ? "0.0.0.0" : hostname;
      if (![source, groups.first.hostname].every((address) => hasNetPermission(address))) {
        throw new Error("no permission: add --allow-net");
      }
      sockets = await RtpSockets.bind({ hostname: source, port: 0 });
      await sockets.openMulticast(groups.first, groups.ttl);
      this.#multicast = { sockets, groups };
      log.info(`rtp multicast to ${groups.range}`);
    } catch (error) {
      await sockets?.close();
      const reason = error instanceof Error ? error.message : String(error);
      log.warn(`rtp multicast is off, since ${groups.range} cannot be reached`, { reason });
    }
  }

  #take(protocol: Exclude<ServerProtocol, "rtp">, conn: Deno.Conn): void {
    let transport: Transport;
    try {
      transport = connTransport(conn);
    } catch (error) {
      // The peer was gone before it was looked at.
      this.#context.log.debug("accepted connection failed", { error: String(error) });
      conn.close();
      return;
    }
    if (this.#isFull(transport.remoteAddress)) {
      this.#refusedConnections++;
      this.#context.peers.of(transport.remoteAddress).warn(
        "connection refused, there are too many",
        { peer: transport.remoteName },
      );
      transport.close();
      return;
    }
    this.#serve(protocol, transport).catch((error) => {
      // A mistake of this program costs this connection alone.
      this.#context.peers.of(transport.remoteAddress).error("connection failed", {
        error: String(error),
      });
      transport.close();
    });
  }

  #isFull(remoteAddress: string): boolean {
    const { maxConnections = 10_000, maxConnectionsPerAddress = Infinity } = this.#options;
    return this.#connections.size >= maxConnections ||
      (this.#perAddress.get(remoteAddress) ?? 0) >= maxConnectionsPerAddress;
  }

  async #serve(
    protocol: Exclude<ServerProtocol, "rtp">,
    transport: Transport,
  ): Promise<ConnectionEnd> {
    const { remoteAddress } = transport;
    const id = this.#nextId++;
    const connection = this.#open(protocol, transport, id);
    this.#connections.set(connection, { id, protocol, remoteAddress });
    this.#perAddress.set(remoteAddress, (this.#perAddress.get(remoteAddress) ?? 0) + 1);
    try {
      return await connection.finished;
    } finally {
      this.#connections.delete(connection);
      const left = this.#perAddress.get(remoteAddress)! - 1;
      if (left > 0) this.#perAddress.set(remoteAddress, left);
      else this.#perAddress.delete(remoteAddress);
    }
  }

  #open(
    protocol: Exclude<ServerProtocol, "rtp">,
    transport: Transport,
    id: number,
  ): ServedConnection {
    if (protocol === "rtsp" || protocol === "rtsps") {
      return new RtspFront(this.#context, transport, {
        id,
        service: this.#rtsp!,
        // Plain datagrams beside an encrypted connection would give the media away.
        policy: protocol === "rtsp" ? this.#datagramPolicy(transport.remoteAddress) : {},
        tunnels: this.#tunnels[protocol],
      });
    }
    return new RtmpConnection(this.#context, transport, {
      id,
      session: this.#options.session ?? {},
      chunks: this.#options.chunks ?? {},
      enhanced: this.#options.enhanced ?? "pass",
    });
  }

  /** Which datagrams are offered to a client. */
  #datagramPolicy(remoteAddress: string): RtspTransportPolicy {
    const groups = this.#multicast?.groups;
    const sockets = this.#sockets?.canReach(remoteAddress) ? this.#sockets : undefined;
    return {
      ...(sockets !== undefined && hasNetPermission(remoteAddress)
        ? { udpPorts: sockets.ports }
        : {}),
      ...(groups === undefined ? {} : {
        multicast: ({ path, track }) => {
          const group = groups.ofPath(path, track);
          return group !== undefined && hasNetPermission(group.address) ? group : undefined;
        },
      }),
    };
  }

  #startTicking(): void {
    this.#ticking ??= setInterval(() => {
      this.#context.peers.tick();
      for (const connection of this.#connections.keys()) this.#tick(connection);
      this.#limitHeldBytes();
      this.#rtsp?.tick();
    }, TICK_MS);
  }

  #limitHeldBytes(): void {
    const { maxConnectionBytes = 256 * 1024 * 1024 } = this.#options;
    let over = -maxConnectionBytes;
    for (const { heldBytes } of this.#connections.keys()) over += heldBytes;
    if (over <= 0) return;
    const held = Array.from(this.#connections.keys(), (connection) => ({
      connection,
      bytes: connection.heldBytes,
    }));
    held.sort((a, b) => b.bytes - a.bytes);
    for (const { connection, bytes } of held) {
      connection.shed();
      over -= bytes;
      if (over <= 0) return;
    }
  }

  /** A mistake of this program ends the connection that shows it, and no other. */
  #tick(connection: ServedConnection): void {
    try {
      connection.tick();
    } catch (error) {
      this.#context.log.error("connection failed", { error: String(error) });
      connection.stop();
    }
  }

  async #stop(): Promise<void> {
    this.#state = "stopped";
    for (const { acceptor } of this.#listeners) acceptor.close();
    const accepted = this.#listeners.map(({ acceptor }) => acceptor.finished);
    const relays = this.#relays.stop();
    this.#rtsp?.stop();
    const ends = Array.from(this.#connections.keys(), (connection) => {
      connection.stop();
      return connection.finished;
    });
    this.hub.close();
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, STOP_MS);
    await Promise.race([Promise.all([...ends, ...accepted]), late]);
    clearTimeout(timer);
    clearInterval(this.#ticking);
    this.#context.peers.flush();
    await relays;
    await this.#sockets?.close();
    await this.#multicast?.sockets.close();
    this.#listeners.length = 0;
  }
}

/** What accepts connections, and where. */
interface OpenListener {
  readonly address: ServerAddress;
  readonly acceptor: Acceptor<Deno.Conn>;
}

/** What tells a connection. */
type ConnectionName = Omit<ConnectionStatistics, "bytesReceived" | "bytesSent">;

/** A connection, whatever it speaks. */
interface ServedConnection {
  readonly finished: Promise<ConnectionEnd>;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly heldBytes: number;
  tick(): void;
  shed(): void;
  stop(): void;
}
