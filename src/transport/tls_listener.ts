import { reasonOf } from "../log/mod.ts";
import type * as NodeNet from "node:net";
import type * as NodeTls from "node:tls";
import { plainAddress } from "./address.ts";
import type { Balancers } from "./balancers.ts";
import { formatAddress } from "./listen_address.ts";
import { denoErrorOf } from "./node_error.ts";
import { pacedReadable } from "./paced_readable.ts";
import { proxyHeaderOfSocket } from "./proxied_socket.ts";
import { ACCEPT_QUEUE, type StreamListener, type TlsIdentity } from "./stream_listener.ts";
import { TlsHandshakeError } from "./tls_handshake_error.ts";
import { isTlsFailure, type Transport } from "./transport.ts";

/** Options of {@linkcode listenTls}. */
export interface TlsListenOptions {
  /** Host name or address. */
  readonly hostname: string;
  /** Port; 0 takes a free one. */
  readonly port: number;
  /** Certificate and key that the server shows. */
  readonly identity: TlsIdentity;
  /** How long a handshake may take, milliseconds. Default 8000: below what a session gives its own. */
  readonly handshakeMs?: number;
  /** Whether others of this program listen there too: the system shares the connections out. Default false. */
  readonly isShared?: boolean;
  /** The balancers whose connections begin with a PROXY header, before TLS. */
  readonly balancers?: Balancers | undefined;
  /** The protocols that may be spoken behind TLS, the best first (RFC 7301). */
  readonly applicationProtocols?: readonly string[];
}

/**
 * Listens for TLS. By Node's modules, since a connection of `Deno.listenTls` that is closed in the middle of its
 * handshake keeps its descriptor until the peer goes, and since its certificate cannot be changed. What that
 * costs: a write of 5 KB takes 6.5 µs instead of 5, one of 50 KB 23 to 27 instead of 21.
 *
 * @throws {TypeError} if the certificate and the key do not belong together, or are none
 * @throws as `Deno.listen` does
 */
export async function listenTls(options: TlsListenOptions): Promise<StreamListener> {
  const { hostname, port, handshakeMs = 8000, isShared = false, balancers } = options;
  const { applicationProtocols = [] } = options;
  const tls: typeof NodeTls = await import("node:tls");
  const net: typeof NodeNet = await import("node:net");
  let context = await contextOf(tls, options.identity);
  const accepted = new AcceptedQueue();
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (raw) => {
    // Who has gone already has no address.
    if (raw.remoteAddress === undefined) {
      raw.destroy();
      return;
    }
    const peer = { address: plainAddress(raw.remoteAddress), port: raw.remotePort! };
    const push = (peer: PeerAddress): void =>
      accepted.push(tlsTransport(tls, { raw, peer, context, handshakeMs, applicationProtocols }));
    if (balancers?.has(peer.address) !== true) push(peer);
    else void takeProxied(raw, { peer, balancers, push });
  });
  await listening(server, { hostname, port, isShared });
  server.on("error", (error) => accepted.fail(denoErrorOf(error)));
  const address = server.address() as NodeNet.AddressInfo;
  return {
    hostname: address.address,
    port: address.port,
    accept: () => accepted.next(),
    close() {
      server.close();
      accepted.end();
    },
    async reload(identity) {
      context = await contextOf(tls, identity);
    },
  };
}

/** An address and a port. */
interface PeerAddress {
  readonly address: string;
  readonly port: number;
}

/** Takes a connection that a balancer passes on, once it has said whose it is. */
async function takeProxied(
  raw: NodeNet.Socket,
  { peer, balancers, push }: {
    readonly peer: PeerAddress;
    readonly balancers: Balancers;
    readonly push: (client: PeerAddress) => void;
  },
): Promise<void> {
  const forget = (): void => {};
  raw.on("error", forget);
  const { address, port } = peer;
  const connection = {
    remoteAddress: address,
    remoteName: formatAddress({ hostname: address, port }),
  };
  const header = await balancers.named(
    connection,
    () => proxyHeaderOfSocket(raw, balancers.clock),
  );
  raw.off("error", forget);
  if (header === undefined || raw.destroyed) return void raw.destroy();
  const { client = peer } = header;
  push({ address: plainAddress(client.address), port: client.port });
}

/** Resolves when a server listens. */
async function listening(
  server: NodeNet.Server,
  { hostname: host, port, isShared: reusePort }: {
    readonly hostname: string;
    readonly port: number;
    readonly isShared: boolean;
  },
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", (error: Error & { code?: unknown }) => {
    // An address of no interface is an argument that is invalid.
    const code = error.code === "EINVAL" ? "EADDRNOTAVAIL" : error.code;
    reject(denoErrorOf(Object.assign(error, { code })));
  });
  server.listen(
    { host, port, reusePort, backlog: ACCEPT_QUEUE } as NodeNet.ListenOptions,
    resolve,
  );
  await promise;
  server.removeAllListeners("error");
}

/** Node takes any text for a certificate or a key, and fails each handshake: so they are looked at first. */
async function contextOf(
  tls: typeof NodeTls,
  identity: TlsIdentity,
): Promise<NodeTls.SecureContext> {
  await checkTlsIdentity(identity);
  const { cert, key } = identity;
  return tls.createSecureContext({ cert, key });
}

/**
 * Checks that a certificate and a key can be read, and belong together.
 *
 * @throws {TypeError} if not
 */
export async function checkTlsIdentity({ cert, key }: TlsIdentity): Promise<void> {
  const { X509Certificate, createPrivateKey } = await import("node:crypto");
  let belong: boolean;
  try {
    belong = new X509Certificate(cert).checkPrivateKey(createPrivateKey(key));
  } catch (cause) {
    const why = reasonOf(cause);
    throw new TypeError(`Cannot use the certificate and key as they cannot be read: ${why}`, {
      cause,
    });
  }
  if (!belong) {
    throw new TypeError("Cannot use the certificate and key as they do not belong together");
  }
}

