import {
  type Door,
  type DoorListenOptions,
  type DoorSnapshot,
  type OpenPort,
  type ServedConnection,
  type ServerTiming,
  type Shell,
  TLS_HANDSHAKE,
} from "../doors/mod.ts";
import {
  type AddressRanges,
  type AddressRules,
  boundedAddress,
  type ConnectionEnd,
  Gate,
  type GateLimits,
  type GateShare,
  type Guest,
  type NameClaims,
  type Peers,
  type ServerHooks,
  type StreamTerms,
} from "../gate/mod.ts";
import type { AudioAlone, Clock, Hub } from "../hub/mod.ts";
import { atMostEachSecond, PeerLog, reasonOf, type ServerLog } from "../log/mod.ts";
import { within } from "../time/mod.ts";
import {
  Acceptor,
  Balancers,
  checkTlsIdentity,
  EachInTurn,
  formatAddress,
  hurryCollection,
  type ListenAddress,
  openListener,
  proxiedTransport,
  ServerError,
  type StreamListener,
  type StreamPair,
  streamPairTransport,
  systemClock,
  type TlsIdentity,
  type Transport,
} from "../transport/mod.ts";
import type { ServerPart } from "./server_part.ts";
import type {
  ConnectionSnapshot,
  ConnectionStatistics,
  ServerAddress,
  ServerConnection,
} from "./statistics.ts";

/** What a {@linkcode ServerShell} goes by, and can be given anew while it runs. */
export interface ShellRules {
  readonly timing: ServerTiming;
  readonly limits: Partial<GateLimits>;
  readonly addresses: AddressRules;
  readonly termsOf: (name: string) => StreamTerms;
  /** See `ServerOptions.maxConnectionBytes`. */
  readonly maxConnectionBytes: number;
  /** Whose connections begin with a PROXY header. */
  readonly proxies: AddressRanges | undefined;
}

/** Options of a {@linkcode ServerShell}. */
export interface ShellOptions extends ShellRules {
  readonly hub: Hub;
  readonly hooks: ServerHooks;
  readonly log: ServerLog;
  readonly tls: TlsIdentity | undefined;
  /** Where names are shared with other parts of the server. */
  readonly claims?: NameClaims | undefined;
  /** Who knows the other machines of a cluster. */
  readonly nodes?: Peers | undefined;
  /** Whether other parts listen on the same ports. */
  readonly sharesPorts?: boolean | undefined;
  /** What its gate counts together with those of others. */
  readonly shared?: GateShare | undefined;
  /** See `ServerPart.numbers`. */
  readonly numbers?: ServerPart["numbers"];
  /** Called as time goes on, some times a second. */
  readonly onTick?: (nowMs: number) => void;
}

/** Deadlines are looked at this often, milliseconds. */
const TICK_MS = 250;

/** While connections hold more than half of what they may, that is looked at so often, milliseconds. */
const LOOK_MS = 25;

/** What so many connections have left is to be collected, before as many again have come and gone. */
const SHED_A_COLLECTION = 256;

/** Lets the peers that are told to go read it, and stays below the three seconds of a stop. */
const STOP_MS = 2500;

/** A listener, with its address and the loop that accepts from it. */
interface OpenListener {
  readonly address: ServerAddress;
  readonly listener: StreamListener;
  readonly acceptor: Acceptor<Transport>;
}

/**
 * What a server is around its doors, whatever these speak: listeners, the connections that came by them, time, and
 * bounds.
 */
export class ServerShell implements Shell {
  /** The streams. */
  readonly hub: Hub;
  /** The desk that all pass. */
  readonly gate: Gate;
  /** The log for lines about the server. */
  readonly log: ServerLog;
  /** The log for lines that peers cause, which is bounded. */
  readonly peers: PeerLog;
  /** Time. */
  readonly clock: Clock = systemClock;
  /** Times of the server: those of now, which may be changed. */
  timing: ServerTiming;
  /** Whether other parts of the server listen on the same ports. */
  readonly sharesPorts: boolean;
  /** Whose connections begin with a PROXY header. */
  readonly balancers: Balancers;
  readonly #options: ShellOptions;
  #maxConnectionBytes: number;
  readonly #connections = new Map<ServedConnection, Guest>();
  readonly #listeners: OpenListener[] = [];
  readonly #doors: Door[] = [];
  readonly #usedDoors = new Set<Door>();
  #tls: TlsIdentity | undefined;
  #state: "new" | "listening" | "stopped" = "new";
  #ticking: ReturnType<typeof setInterval> | undefined;
  readonly #rounds = new EachInTurn();
  /** Whether connections hold more than half of what they may. */
  #looking: ReturnType<typeof setInterval> | undefined;
  /** Connections that were shed since the garbage collector was told. */
  #shed = 0;

