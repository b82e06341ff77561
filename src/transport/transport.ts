import { plainAddress } from "./address.ts";
import { type ByteSource, pacedReadable } from "./paced_readable.ts";

/** A byte connection as the server uses it: TCP, TLS, or whatever an embedder has accepted. */
export interface Transport {
  /** The bytes that the peer sends. Chunks belong to the reader: nobody else holds or changes them. */
  readonly readable: ReadableStream<Uint8Array>;
  /** Writes some of `bytes`, at least one, and returns how many. Never called twice at once. */
  write(bytes: Uint8Array): Promise<number>;
  /** Says that nothing more will be written; the peer can still read what was. */
  closeWrite(): Promise<void>;
  /** Closes both directions; harmless when repeated. */
  close(): void;
  /** Address of the peer, without a port, for policies; any text for transports without addresses. */
  readonly remoteAddress: string;
  /** Address of this side, where there is one: what else belongs to the connection is bound to it. */
  readonly localAddress?: string;
  /** The peer as log lines name it. */
  readonly remoteName: string;
}

/** A connection that an embedder has accepted: a Unix socket, a tunnel, the ends of a test pipe. */
export interface StreamPair {
  /** The bytes that the peer sends. */
  readonly readable: ReadableStream<Uint8Array>;
  /** The bytes that the peer is sent. Each chunk is a copy of its own. */
  readonly writable: WritableStream<Uint8Array>;
  /** Address of the peer, or any text that tells who it is. */
  readonly remoteAddress: string;
}

/** Reads a socket; one that was lost, or closed by this side, has ended. */
class ConnSource implements ByteSource {
  /** TLS keeps what it has deciphered, and Windows tells nothing of what is left. */
  readonly shortIsAll: boolean;
  readonly #conn: Deno.Conn;

  constructor(conn: Deno.Conn) {
    this.#conn = conn;
    this.shortIsAll = "setNoDelay" in conn && !("handshake" in conn) &&
      Deno.build.os !== "windows";
  }

  read(target: Uint8Array): Promise<number | null> {
    return this.#conn.read(target);
  }

  /** A connection that was lost has ended. */
  endOf(error: unknown): undefined {
    if (!isDisconnect(error)) throw error;
  }
}

/**
 * Paces a stream as the bytes of a socket are: its pieces are cut where they are dear to handle. For what somebody else has
 * read, who did not have the work.
 */
export function pacedPieces(readable: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  return pacedReadable(streamSource(readable));
}

/** Reads a web stream; its chunks are copied: they may belong to a byte stream that uses its buffer again. */
function streamSource(
  readable: ReadableStream<Uint8Array>,
): ByteSource & { cancel(reason?: unknown): Promise<void> } {
  const reader = readable.getReader();
  let rest: Uint8Array = new Uint8Array(0);
  return {
    async read(target) {
      let bytes = rest;
      while (bytes.length === 0) {
        const { value } = await reader.read();
        if (value === undefined) return null;
        bytes = value;
      }
      const piece = bytes.subarray(0, target.length);
      target.set(piece);
      rest = bytes === rest ? rest.subarray(piece.length) : bytes.slice(piece.length);
      return piece.length;
    },
    cancel: (reason) => reader.cancel(reason),
  };
}

/** Whether `error` says that the peer, or this side, has ended the connection. */
export function isDisconnect(error: unknown): boolean {
  return error instanceof Deno.errors.ConnectionReset ||
    error instanceof Deno.errors.ConnectionAborted ||
    error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.BadResource ||
    error instanceof Deno.errors.Interrupted ||
    error instanceof Deno.errors.UnexpectedEof ||
    error instanceof Deno.errors.NotConnected ||
    error instanceof Deno.errors.TimedOut ||
    error instanceof Error && UNREACHABLE.has((error as { code?: unknown }).code);
}

/** Whether `error` says that the peer has not kept to TLS, or rejects the certificate. */
export function isTlsFailure(error: unknown): boolean {
  return error instanceof Deno.errors.InvalidData;
}

/** System errors of a network that went away under a connection; Deno has no classes for them. */
const UNREACHABLE: ReadonlySet<unknown> = new Set([
  "EHOSTUNREACH",
  "EHOSTDOWN",
  "ENETUNREACH",
  "ENETDOWN",
]);

/** Makes a transport of a TCP or TLS connection. */
export function connTransport(conn: Deno.Conn): Transport {
  if ("setNoDelay" in conn) (conn as Deno.TcpConn).setNoDelay(true);
  return new ConnTransport(conn);
}

/** A class, since an object with functions of its own is twice as large. */
class ConnTransport implements Transport {
  readonly readable: ReadableStream<Uint8Array>;
  readonly remoteAddress: string;
  readonly localAddress: string;
  readonly remoteName: string;
  readonly #conn: Deno.Conn;
  #isClosed = false;

  constructor(conn: Deno.Conn) {
    const { hostname, port } = conn.remoteAddr as Deno.NetAddr;
    this.#conn = conn;
    this.readable = pacedReadable(new ConnSource(conn));
    this.remoteAddress = plainAddress(hostname);
    this.localAddress = plainAddress((conn.localAddr as Deno.NetAddr).hostname);
    const name = this.remoteAddress.includes(":") ? `[${this.remoteAddress}]` : this.remoteAddress;
    this.remoteName = `${name}:${port}`;
  }

  write(bytes: Uint8Array): Promise<number> {
    return this.#conn.write(bytes);
  }

  closeWrite(): Promise<void> {
    return this.#conn.closeWrite();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    try {
      this.#conn.close();
    } catch (error) {
      if (!isDisconnect(error)) throw error;
    }
  }
}

/** Makes a transport of a pair of web streams. */
export function streamPairTransport(pair: StreamPair): Transport {
  const writer = pair.writable.getWriter();
  // Only writes say how they ended.
  writer.closed.catch(() => {});
  const source = streamSource(pair.readable);
  return {
    readable: pacedReadable(source),
    async write(bytes) {
      await writer.ready;
      // A copy: the stream may transfer its chunks, and these bytes are shared by all players.
      await writer.write(bytes.slice());
      return bytes.length;
    },
    closeWrite: () => writer.close(),
    close() {
      source.cancel().catch(() => {});
      writer.abort().catch(() => {});
    },
    remoteAddress: plainAddress(pair.remoteAddress),
    remoteName: plainAddress(pair.remoteAddress),
  };
}
