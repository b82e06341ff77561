import { within } from "../../../time/mod.ts";
import { hasNetPermission, systemClock, type Transport } from "../../../transport/mod.ts";
import { faultAnswer } from "../json_answer.ts";
import type { HttpHandler } from "../http_request_info.ts";
import { PlatformRequest } from "../incoming_request.ts";
import { responseOf } from "../whole_answer.ts";
import type { OtherProtocol } from "./http1_connection.ts";

/** Where the port behind is: others of this machine can reach it, and are turned away. */
export const HTTP2_HOST = "127.0.0.1";

/** A connection on which nothing comes and goes for so long is closed, milliseconds. */
const IDLE_MS = 60_000;

/** How long a client may take to close what the server has closed, milliseconds. */
const CLOSE_MS = 1000;

/** A connection that is carried on. */
interface Carried {
  readonly client: Transport;
  movedMs: number;
  close(): void;
}

/**
 * Serves connections of HTTP/2 by `Deno.serve`, which accepts by itself, and of plain TCP: so what comes is carried to a
 * port of it on loopback, byte by byte. That costs a copy of each; browsers speak HTTP/2 over TLS alone, where Apple's
 * players need it for low-latency HLS.
 */
export class Http2Behind {
  readonly #handler: HttpHandler;
  readonly #onError: (error: unknown) => void;
  #server: Deno.HttpServer<Deno.NetAddr> | undefined;
  /** By the port from which its connection is carried on. */
  readonly #carried = new Map<number, Carried>();
  readonly #isTls: boolean;

  /** Listens when the first connection comes. */
  constructor(
    { handler, onError, isTls }: {
      readonly handler: HttpHandler;
      readonly onError: (error: unknown) => void;
      /** Whether what is carried on has come by TLS, which ends in front. */
      readonly isTls: boolean;
    },
  ) {
    this.#handler = handler;
    this.#onError = onError;
    this.#isTls = isTls;
  }

  /** Carries a connection on until it is over. */
  async carry(client: Transport, { first, readable }: OtherProtocol): Promise<void> {
    if (!hasNetPermission(HTTP2_HOST)) return client.close();
    let conn: Deno.TcpConn;
    try {
      const { port } = (this.#server ??= this.#serve()).addr;
      conn = await Deno.connect({ hostname: HTTP2_HOST, port });
    } catch (error) {
      this.#onError(error);
      return client.close();
    }
    const { port } = conn.localAddr;
    const carried: Carried = {
      client,
      movedMs: systemClock.now(),
      close() {
        client.close();
        closeQuietly(conn);
      },
    };
    this.#carried.set(port, carried);
    const move = (): void => void (carried.movedMs = systemClock.now());
    try {
      const incoming = carryIn({ first, readable }, { conn, move }).catch(() => carried.close());
      await carryOut(conn, { client, move });
      // The client has all, and may still say that it goes.
      await within(incoming, { clock: systemClock, ms: CLOSE_MS });
    } catch {
      // One of the two has gone, and the other goes too.
    } finally {
      this.#carried.delete(port);
      carried.close();
    }
  }

  /** Passes time on. */
  tick(nowMs: number): void {
    for (const carried of this.#carried.values()) {
      if (nowMs - carried.movedMs >= IDLE_MS) carried.close();
    }
  }

  /** Resolves when all answers are out. */
  async shutdown(): Promise<void> {
    await this.#server?.shutdown();
  }

  /** Closes what there is. */
  close(): void {
    for (const carried of this.#carried.values()) carried.close();
    this.#server?.unref();
  }

  #serve(): Deno.HttpServer<Deno.NetAddr> {
    return Deno.serve({
      hostname: HTTP2_HOST,
      port: 0,
      onListen: () => {},
      onError: (error) => {
        this.#onError(error);
        return new Response(null, { status: 500 });
      },
    }, async (request, { remoteAddr }) => {
      const client = this.#carried.get(remoteAddr.port)?.client;
      if (client === undefined) return responseOf(faultAnswer(NOT_PASSED_ON));
      const shown = new PlatformRequest(this.#isTls ? asTls(request) : request);
      const info = { remoteAddr: { hostname: client.remoteAddress } };
      return responseOf(await this.#handler(shown, info));
    });
  }
}

const NOT_PASSED_ON = {
  status: 403,
  code: "denied",
  reason: "This port is for what another port of the server carries on to it",
} as const;

/** The request as its client has made it. */
function asTls(request: Request): Request {
  return new Request(request.url.replace(/^http:/, "https:"), request);
}

async function carryIn(
  { first, readable }: OtherProtocol,
  { conn, move }: { readonly conn: Deno.TcpConn; readonly move: () => void },
): Promise<void> {
  await writeAll(conn, first);
  for await (const bytes of readable) {
    move();
    await writeAll(conn, bytes);
  }
  await conn.closeWrite();
}

async function carryOut(
  conn: Deno.TcpConn,
  { client, move }: { readonly client: Transport; readonly move: () => void },
): Promise<void> {
  const buffer = new Uint8Array(64 * 1024);
  for (;;) {
    const count = await conn.read(buffer);
    if (count === null) break;
    await writeAll(client, buffer.subarray(0, count));
    move();
  }
  await client.closeWrite();
}

async function writeAll(
  to: { write(bytes: Uint8Array): Promise<number> },
  bytes: Uint8Array,
): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await to.write(bytes.subarray(at));
}

function closeQuietly(conn: Deno.TcpConn): void {
  try {
    conn.close();
  } catch {
    // It is closed already.
  }
}
