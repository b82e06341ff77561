import type { ServerLog } from "../../log/mod.ts";
import {
  Acceptor,
  type Balancers,
  checkListenPermission,
  openListener,
  proxiedTransport,
  type StreamListener,
  type TlsIdentity,
  type Transport,
} from "../../transport/mod.ts";
import type { DoorAddress } from "../mod.ts";
import { HttpListener, type HttpListenerOptions } from "./http_listener.ts";
import { faultAnswer } from "./json_answer.ts";

/** Where the port behind is: others of this machine can reach it, and are turned away. */
const BEHIND = "127.0.0.1";

/** Whose a connection is. */
interface Client {
  readonly hostname: string;
  readonly port: number;
}

/**
 * A port of HTTP that balancers pass connections on to. `Deno.serve` accepts by itself, and cannot read what comes
 * before HTTP or TLS: so this port reads the header, and carries what follows to a port of `Deno.serve` on loopback, byte
 * by byte. That costs a copy of each, and is done only where there are such balancers.
 */
export class ProxiedHttpListener {
  /** Where it listens. */
  readonly address: DoorAddress;
  readonly #behind: HttpListener;
  readonly #acceptor: Acceptor<Transport>;
  readonly #balancers: Balancers;
  /** By the port from which its connection is carried on. */
  readonly #clients: Map<number, Client>;
  #isClosed = false;

  private constructor(
    listener: StreamListener,
    { protocol, behind, clients, balancers, log }: {
      readonly protocol: string;
      readonly behind: HttpListener;
      readonly clients: Map<number, Client>;
      readonly balancers: Balancers;
      readonly log: ServerLog;
    },
  ) {
    const { hostname, port } = listener;
    this.address = { protocol, hostname, port };
    this.#behind = behind;
    this.#balancers = balancers;
    this.#clients = clients;
    this.#acceptor = new Acceptor(listener, {
      clock: balancers.clock,
      onConnection: (transport) => void this.#take(transport),
      onFailure: (error, count) => log.warn("accept failed", { error: String(error), count }),
      onPeerGone: () => {},
    });
  }

  /**
   * Starts to listen.
   *
   * @throws {ServerError} as `openListener` does; `permission` also without that for ports of loopback
   */
  static async open(
    { balancers, log, ...options }: HttpListenerOptions & {
      readonly balancers: Balancers;
      readonly log: ServerLog;
    },
  ): Promise<ProxiedHttpListener> {
    const { protocol, address, isShared = false, handler } = options;
    checkListenPermission(protocol, { hostname: BEHIND, port: undefined });
    const clients = new Map<number, Client>();
    const listener = await openListener(protocol, { ...address, isShared });
    try {
      const behind = await HttpListener.open({
        ...options,
        address: { hostname: BEHIND, port: 0 },
        isShared: false,
        handler: (request, info) => {
          const client = clients.get(info.remoteAddr.port);
          if (client === undefined) return faultAnswer(NOT_PASSED_ON);
          return handler(request, { ...info, remoteAddr: { transport: "tcp", ...client } });
        },
      });
      return new ProxiedHttpListener(listener, { protocol, behind, clients, balancers, log });
    } catch (error) {
      listener.close();
      throw error;
    }
  }

  /** Shows another certificate from the next connection on. */
  async reload(tls: TlsIdentity): Promise<void> {
    await this.#behind.reload(tls);
  }

  /** Accepts no more; resolves when all answers are out, however long those last. */
  async retire(): Promise<void> {
    this.#acceptor.close();
    await this.#behind.retire();
  }

  /** Accepts no more; resolves when all answers are out, or after `graceMs`. */
  async shutdown(graceMs: number): Promise<void> {
    this.#isClosed = true;
    this.#acceptor.close();
    await this.#behind.shutdown(graceMs);
  }

  async #take(transport: Transport): Promise<void> {
    const balancers = this.#balancers;
    const client = balancers.has(transport.remoteAddress)
      ? await balancers.named(transport, () => proxiedTransport(transport, balancers.clock))
      : transport;
    if (client === undefined || this.#isClosed) return transport.close();
    let conn: Deno.TcpConn;
    try {
      conn = await Deno.connect({ hostname: BEHIND, port: this.#behind.address.port });
    } catch {
      return client.close();
    }
    const { port } = conn.localAddr;
    const [clientPort] = /\d+$/.exec(client.remoteName) ?? ["0"];
    this.#clients.set(port, { hostname: client.remoteAddress, port: Number(clientPort) });
    const close = (): void => {
      client.close();
      closeQuietly(conn);
    };
    const incoming = carryIn(client, conn).catch(close);
    try {
      await carryOut(conn, client);
      // The client has all, and may still say that it goes.
      const late = Promise.withResolvers<void>();
      const timer = balancers.clock.setTimer(late.resolve, CLOSE_MS);
      await Promise.race([incoming, late.promise]);
      timer.cancel();
    } catch {
      // One of the two has gone, and the other goes too.
    } finally {
      this.#clients.delete(port);
      close();
    }
  }
}

/** How long a client may take to close what the server has closed, milliseconds. */
const CLOSE_MS = 1000;

async function carryIn(client: Transport, conn: Deno.TcpConn): Promise<void> {
  for await (const bytes of client.readable) {
    for (let at = 0; at < bytes.length;) at += await conn.write(bytes.subarray(at));
  }
  await conn.closeWrite();
}

async function carryOut(conn: Deno.TcpConn, client: Transport): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  for (;;) {
    const count = await conn.read(buffer);
    if (count === null) break;
    for (let at = 0; at < count;) at += await client.write(buffer.subarray(at, count));
  }
  await client.closeWrite();
}

function closeQuietly(conn: Deno.TcpConn): void {
  try {
    conn.close();
  } catch {
    // It is closed already.
  }
}

const NOT_PASSED_ON = {
  status: 403,
  code: "denied",
  reason: "This port is for what another port of the server carries on to it",
} as const;
