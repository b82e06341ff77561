import { RtmpError } from "../rtmp/mod.ts";
import { connTransport, type Transport } from "../transport/mod.ts";

/** Where to connect to. */
export interface DialTarget {
  /** Host name or address; an IPv6 address without brackets. */
  readonly hostname: string;
  /** TCP port. */
  readonly port: number;
  /** Whether TLS is spoken. */
  readonly tls: boolean;
}

/** Options of {@linkcode dial}. */
export interface DialOptions {
  /** Gives the attempt up; what it made is closed. */
  readonly signal: AbortSignal;
  /** PEM certificates to trust besides the system's. */
  readonly caCerts?: readonly string[] | undefined;
  /** Makes the error for a server that cannot be reached; an `RtmpError` by default. */
  readonly unreachable?: (message: string, options: ErrorOptions) => Error;
}

function rtmpUnreachable(message: string, options: ErrorOptions): Error {
  return new RtmpError("unreachable", message, options);
}

/**
 * Opens a connection over TCP or TLS.
 *
 * @throws {RtmpError} `unreachable`, with the system's error as its cause
 * @throws the reason of the signal
 */
export async function dial(target: DialTarget, options: DialOptions): Promise<Transport> {
  const { hostname, port, tls } = target;
  const { signal, caCerts, unreachable = rtmpUnreachable } = options;
  let conn: Deno.Conn | undefined;
  // Closing is the only way out of a TLS handshake.
  const onAbort = (): void => close(conn);
  signal.addEventListener("abort", onAbort);
  try {
    const plain = await Deno.connect({ hostname, port, signal });
    conn = plain;
    if (tls) {
      const secure = await Deno.startTls(
        plain,
        caCerts === undefined ? { hostname } : { hostname, caCerts: [...caCerts] },
      );
      conn = secure;
      await secure.handshake();
    }
    signal.throwIfAborted();
    return connTransport(conn);
  } catch (cause) {
    close(conn);
    signal.throwIfAborted();
    // A missing permission is this program's own affair.
    if (cause instanceof Deno.errors.NotCapable) throw cause;
    throw unreachable(`Cannot connect to ${hostname} at port ${port}`, { cause });
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function close(conn: Deno.Conn | undefined): void {
  try {
    conn?.close();
  } catch {
    // It was closed already, or taken over by TLS.
  }
}
