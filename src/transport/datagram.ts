import type * as NodeDgram from "node:dgram";
import { plainAddress } from "./address.ts";
import type { DatagramPeer } from "./datagram_peer.ts";
import { DatagramSegments } from "./datagram_segments.ts";
import { readingTurn } from "./reading_turn.ts";

/** A UDP socket as the server uses it. */
export interface DatagramSocket {
  /** Address that it is bound to. One on `::` is of both families; IPv4 peers are named as such. */
  readonly hostname: string;
  /** Port that it is bound to. */
  readonly port: number;
  /** Sends one datagram; it may be lost, and what the system says of that is not told. */
  send(bytes: Uint8Array, peer: DatagramPeer): Promise<void>;
  /**
   * Sends datagrams to one peer, as `send` does; `undefined` where all have left already. Neither run nor peer changes
   * after. Those that are under way at once overtake each other when the socket is full, or Deno has done so much for
   * one turn of its loop (128 of them), so one waits for the other, and a run for those before it, whoever they are for.
   */
  sendRun(run: readonly Uint8Array[], peer: DatagramPeer): Promise<void> | undefined;
  /**
   * Calls `onDatagram` for each datagram until the socket is closed; the bytes are not changed after.
   */
  receive(onDatagram: (bytes: Uint8Array, peer: DatagramPeer) => void): Promise<void>;
  /**
   * Makes ready to send to multicast groups, and tries the way to `group` with an empty datagram; `ttl` is
   * how many routers a packet may pass. Throws what the system says: that there is no route, say.
   */
  openMulticast(group: DatagramPeer, ttl: number): Promise<void>;
  /** Stops receiving and frees the port, which is done when `receive` has resolved. */
  close(): void;
}

/** Room for one datagram: RTP stays below 1500 bytes; one that fills this was cut, and is dropped. */
const DATAGRAM_BYTES = 2048;

/** Processor time that receiving a datagram takes, in milliseconds. */
const RECEIVE_MS = 0.006;

/** What consecutive datagrams share. */
const SLAB_BYTES = 64 * 1024;

/**
 * Binds a UDP socket: `Deno.listenDatagram`, or, in a program that was started without
 * `--unstable-net`, `node:dgram`.
 *
 * @throws {Deno.errors.AddrInUse} if the port is taken
 */
export async function bindDatagram(address: DatagramPeer): Promise<DatagramSocket> {
  return typeof Deno.listenDatagram === "function" ? bindDeno(address) : await bindNode(address);
}

/**
 * Binds a UDP socket that receives what is sent to a multicast group, beside other sockets of this machine that
 * do; `via` is the address of the interface, `0.0.0.0` for the one that the route says.
 */
export async function joinDatagramGroup(
  group: DatagramPeer,
  options: { readonly via: string },
): Promise<DatagramSocket> {
  return typeof Deno.listenDatagram === "function"
    ? await joinDeno(group, options)
    : await joinNode(group, options);
}

/** @internal */
export function bindDeno(address: DatagramPeer): DatagramSocket {
  return denoSocket(Deno.listenDatagram({ ...address, transport: "udp" }));
}

async function joinDeno(
  group: DatagramPeer,
  { via }: { readonly via: string },
): Promise<DatagramSocket> {
  // Bound to the group, it gets nothing that is sent to this machine alone.
  const conn = Deno.listenDatagram({ ...group, transport: "udp", reuseAddress: true });
  try {
    await conn.joinMulticastV4(group.hostname, via);
  } catch (error) {
    conn.close();
    throw error;
  }
  return denoSocket(conn);
}

function denoSocket(conn: Deno.DatagramConn): DatagramSocket {
  const segments = DatagramSegments.of(conn.addr as Deno.NetAddr);
  const line = new DatagramLine((bytes, to: Deno.NetAddr) => conn.send(bytes, to));
  return {
    hostname: (conn.addr as Deno.NetAddr).hostname,
    port: (conn.addr as Deno.NetAddr).port,
    send: (bytes, peer) => sendOne(conn, bytes, { ...peer, transport: "udp" }),
    sendRun(run, peer) {
      const sent = segments?.send(run, peer) ?? 0;
      if (sent === run.length) return undefined;
      const rest = sent === 0 ? run : run.slice(sent);
      return line.add(rest, { ...peer, transport: "udp" });
    },
    async receive(onDatagram) {
      let slab: Uint8Array = new Uint8Array(SLAB_BYTES);
      let used = 0;
      for (let workMs = 0;;) {
        const wait = readingTurn.spend(workMs + RECEIVE_MS);
        if (wait !== undefined) await wait;
        workMs = 0;
        if (used + DATAGRAM_BYTES > slab.length) {
          slab = new Uint8Array(SLAB_BYTES);
          used = 0;
        }
        let bytes: Uint8Array;
        let peer: Deno.Addr;
        try {
          [bytes, peer] = await conn.receive(slab.subarray(used, used + DATAGRAM_BYTES));
        } catch (error) {
          if (isClosed(error)) return;
          // What another peer's ICMP message said: the socket itself is well.
          continue;
        }
        if (bytes.length === DATAGRAM_BYTES) continue;
        used += bytes.length;
        const { hostname, port } = peer as Deno.NetAddr;
        const startMs = performance.now();
        onDatagram(bytes, { hostname: plainAddress(hostname), port });
        workMs = performance.now() - startMs;
      }
    },
    async openMulticast(group, ttl) {
      await conn.send(new Uint8Array(0), { ...group, transport: "udp" });
      // Deno sets the time to live through a membership; the socket keeps it.
      const { hostname } = conn.addr as Deno.NetAddr;
      const membership = await conn.joinMulticastV4(group.hostname, hostname);
      try {
        await membership.setTTL(ttl);
      } finally {
        await membership.leave();
      }
    },
    close() {
      segments?.close();
      conn.close();
    },
  };
}

