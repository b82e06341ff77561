import type { ServerLog } from "../../log/mod.ts";
import { within } from "../../time/mod.ts";
import {
  Acceptor,
  type Balancers,
  EachInTurn,
  hasNetPermission,
  type ListenAddress,
  openListener,
  proxiedTransport,
  type StreamListener,
  systemClock,
  type TlsIdentity,
  type Transport,
} from "../../transport/mod.ts";
import type { DoorAddress, ServerTiming } from "../mod.ts";
import { Http1Connection } from "./http1/http1_connection.ts";
import { HTTP2_HOST, Http2Behind } from "./http1/http2_behind.ts";
import { limitWaiting } from "./http1/waits.ts";
import type { HttpHandler } from "./http_request_info.ts";

/** What an {@linkcode HttpListener} is made of. */
export interface HttpListenerOptions {
  /** `http` or `https`. */
  readonly protocol: string;
  readonly address: ListenAddress;
  /** What it shows, where it speaks TLS. */
  readonly tls?: TlsIdentity;
  /** Whether others of this program listen there too: the system shares the connections out. */
  readonly isShared?: boolean;
  /** Whose connections begin with a PROXY header. */
  readonly balancers?: Balancers | undefined;
  readonly handler: HttpHandler;
  /** Whether a connection may be served; one that may not is closed. */
  readonly admits: (client: Transport) => boolean;
  /** Times of the server: those of now. */
  readonly timing: () => ServerTiming;
  readonly log: ServerLog;
}

/** Waiting connections are counted when so many more have come. */
const COUNTED_EACH = 50;

/** HTTP/2 is offered where it can be served: that takes a port on loopback. */
function applicationProtocols(): readonly string[] {
  return hasNetPermission(HTTP2_HOST) ? ["h2", "http/1.1"] : ["http/1.1"];
}

/** A port where HTTP is spoken, over TLS or not. */
export class HttpListener {
  /** Where it listens; the port is known. */
  readonly address: DoorAddress;
  readonly #options: HttpListenerOptions;
  readonly #listener: StreamListener;
  readonly #acceptor: Acceptor<Transport>;
  readonly #http2: Http2Behind;
  /** Those of HTTP/1, the oldest first, and when they are over. */
  readonly #connections = new Map<Http1Connection, Promise<void>>();
  readonly #rounds = new EachInTurn();
  #uncounted = 0;
  #isClosed = false;

  private constructor(listener: StreamListener, options: HttpListenerOptions) {
    const { hostname, port } = listener;
    const { protocol, handler, log, tls } = options;
    this.address = { protocol, hostname, port };
    this.#options = options;
    this.#listener = listener;
    this.#http2 = new Http2Behind({
      handler,
      isTls: tls !== undefined,
      onError: (error) => log.error("http request failed", { error: String(error) }),
    });
    this.#acceptor = new Acceptor(listener, {
      clock: systemClock,
      onConnection: (transport) => this.#take(transport),
      onFailure: (error, count) => log.warn("accept failed", { error: String(error), count }),
      onPeerGone: () => {},
    });
  }

  /**
   * Starts to listen.
   *
   * @throws {ServerError} as `openListener` does
   */
  static async open(options: HttpListenerOptions): Promise<HttpListener> {
    const { protocol, address, tls, isShared = false, balancers } = options;
    const listener = await openListener(protocol, {
      ...address,
      ...(tls === undefined ? {} : { tls, applicationProtocols: applicationProtocols() }),
      isShared,
      balancers,
    });
    return new HttpListener(listener, options);
  }

  /** Shows another certificate from the next connection on; those that there are go on. */
  async reload(tls: TlsIdentity): Promise<void> {
    await this.#listener.reload?.(tls);
  }

  /** Passes time on. */
  tick(nowMs: number): void {
    void this.#rounds.run(this.#connections.keys(), (connection) => connection.tick(nowMs));
    this.#http2.tick(nowMs);
  }

  /** Accepts no more; resolves when the system lets nobody in any more. */
  async closeToNewcomers(): Promise<void> {
    this.#isClosed = true;
    this.#acceptor.close();
    await this.#acceptor.finished;
  }

  /** Accepts no more; resolves when all answers are out, however long those last. */
  async retire(): Promise<void> {
    void this.closeToNewcomers();
    for (const connection of this.#connections.keys()) connection.stop();
    await Promise.all([...this.#connections.values(), this.#http2.shutdown()]);
  }

  /** Accepts no more; resolves when all answers are out, or after `graceMs`: those that are not then are cut. */
  async shutdown(graceMs: number): Promise<void> {
    await within(this.retire(), { clock: systemClock, ms: graceMs });
    for (const connection of this.#connections.keys()) connection.close();
    this.#http2.close();
    await Promise.all(this.#connections.values());
  }

  #take(transport: Transport): void {
    const { balancers, tls } = this.#options;
    // Before TLS the listener has read it.
    const isProxied = tls === undefined && balancers?.has(transport.remoteAddress) === true;
    if (isProxied) void this.#takeProxied(transport, balancers);
    else this.#serve(transport);
  }

  async #takeProxied(transport: Transport, balancers: Balancers): Promise<void> {
    const client = await balancers.named(
      transport,
      () => proxiedTransport(transport, balancers.clock),
    );
    if (client === undefined) transport.close();
    else this.#serve(client);
  }

  #serve(transport: Transport): void {
    const { handler, timing, tls, admits } = this.#options;
    if (this.#isClosed || !admits(transport)) return transport.close();
    const connection = new Http1Connection({
      transport,
      isTls: tls !== undefined,
      clock: systemClock,
      timing,
      answer: handler,
    });
    const run = connection.run().then((other) => {
      this.#connections.delete(connection);
      if (other !== undefined) void this.#http2.carry(transport, other);
    });
    this.#connections.set(connection, run);
    if (++this.#uncounted < COUNTED_EACH) return;
    this.#uncounted = 0;
    limitWaiting(this.#connections.keys());
    limitWaiting(this.#http2.connections);
  }
}
