import { parseRtspUrl, RtspError, type RtspUrl } from "../rtsp/mod.ts";
import { streamPairTransport, type Transport } from "../transport/mod.ts";
import { dial } from "./dial.ts";
import { type RtspClientConnection, RtspRedirection } from "./rtsp_client_connection.ts";
import type { RtspClientOptions } from "./rtsp_client_options.ts";

/** Where a client is connected to. */
export interface RtspTarget {
  /** URL with the credentials that may be used there. */
  readonly url: string;
  readonly redirects: number;
}

/** How a client connects. */
export interface RtspConnectOptions {
  readonly client: RtspClientOptions;
  /** Gives it up. */
  readonly signal: AbortSignal;
  /** Makes the client's connection over a transport. */
  readonly open: (transport: Transport, target: RtspTarget) => RtspClientConnection;
}

/**
 * Dials and asks for the options, at `target` or where the server sends the client, all within the client's timeout.
 *
 * @throws {RtspError} (rejects) `response-timeout`, `unreachable`, or what the server did wrong
 */
export async function connectRtsp(
  target: RtspTarget,
  options: RtspConnectOptions,
): Promise<void> {
  const { timeoutMs = 10_000 } = options.client;
  const deadline = new AbortController();
  let at = target;
  const timer = setTimeout(() => {
    const message = `No connection to ${parseRtspUrl(at.url).host} within ${timeoutMs} ms`;
    deadline.abort(new RtspError("response-timeout", message, { status: 408 }));
  }, timeoutMs);
  const signal = AbortSignal.any([deadline.signal, options.signal]);
  try {
    for (;;) {
      const next = await tryConnect(at, { ...options, signal });
      if (next === undefined) return;
      at = next;
    }
  } finally {
    clearTimeout(timer);
  }
}

/** Returns where the server sends the client, if it does. */
async function tryConnect(
  target: RtspTarget,
  { client, signal, open }: RtspConnectOptions,
): Promise<RtspTarget | undefined> {
  const connection = open(
    await openTransport(parseRtspUrl(target.url), { ...client, signal }),
    target,
  );
  try {
    await connection.ask("done", (session) => session.options(), { signal });
  } catch (error) {
    if (error instanceof RtspRedirection && client.connection === undefined) {
      connection.close(error);
      return error;
    }
    // There are cameras that do not know OPTIONS, and play all the same.
    if (!(error instanceof RtspError && error.code === "refused")) throw error;
  }
  return undefined;
}

async function openTransport(
  url: RtspUrl,
  options: RtspClientOptions & { readonly signal: AbortSignal },
): Promise<Transport> {
  const { connection, signal, caCerts } = options;
  if (connection !== undefined) {
    const { readable, writable, remoteAddress = url.host } = connection;
    return streamPairTransport({ readable, writable, remoteAddress });
  }
  return await dial(
    { hostname: url.host, port: url.port, tls: url.scheme === "rtsps" },
    {
      signal,
      caCerts,
      unreachable: (message, cause) => new RtspError("unreachable", message, cause),
    },
  );
}
