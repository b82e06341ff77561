import { type ConnectionEnd, kickedEnd, type Leaving } from "../gate/mod.ts";
import type { Transport } from "../transport/mod.ts";
import { heldBytesEnd } from "./connection_end.ts";
import type { ServedConnection } from "./door.ts";

/** Of what a {@linkcode LateConnection} is made. */
export interface LateConnectionParts {
  /** The connection; nobody reads it before it is served. */
  readonly transport: Transport;
  /** Resolves to what serves it. */
  readonly ready: Promise<() => ServedConnection>;
}

/**
 * A connection that comes while the program of its protocol is being loaded: the first one of a server. It is served when
 * that is there; until then it can be ended, as any other.
 */
export class LateConnection implements ServedConnection {
  /** Resolves when all is over. */
  readonly finished: Promise<ConnectionEnd>;
  readonly #transport: Transport;
  readonly #over = Promise.withResolvers<ConnectionEnd>();
  #served: ServedConnection | undefined;
  #isOver = false;
  #movesTo: Leaving | undefined;

  /** Waits until it can be served. */
  constructor({ transport, ready }: LateConnectionParts) {
    this.#transport = transport;
    this.finished = this.#over.promise;
    ready.then((serve) => this.#serve(serve)).catch((error) => {
      if (this.#isOver) return;
      this.#isOver = true;
      transport.close();
      this.#over.reject(error);
    });
  }

  /** Bytes of the protocol received. */
  get bytesReceived(): number {
    return this.#served?.bytesReceived ?? 0;
  }

  /** Bytes of the protocol sent. */
  get bytesSent(): number {
    return this.#served?.bytesSent ?? 0;
  }

  /** Bytes that the peer makes the server hold. */
  get heldBytes(): number {
    return this.#served?.heldBytes ?? 0;
  }

  /** Whether it publishes or plays. */
  get hasRole(): boolean {
    return this.#served?.hasRole ?? false;
  }

  /** Counts of its protocol beside bytes. */
  get counts(): Readonly<Record<string, number>> {
    return this.#served?.counts ?? {};
  }

  /** Passes time on. */
  tick(): void {
    this.#served?.tick();
  }

  /** Closes since all connections together make the server hold too much. */
  shed(): void {
    if (this.#served === undefined) this.#close(heldBytesEnd(0));
    else this.#served.shed();
  }

  /** Closes since it was kicked. */
  kick(why: string): void {
    if (this.#served === undefined) this.#close(kickedEnd(why));
    else this.#served.kick(why);
  }

  /** Closes since the server stops. */
  stop(): void {
    if (this.#served !== undefined) this.#served.stop();
    else this.#close({ clean: true, reason: "stopped", message: "The server has stopped" });
  }

  /** Has its client told to go on at another server. */
  move(to: Leaving): void {
    this.#movesTo = to;
    this.#served?.move?.(to);
  }

  #serve(serve: () => ServedConnection): void {
    if (this.#isOver) return;
    const served = this.#served = serve();
    if (this.#movesTo !== undefined) served.move?.(this.#movesTo);
    this.#over.resolve(served.finished);
  }

  #close(end: ConnectionEnd): void {
    this.#isOver = true;
    this.#transport.close();
    this.#over.resolve(end);
  }
}
