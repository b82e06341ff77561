import { hasNetPermission, systemClock, type Transport } from "../../../transport/mod.ts";
import type { HttpHandler } from "../http_request_info.ts";
import { PlatformRequest } from "../incoming_request.ts";
import { faultAnswer } from "../json_answer.ts";
import { responseOf } from "../whole_answer.ts";
import { CarriedConnection } from "./carried_connection.ts";
import type { OtherProtocol } from "./http1_connection.ts";

/** Where the port behind is: others of this machine can reach it, and are turned away. */
export const HTTP2_HOST = "127.0.0.1";

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
  readonly #carried = new Map<number, CarriedConnection>();
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

  /** Its connections, the oldest first. */
  get connections(): Iterable<CarriedConnection> {
    return this.#carried.values();
  }

  /** Carries a connection on until it is over. */
  async carry(client: Transport, other: OtherProtocol): Promise<void> {
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
    const carried = new CarriedConnection(client, { conn, clock: systemClock });
    this.#carried.set(port, carried);
    await carried.run(other);
    // The system may have given its port to another since it was closed.
    if (this.#carried.get(port) === carried) this.#carried.delete(port);
  }

  /** Passes time on. */
  tick(nowMs: number): void {
    for (const carried of this.#carried.values()) carried.tick(nowMs);
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
    }, async (request, { remoteAddr, completed }) => {
      const carried = this.#carried.get(remoteAddr.port);
      if (carried === undefined) return responseOf(faultAnswer(NOT_PASSED_ON));
      carried.answering(completed);
      const shown = new PlatformRequest(request, this.#isTls ? "https:" : "http:");
      const info = { remoteAddr: { hostname: carried.client.remoteAddress } };
      return responseOf(await this.#handler(shown, info));
    });
  }
}

const NOT_PASSED_ON = {
  status: 403,
  code: "denied",
  reason: "This port is for what another port of the server carries on to it",
} as const;