  /** Strangers that look what there is fail all day: they are told of together. */
  readonly #tellHandshake = atMostEachSecond(
    this.clock,
    ({ message }: ConnectionEnd, count) =>
      this.log.info("peers have failed to shake hands for TLS", { detail: message, count }),
  );

  /** Makes a shell that does nothing yet, and has no doors. */
  constructor(options: ShellOptions) {
    const { hub, hooks, log, timing, limits } = options;
    this.#options = options;
    this.#maxConnectionBytes = options.maxConnectionBytes;
    this.#tls = options.tls;
    this.hub = hub;
    this.log = log;
    this.timing = timing;
    this.sharesPorts = options.sharesPorts ?? false;
    this.balancers = new Balancers({
      ranges: options.proxies,
      clock: this.clock,
      onFailure: ({ remoteAddress, remoteName }, reason) =>
        this.peers.of(remoteAddress).warn("a balancer does not say whose a connection is", {
          peer: remoteName,
          reason,
        }),
    });
    this.peers = new PeerLog(log, this.clock, { countedAs: boundedAddress });
    this.gate = new Gate({
      hub,
      hooks,
      log,
      peers: this.peers,
      clock: this.clock,
      limits,
      addresses: options.addresses,
      termsOf: options.termsOf,
      hookMs: timing.hookMs,
      shared: options.shared,
      ...(options.claims === undefined ? {} : { claims: options.claims }),
      ...(options.nodes === undefined ? {} : { nodes: options.nodes }),
      ...(options.numbers === undefined ? {} : { numbers: options.numbers }),
    });
  }

  /** Gives it doors, before it is opened. */
  addDoors(doors: readonly Door[]): void {
    this.#doors.push(...doors);
  }

  /** Its state: it listens once, and stops once. */
  get state(): "new" | "listening" | "stopped" {
    return this.#state;
  }

  /** Certificate and key of now. */
  get tls(): TlsIdentity | undefined {
    return this.#tls;
  }

  /** Where it listens, with the ports that it got. */
  get addresses(): ServerAddress[] {
    return [
      ...this.#listeners.map(({ address }) => address),
      ...this.#doors.flatMap(({ addresses }) => addresses),
    ];
  }

  /** The connections. */
  get connections(): ServerConnection[] {
    return Array.from(this.#connections, ([connection, guest]) => ({
      ...statisticsOf(connection, guest),
      kick: (reason: string) => connection.kick(reason),
    }));
  }

  /** What serves each of them. */
  get served(): ReadonlyMap<ServedConnection, Guest> {
    return this.#connections;
  }

  /** Counts of the connections. */
  get connectionSnapshots(): ConnectionSnapshot[] {
    return Array.from(this.#connections, ([connection, guest]) => ({
      id: guest.id,
      protocol: guest.protocol,
      remoteAddress: guest.remoteAddress,
      bytesReceived: connection.bytesReceived,
      bytesSent: connection.bytesSent,
      heldBytes: connection.heldBytes,
      counts: connection.counts ?? {},
    }));
  }

  /**
   * Gives the server other rules, which hold from now on; connections that there are stay.
   *
   * @throws {RangeError} if a number is out of range: then nothing is changed
   */
  configure({ timing, maxConnectionBytes, proxies, ...rules }: ShellRules): void {
    this.gate.configure({ ...rules, hookMs: timing.hookMs });
    this.balancers.ranges = proxies;
    this.timing = timing;
    this.#maxConnectionBytes = maxConnectionBytes;
  }

  /** Counts of the doors. */
  get doorSnapshots(): Record<string, DoorSnapshot> {
    return Object.fromEntries(
      this.#doors.flatMap((door) => {
        const snapshot = door.snapshot?.();
        return snapshot === undefined ? [] : [[snapshot.protocol, snapshot] as const];
      }),
    );
  }

  /** Number of connections. */
  get connectionCount(): number {
    return this.#connections.size;
  }

  /** Bytes that all connections together make the server hold beside the media of streams. */
  get heldBytes(): number {
    return this.#connections.keys().reduce((sum, { heldBytes }) => sum + heldBytes, 0);
  }

  /** Opens all doors. */
  async open(): Promise<void> {
    if (this.#state !== "new") {
      throw new ServerError("state", `Cannot listen as the server is ${this.#state}`);
    }
    this.#state = "listening";
    this.#startTicking();
    for (const door of this.#doors) {
      this.#usedDoors.add(door);
      await door.open(this);
    }
  }

  /** Listens for a door; see {@linkcode Shell.listen}. */
  async listen(
    protocol: string,
    address: ListenAddress,
    options: DoorListenOptions,
  ): Promise<OpenPort> {
    const tls = this.#tls;
    const isTls = options.tls === true;
    if (isTls && tls === undefined) {
      throw new ServerError("state", `Cannot listen for ${protocol} without a certificate and key`);
    }
    const listener = await openListener(protocol, {
      ...address,
      ...(isTls && tls !== undefined ? { tls } : {}),
      isShared: this.sharesPorts,
      balancers: this.balancers,
    });
    if (this.#state !== "listening") {
      listener.close();
      throw new ServerError("state", "Cannot listen as the server was stopped meanwhile");
    }
    const { hostname, port } = listener;
    this.log.info(`${protocol} listening on ${formatAddress({ hostname, port })}`);
    const acceptor = new Acceptor(listener, {
      clock: this.clock,
      onConnection: (transport) => {
        const { serve } = options;
        const { balancers } = this;
        // Before TLS the listener has read it.
        const isProxied = !isTls && balancers.has(transport.remoteAddress);
        if (isProxied) void this.#takeProxied(protocol, { transport, balancers, serve });
        else this.#take(protocol, { transport, serve });
      },
      onFailure: (error, count) => this.log.warn("accept failed", { error: String(error), count }),
      onPeerGone: (error, count) =>
        this.log.debug("peers were gone before they were accepted", {
          error: String(error),
          count,
        }),
    });
    const open = { address: { protocol, hostname, port }, listener, acceptor };
    this.#listeners.push(open);
    return {
      retire: () => {
        acceptor.close();
        this.#listeners.splice(this.#listeners.indexOf(open), 1);
        this.log.info(`${protocol} no longer listening on ${formatAddress({ hostname, port })}`);
        return acceptor.finished;
      },
    };
  }

  /**
   * Has a protocol listened for elsewhere, or nowhere; see {@linkcode Door.relisten}.
   *
   * @throws {ServerError} as `listen`, or `state` where no door can change that
   */
  async relisten(protocol: string, address: ListenAddress | false): Promise<void> {
    const door = this.#doors.find(({ protocols }) => protocols.includes(protocol));
    if (door?.relisten === undefined || this.#state !== "listening") {
      throw new ServerError("state", `Cannot change where ${protocol} is listened for`);
    }
    await door.relisten(this, protocol, address);
  }

  /**
   * Shows another certificate from the next handshake on.
   *
   * @throws {ServerError} `certificate` when it cannot be used: then the former stays
   */
  async reloadTls(identity: TlsIdentity): Promise<void> {
    try {
      await checkTlsIdentity(identity);
      for (const { listener } of this.#listeners) await listener.reload?.(identity);
      for (const door of this.#usedDoors) await door.reloadTls?.(identity);
    } catch (cause) {
      const why = reasonOf(cause);
      throw new ServerError("certificate", `Cannot change the certificate: ${why}`, { cause });
    }
    this.#tls = identity;
  }

  /**
   * Serves a connection that was accepted elsewhere. Resolves with how it ended.
   *
   * @throws {ServerError} `state` when the server has stopped, or no door serves connections of that protocol
   */
  async serve(protocol: string, pair: StreamPair): Promise<ConnectionEnd> {
    if (this.#state === "stopped") {
      throw new ServerError("state", "Cannot serve as the server is stopped");
    }
    const door = this.#doors.find(({ protocols, serve }) =>
      serve !== undefined && protocols.includes(protocol)
    );
    if (door === undefined) {
      throw new ServerError("state", `Cannot serve ${protocol}: no door does`);
    }
    this.use(door);
    const transport = streamPairTransport(pair);
    const arrival = this.gate.arrive({ protocol, remoteAddress: transport.remoteAddress });
    if (!("granted" in arrival)) {
      transport.close();
      const message = "refused" in arrival ? `Refused, since ${arrival.why}` : "Refused";
      return { clean: false, reason: "refused", message };
    }
    const guest = arrival.granted;
    return await this.keep(guest, () => door.serve!(this, { transport, guest }));
  }

  /**
   * Passes time on to a door, open or not: somebody else brings it what it serves.
   *
   * @throws {ServerError} `state` when the server has stopped
   */
  use(door: Door): void {
    if (this.#state === "stopped") {
      throw new ServerError("state", "Cannot serve as the server is stopped");
    }
    this.#usedDoors.add(door);
    this.#startTicking();
  }

  /** Closes all, tells the peers, and ends within three seconds; `others` end meanwhile. */
  async stop(others: () => Promise<unknown>): Promise<void> {
    this.#state = "stopped";
    for (const { acceptor } of this.#listeners) acceptor.close();
    const accepted = this.#listeners.map(({ acceptor }) => acceptor.finished);
    const ended = others();
    for (const door of this.#usedDoors) door.stop?.();
    const ends = Array.from(this.#connections.keys(), (connection) => {
      connection.stop();
      return connection.finished;
    });
    this.hub.close();
    this.gate.close();
    await within(Promise.all([...ends, ...accepted]), { clock: this.clock, ms: STOP_MS });
    clearInterval(this.#ticking);
    this.#lookAgainIf(false);
    this.peers.flush();
    await ended;
    for (const door of this.#usedDoors) await door.close();
    this.#listeners.length = 0;
  }

  /** Takes a connection that a balancer passes on, once it has said whose it is. */
  async #takeProxied(
    protocol: string,
    { transport, balancers, serve }: {
      readonly transport: Transport;
      readonly balancers: Balancers;
      readonly serve: DoorListenOptions["serve"];
    },
  ): Promise<void> {
    const client = await balancers.named(
      transport,
      () => proxiedTransport(transport, this.clock),
    );
    if (client === undefined || this.#state !== "listening") transport.close();
    else this.#take(protocol, { transport: client, serve });
  }

  #take(
    protocol: string,
    { transport, serve }: {
      readonly transport: Transport;
      readonly serve: DoorListenOptions["serve"];
    },
  ): void {
    const { remoteAddress, remoteName } = transport;
    const peerLog = this.peers.of(remoteAddress);
    const arrival = this.gate.arrive({ protocol, remoteAddress });
    if (!("granted" in arrival)) {
      const reason = "refused" in arrival ? arrival.why : "it is not let in";
      peerLog.warn("connection refused, there are too many", { peer: remoteName, reason });
      transport.close();
      return;
    }
    const guest = arrival.granted;
    this.keep(guest, () => serve(transport, guest)).catch((error) => {
      // A mistake of this program costs this connection alone.
      peerLog.error("connection failed", { error: String(error) });
      transport.close();
    });
  }

  /** Keeps a connection that was let in; see {@linkcode Shell.keep}. */
  keep(guest: Guest, serve: () => ServedConnection): Promise<ConnectionEnd> {
    let connection: ServedConnection;
    try {
      connection = serve();
    } catch (error) {
      letGo(guest, FAILED);
      return Promise.reject(error);
    }
    guest.onKick = (why) => connection.kick(why);
    this.#connections.set(connection, guest);
    // An async function would keep twice as much for as long as the connection lives.
    return connection.finished.then((end) => {
      if (end.reason === TLS_HANDSHAKE) this.#tellHandshake(end);
      this.#connections.delete(connection);
      // A door that has not said so would leave what its client was allowed behind.
      letGo(guest, end);
      return end;
    }, (error) => {
      this.#connections.delete(connection);
      letGo(guest, FAILED);
      throw error;
    });
  }

  #startTicking(): void {
    this.#ticking ??= setInterval(() => {
      this.peers.tick();
      void this.#rounds.run(this.#connections.keys(), (connection) => this.#tick(connection));
      this.#limitHeldBytes();
      const nowMs = this.clock.now();
      for (const door of this.#usedDoors) door.tick(nowMs);
      this.#options.onTick?.(nowMs);
    }, TICK_MS);
  }

  /** Where much is held already, it is looked at more often: much more can come within a tick. */
  #lookAgainIf(holdsMuch: boolean): void {
    if (holdsMuch === (this.#looking !== undefined)) return;
    clearInterval(this.#looking);
    this.#looking = holdsMuch ? setInterval(() => this.#limitHeldBytes(), LOOK_MS) : undefined;
  }

  /**
   * Those without a role go first, the oldest of them before the others, then those that hold most: until all
   * together hold no more than they may.
   */
  #limitHeldBytes(): void {
    const maxConnectionBytes = this.#maxConnectionBytes;
    let over = this.heldBytes - maxConnectionBytes;
    this.#lookAgainIf(over > -maxConnectionBytes / 2);
    if (over <= 0) return;
    const held = Array.from(this.#connections, ([connection, { id }]) => ({
      connection,
      id,
      bytes: connection.heldBytes,
      hasRole: connection.hasRole,
    })).filter(({ bytes }) => bytes > 0);
    held.sort((a, b) =>
      Number(a.hasRole) - Number(b.hasRole) || (a.hasRole ? b.bytes - a.bytes : a.id - b.id)
    );
    for (const { connection, bytes } of held) {
      connection.shed();
      this.#shed++;
      over -= bytes;
      if (over <= 0) break;
    }
    if (this.#shed < SHED_A_COLLECTION) return;
    this.#shed = 0;
    hurryCollection();
  }

  /** A mistake of this program ends the connection that shows it, and no other. */
  #tick(connection: ServedConnection): void {
    try {
      connection.tick();
    } catch (error) {
      this.log.error("connection failed", { error: String(error) });
      connection.stop();
    }
  }
}

