import { pause } from "../../hub/mod.ts";
import {
  checkListenPermission,
  checkTlsIdentity,
  explainListenErrors,
  type ListenAddress,
  systemClock,
  type TlsIdentity,
} from "../../transport/mod.ts";
import type { DoorAddress } from "../mod.ts";

/** Answers a request of a listener. */
export type ListenerHandler = (
  request: Request,
  info: Deno.ServeHandlerInfo<Deno.NetAddr>,
) => Response | Promise<Response>;

/** What an {@linkcode HttpListener} is made of. */
export interface HttpListenerOptions {
  /** `http` or `https`. */
  readonly protocol: string;
  readonly address: ListenAddress;
  /** What it shows, where it speaks TLS. */
  readonly tls?: TlsIdentity;
  /** Whether others of this program listen there too: the system shares the connections out. */
  readonly isShared?: boolean;
  readonly handler: ListenerHandler;
  /** A handler has thrown, which none should. */
  readonly onError: (error: unknown) => void;
}

/** For so long another certificate waits for the port that the one before had, milliseconds. */
const REBIND_MS = 2000;
const REBIND_EACH_MS = 5;

/** A port where HTTP is spoken, over TLS or not. */
export class HttpListener {
  readonly #options: HttpListenerOptions;
  /** Where it is listened; the port is known. */
  readonly #address: Required<ListenAddress>;
  #server: Deno.HttpServer<Deno.NetAddr>;
  #tls: TlsIdentity | undefined;
  /** Servers of former certificates, whose connections go on. */
  readonly #former = new Set<Deno.HttpServer<Deno.NetAddr>>();
  #isClosed = false;

  private constructor(
    options: HttpListenerOptions,
    server: Deno.HttpServer<Deno.NetAddr>,
  ) {
    const { hostname, port } = server.addr;
    this.#options = options;
    this.#tls = options.tls;
    this.#server = server;
    this.#address = { hostname, port };
  }

  /**
   * Starts to listen.
   *
   * @throws {ServerError} as `openListener` does
   */
  static async open(options: HttpListenerOptions): Promise<HttpListener> {
    const { protocol, address, tls } = options;
    const { hostname = "0.0.0.0", port } = address;
    checkListenPermission(protocol, { hostname, port });
    const server = await explainListenErrors(
      protocol,
      { hostname, port, isTls: tls !== undefined },
      async () => {
        if (tls !== undefined) await checkTlsIdentity(tls);
        return serve({ hostname, port }, { ...options, tls });
      },
    );
    return new HttpListener(options, server);
  }

  /** Where it listens. */
  get address(): DoorAddress {
    return { protocol: this.#options.protocol, ...this.#address };
  }

  /**
   * Shows another certificate from the next connection on; those that there are go on. `Deno.serve` cannot change
   * its own, so another server takes the port over, which nobody has for some milliseconds.
   */
  async reload(tls: TlsIdentity): Promise<void> {
    if (this.#tls === undefined || this.#isClosed) return;
    const former = this.#server;
    const before = this.#tls;
    // Closes the port, and ends when the last of its connections has.
    this.#former.add(former);
    former.shutdown().finally(() => this.#former.delete(former));
    try {
      this.#server = await this.#rebind(tls);
      this.#tls = tls;
    } catch (error) {
      this.#server = await this.#rebind(before);
      throw error;
    }
  }

  /** Accepts no more; resolves when all answers are out, however long those last. */
  async retire(): Promise<void> {
    await Promise.all([this.#server, ...this.#former].map((server) => server.shutdown()));
  }

  /**
   * Accepts no more; resolves when all answers are out, or after `graceMs`: clients that do not read theirs keep
   * their connections, since Deno has no way to cut them, but neither this server nor the program waits for them.
   */
  async shutdown(graceMs: number): Promise<void> {
    this.#isClosed = true;
    const servers = [this.#server, ...this.#former];
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, graceMs);
    await Promise.race([Promise.all(servers.map((server) => server.shutdown())), late]);
    clearTimeout(timer);
    for (const server of servers) server.unref();
  }

  async #rebind(tls: TlsIdentity): Promise<Deno.HttpServer<Deno.NetAddr>> {
    const endMs = performance.now() + REBIND_MS;
    for (;;) {
      try {
        return serve(this.#address, { ...this.#options, tls });
      } catch (error) {
        const mayPass = error instanceof Deno.errors.AddrInUse && performance.now() < endMs;
        if (!mayPass) throw error;
        await pause(REBIND_EACH_MS, { clock: systemClock });
      }
    }
  }
}

function serve(
  address: Required<ListenAddress>,
  { tls, isShared = false, handler, onError }: Omit<HttpListenerOptions, "tls"> & {
    readonly tls: TlsIdentity | undefined;
  },
): Deno.HttpServer<Deno.NetAddr> {
  return Deno.serve({
    ...address,
    ...(tls === undefined ? {} : { cert: tls.cert, key: tls.key }),
    reusePort: isShared,
    onListen: () => {},
    onError: (error) => {
      onError(error);
      return new Response(null, { status: 500 });
    },
  }, handler);
}
