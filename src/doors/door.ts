import type { ConnectionEnd, Gate, Guest, Leaving } from "../gate/mod.ts";
import type { Clock, Hub } from "../hub/mod.ts";
import type { PeerLog, ServerLog } from "../log/mod.ts";
import type { OpenPort } from "./door_ports.ts";
import type { Balancers, ListenAddress, TlsIdentity, Transport } from "../transport/mod.ts";

/** An address of a door. */
export interface DoorAddress {
  /** What is spoken there: `rtmp`, `rtsps`, … */
  readonly protocol: string;
  /** Address. */
  readonly hostname: string;
  /** Port; never 0. */
  readonly port: number;
}

/** The counts of a door; each door has a type of its own. */
export interface DoorSnapshot {
  /** The first of its protocols. */
  readonly protocol: string;
}

/**
 * A way by which clients come in: one protocol, or a family. It translates between its protocol's words and those of
 * the gate, and decides nothing by itself.
 */
export interface Door {
  /** The names of the protocols that it speaks. */
  readonly protocols: readonly string[];
  /** Where it is listened at beside what it has the shell listen for: UDP ports. */
  readonly addresses: readonly DoorAddress[];
  /** Starts to listen; called once at most. */
  open(shell: Shell): Promise<void>;
  /**
   * Listens for one of its protocols elsewhere, or nowhere; connections that there are go on. Absent where that cannot be
   * changed.
   *
   * @throws {ServerError} as {@linkcode Shell.listen}: then all is as before
   */
  relisten?(shell: Shell, protocol: string, address: ListenAddress | false): Promise<void>;
  /**
   * Serves a connection that was accepted elsewhere, whether the door is open or not; absent where the protocol cannot
   * be served so.
   */
  serve?(
    shell: Shell,
    arrived: { readonly transport: Transport; readonly guest: Guest },
  ): ServedConnection;
  /**
   * Shows another certificate from the next connection on, where the door listens by itself.
   *
   * @throws {Error} when it cannot be used: then the former stays
   */
  reloadTls?(identity: TlsIdentity): Promise<void>;
  /** Passes time on. */
  tick(nowMs: number): void;
  /** Tells what outlives its connections that the server goes; those are stopped next. */
  stop?(): void;
  /** Gives up what it holds; its connections have ended. */
  close(): Promise<void>;
  /** Counts of the door itself, for the server's snapshot. */
  snapshot?(): DoorSnapshot;
}

/** A connection, whatever it speaks. */
export interface ServedConnection {
  /** Resolves when all is over. */
  readonly finished: Promise<ConnectionEnd>;
  /** Bytes of the protocol received. */
  readonly bytesReceived: number;
  /** Bytes of the protocol sent. */
  readonly bytesSent: number;
  /** Bytes that the peer makes the server hold beside the media of streams. */
  readonly heldBytes: number;
  /** Whether it publishes or plays: those that do not are the first to go when too much is held. */
  readonly hasRole: boolean;
  /** Counts of its protocol beside bytes, for the server's snapshot. */
  readonly counts?: Readonly<Record<string, number>>;
  /** Passes time on: deadlines, pings. */
  tick(): void;
  /** Closes since all connections together make the server hold too much. */
  shed(): void;
  /** Closes since it was kicked; the peer is told. */
  kick(why: string): void;
  /** Closes since the server stops; the peer is told. */
  stop(): void;
  /**
   * Has the peer told to go on at another server, where its protocol has words for that; it is served until it leaves,
   * or is kicked.
   */
  move?(to: Leaving): void;
}

/** Options of a door for its listener. */
export interface DoorListenOptions {
  /** Whether TLS is spoken, with the server's certificate. */
  readonly tls?: boolean;
  /** Serves each connection that was let in. */
  readonly serve: (transport: Transport, guest: Guest) => ServedConnection;
}

/** The part of the server that its doors use. */
export interface Shell {
  /** The streams. */
  readonly hub: Hub;
  /** The desk that all pass. */
  readonly gate: Gate;
  /** The log for lines about the server. */
  readonly log: ServerLog;
  /** The log for lines that peers cause, which is bounded. */
  readonly peers: PeerLog;
  /** Time. */
  readonly clock: Clock;
  /** Times of the server. */
  readonly timing: ServerTiming;
  /** Whether other parts of the server listen on the same ports, and the system shares the connections out. */
  readonly sharesPorts: boolean;
  /**
   * Listens for connections of `protocol`, lets them in by the gate, and keeps them: their time, their end and what
   * they hold.
   *
   * @throws {ServerError} `address-in-use`, `address-not-available`, `certificate`, `permission` or `state`
   */
  listen(protocol: string, address: ListenAddress, options: DoorListenOptions): Promise<OpenPort>;
  /** Certificate and key, for doors that listen by themselves; `undefined` where there is none. */
  readonly tls: TlsIdentity | undefined;
  /** Whose connections begin with a PROXY header, for doors that listen by themselves. */
  readonly balancers: Balancers;
  /**
   * Keeps a connection that the door has accepted by itself and the gate has let in: its time, its end and what it
   * holds. Resolves with how it ended.
   */
  keep(guest: Guest, serve: () => ServedConnection): Promise<ConnectionEnd>;
}

/** Times of a server, milliseconds. */
export interface ServerTiming {
  /** How long a player waits for a stream that nobody publishes. Default 10 000. */
  readonly playWaitMs: number;
  /** How long a DESCRIBE waits for a stream that nobody publishes, or whose tracks are not known yet. */
  readonly describeWaitMs: number;
  /** How long a write may make no progress. Default 10 000. */
  readonly writeStallMs: number;
  /** How long a closing connection may take to read what it was told. Default 1000. */
  readonly closeMs: number;
  /**
   * How long a hook may think about a connection before that is closed: meanwhile nothing is read, so that
   * a client that leaves is not noticed. Default 30 000.
   */
  readonly hookMs: number;
}