/** How a connection ends by a mistake of this program. */
const FAILED: ConnectionEnd = { clean: false, reason: "internal", message: "Internal error" };

function letGo(guest: Guest, end: ConnectionEnd): void {
  guest.leave(end);
  guest.release();
}

function statisticsOf(
  { bytesReceived, bytesSent }: ServedConnection,
  { id, protocol, remoteAddress }: Guest,
): ConnectionStatistics {
  return { id, protocol, remoteAddress, bytesReceived, bytesSent };
}

/** Makes the streams' mistakes and sheddings known, once a second at most. */
export function hubEvents(log: ServerLog, maxHeldBytes: () => number): {
  readonly onError: (error: unknown) => void;
  readonly onStreamShed: (stream: { readonly name: string }) => void;
  readonly onAudioAlone: (stream: { readonly name: string }, about: AudioAlone) => void;
  readonly onHeldEarly: (stream: { readonly name: string }, heldMs: number) => void;
} {
  return {
    onError: atMostEachSecond(
      systemClock,
      (error: unknown) => log.error("stream callback failed", { error: String(error) }),
    ),
    onAudioAlone: ({ name }, { format, reason }) =>
      log.warn("audio goes on without a picture", { stream: name, readers: format, reason }),
    onHeldEarly: ({ name }, heldMs) =>
      log.warn("a delay is cut short, as too much would be held back", {
        stream: name,
        heldMs: Math.round(heldMs),
      }),
    onStreamShed: atMostEachSecond(
      systemClock,
      ({ name }: { readonly name: string }) =>
        log.warn("streams hold too much, and keep less for players that join or are behind", {
          stream: name,
          maxHeldBytes: maxHeldBytes(),
        }),
    ),
  };
}