/** Connections that were accepted, and that nobody has taken yet. */
class AcceptedQueue {
  readonly #waiting: (Transport | { readonly error: unknown })[] = [];
  #taker: PromiseWithResolvers<Transport> | undefined;
  #hasEnded = false;

  push(transport: Transport): void {
    if (this.#hasEnded) return transport.close();
    if (this.#taker === undefined) this.#waiting.push(transport);
    else this.#taker.resolve(transport);
    this.#taker = undefined;
  }

  fail(error: unknown): void {
    if (this.#taker === undefined) this.#waiting.push({ error });
    else this.#taker.reject(error);
    this.#taker = undefined;
  }

  async next(): Promise<Transport> {
    const first = this.#waiting.shift();
    if (first !== undefined) {
      if ("error" in first) throw first.error;
      return first;
    }
    if (this.#hasEnded) throw new Deno.errors.BadResource("Listener has been closed");
    this.#taker = Promise.withResolvers<Transport>();
    return await this.#taker.promise;
  }

  end(): void {
    this.#hasEnded = true;
    for (const one of this.#waiting.splice(0)) if ("close" in one) one.close();
    this.fail(new Deno.errors.BadResource("Listener has been closed"));
  }
}

/** Larger writes are cut: how far one of them has got cannot be seen, and a slow peer should be seen to go on. */
const MAX_WRITE_BYTES = 64 * 1024;

/**
 * So much is read before it is asked for. Where there is more, reading pauses, and Deno 2.9 loses an end of the
 * peer's side that comes in just then: then writing finds out, or a deadline of the session. Media in real time never has as much.
 */
const READ_AHEAD_BYTES = 1024 * 1024;

/**
 * Speaks TLS on an accepted connection, as its server. What fails of the handshake fails the first read, with a
 * {@linkcode TlsHandshakeError} unless the peer has just gone.
 */
function tlsTransport(
  tls: typeof NodeTls,
  { raw, peer, context, handshakeMs, applicationProtocols }: {
    readonly raw: NodeNet.Socket;
    readonly peer: PeerAddress;
    readonly context: NodeTls.SecureContext;
    readonly handshakeMs: number;
    readonly applicationProtocols: readonly string[];
  },
): Transport {
  const socket = new tls.TLSSocket(raw, {
    isServer: true,
    secureContext: context,
    ...(applicationProtocols.length === 0 ? {} : { ALPNProtocols: [...applicationProtocols] }),
    highWaterMark: READ_AHEAD_BYTES,
  } as NodeTls.TLSSocketOptions);
  let rest: Uint8Array | undefined;
  let hasEnded = false;
  let isSecure = false;
  let failure: { readonly error: unknown } | undefined;
  let wakeReader = (): void => {};
  let endWrite: ((error: unknown) => void) | undefined;
  const close = (): void => {
    clearTimeout(handshake);
    socket.destroy();
    // The descriptor goes whatever state TLS is in.
    raw.destroy();
  };
  const fail = (error: unknown): void => {
    failure ??= { error: isSecure ? error : handshakeErrorOf(error) };
    close();
    wakeReader();
  };
  const handshake = setTimeout(() => {
    fail(new TlsHandshakeError("The TLS handshake has not ended in time"));
  }, handshakeMs);
  socket.on("secure", () => {
    isSecure = true;
    clearTimeout(handshake);
  });
  socket.on("readable", () => wakeReader());
  socket.on("end", () => {
    hasEnded = true;
    wakeReader();
  });
  socket.on("error", (error) => fail(denoErrorOf(error)));
  raw.on("error", (error) => fail(denoErrorOf(error)));
  socket.on("close", () => {
    clearTimeout(handshake);
    hasEnded = true;
    wakeReader();
    endWrite?.(new Deno.errors.BrokenPipe("The connection is closed"));
  });
  const { address, port } = peer;
  return {
    readable: pacedReadable({
      async read(target) {
        for (;;) {
          if (failure !== undefined) throw failure.error;
          rest ??= socket.read() ?? undefined;
          if (rest !== undefined) break;
          if (hasEnded || socket.destroyed) return null;
          await new Promise<void>((resolve) => wakeReader = resolve);
        }
        const count = Math.min(rest.length, target.length);
        target.set(rest.subarray(0, count));
        rest = count < rest.length ? rest.subarray(count) : undefined;
        return count;
      },
    }),
    write(bytes) {
      const { promise, resolve, reject } = Promise.withResolvers<number>();
      const piece = bytes.subarray(0, MAX_WRITE_BYTES);
      endWrite = reject;
      if (socket.destroyed) reject(new Deno.errors.BrokenPipe("The connection is closed"));
      else {
        socket.write(piece, (error) => {
          if (error) reject(denoErrorOf(error));
          else resolve(piece.length);
        });
      }
      return promise;
    },
    closeWrite() {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      endWrite = reject;
      if (socket.destroyed) reject(new Deno.errors.BrokenPipe("The connection is closed"));
      else socket.end(resolve);
      return promise;
    },
    close,
    remoteAddress: address,
    localAddress: plainAddress(raw.localAddress!),
    remoteName: formatAddress({ hostname: address, port }),
  };
}

/** What an error before the end of the handshake is. */
function handshakeErrorOf(error: unknown): unknown {
  if (!isTlsFailure(error) || error instanceof TlsHandshakeError) return error;
  return new TlsHandshakeError((error as Error).message, { cause: error });
}