async function sendOne(
  conn: Deno.DatagramConn,
  bytes: Uint8Array,
  to: Deno.NetAddr,
): Promise<void> {
  try {
    await conn.send(bytes, to);
  } catch {
    // A peer that is gone (ICMP port unreachable), a full buffer: UDP loses datagrams.
  }
}

/** Datagrams that wait for those before them. */
interface WaitingRun<Peer> {
  readonly run: readonly Uint8Array[];
  readonly peer: Peer;
  readonly onSent: () => void;
}

/**
 * Sends one run after the other, whoever they are for: one peer's datagrams behind each other cost less than those of
 * many in turn, since what the system looks at for them stays in the processor's caches.
 */
class DatagramLine<Peer> {
  readonly #send: (bytes: Uint8Array, peer: Peer) => Promise<unknown>;
  #waiting: WaitingRun<Peer>[] = [];
  #isSending = false;

  constructor(send: (bytes: Uint8Array, peer: Peer) => Promise<unknown>) {
    this.#send = send;
  }

  /** Resolves when the run has left. */
  add(run: readonly Uint8Array[], peer: Peer): Promise<void> {
    return new Promise((onSent) => {
      this.#waiting.push({ run, peer, onSent });
      if (!this.#isSending) void this.#sendAll();
    });
  }

  async #sendAll(): Promise<void> {
    this.#isSending = true;
    while (this.#waiting.length > 0) {
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const { run, peer, onSent } of waiting) {
        for (const bytes of run) {
          try {
            await this.#send(bytes, peer);
          } catch {
            // UDP loses datagrams, as above.
          }
        }
        onSent();
      }
    }
    this.#isSending = false;
  }
}

/** @internal */
export async function bindNode(address: DatagramPeer): Promise<DatagramSocket> {
  const dgram: typeof NodeDgram = await import("node:dgram");
  const socket = dgram.createSocket(address.hostname.includes(":") ? "udp6" : "udp4");
  await boundNode(socket, address);
  return nodeSocket(socket);
}

/** @internal */
export async function joinNode(
  group: DatagramPeer,
  { via }: { readonly via: string },
): Promise<DatagramSocket> {
  const dgram: typeof NodeDgram = await import("node:dgram");
  const socket = dgram.createSocket({ type: "udp4", reuseAddr: true });
  await boundNode(socket, group);
  try {
    socket.addMembership(group.hostname, via);
  } catch (error) {
    socket.close();
    throw error;
  }
  return nodeSocket(socket);
}

async function boundNode(socket: NodeDgram.Socket, address: DatagramPeer): Promise<void> {
  const bound = Promise.withResolvers<void>();
  socket.once("error", (error: Error & { code?: string }) => {
    bound.reject(
      error.code === "EADDRINUSE" ? new Deno.errors.AddrInUse(error.message) : error,
    );
  });
  socket.bind(address.port, address.hostname, () => bound.resolve());
  await bound.promise;
}

function nodeSocket(socket: NodeDgram.Socket): DatagramSocket {
  const closed = Promise.withResolvers<void>();
  socket.once("close", () => closed.resolve());
  socket.on("error", () => {});
  const send = (bytes: Uint8Array, peer: DatagramPeer): Promise<void> =>
    new Promise((resolve) => {
      try {
        socket.send(bytes, peer.port, peer.hostname, () => resolve());
      } catch {
        // Closed meanwhile: UDP loses datagrams.
        resolve();
      }
    });
  const line = new DatagramLine(send);
  return {
    hostname: socket.address().address,
    port: socket.address().port,
    send,
    sendRun: (run, peer) => line.add(run, peer),
    async receive(onDatagram) {
      socket.on("message", (bytes, from) => {
        if (bytes.length >= DATAGRAM_BYTES) return;
        // Not a Buffer: whose `slice` makes a view.
        const { buffer, byteOffset, length } = bytes;
        onDatagram(new Uint8Array(buffer, byteOffset, length), {
          hostname: plainAddress(from.address),
          port: from.port,
        });
      });
      await closed.promise;
    },
    async openMulticast(group, ttl) {
      socket.setMulticastTTL(ttl);
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      socket.send(
        new Uint8Array(0),
        group.port,
        group.hostname,
        (error) => error === null || error === undefined ? resolve() : reject(error),
      );
      await promise;
    },
    close: () => socket.close(),
  };
}

function isClosed(error: unknown): boolean {
  return error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted;
}
