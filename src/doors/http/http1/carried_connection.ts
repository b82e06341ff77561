import { within } from "../../../time/mod.ts";
import type { Clock } from "../../../hub/mod.ts";
import { type Transport, writeAll } from "../../../transport/mod.ts";
import type { OtherProtocol } from "./http1_connection.ts";
import { HEAD_MS, IDLE_MS } from "./waits.ts";

/** How long a client may take to close what the server has closed, milliseconds. */
const CLOSE_MS = 1000;

/** The server's side of a connection, behind. */
export interface BehindConn {
  read(target: Uint8Array): Promise<number | null>;
  write(bytes: Uint8Array): Promise<number>;
  closeWrite(): Promise<void>;
  close(): void;
}

/**
 * A connection of HTTP/2 that is carried on, byte by byte. Its first request must come as soon as one of HTTP/1, and the
 * next as soon after the last, whatever else it sends meanwhile; while requests are answered, something must come or go.
 */
export class CarriedConnection {
  /** The client. */
  readonly client: Transport;
  readonly #conn: BehindConn;
  readonly #clock: Clock;
  /** Requests that are being answered. */
  #underWay = 0;
  /** When the wait for a request has begun, and how long it may be. */
  #sinceMs: number;
  #mostMs = HEAD_MS;
  #movedMs: number;

  /** Carries nothing yet. */
  constructor(client: Transport, { conn, clock }: {
    readonly conn: BehindConn;
    readonly clock: Clock;
  }) {
    this.client = client;
    this.#conn = conn;
    this.#clock = clock;
    this.#sinceMs = clock.now();
    this.#movedMs = this.#sinceMs;
  }

  /** Whether it has no request on it. */
  get isWaiting(): boolean {
    return this.#underWay === 0;
  }

  /** A request has come, and is over when `completed` settles. */
  answering(completed: Promise<void>): void {
    this.#underWay++;
    const onOver = (): void => {
      this.#underWay--;
      this.#sinceMs = this.#movedMs = this.#clock.now();
      this.#mostMs = IDLE_MS;
    };
    completed.then(onOver, onOver);
  }

  /** Carries what comes and goes until both have ended, or either has gone. */
  async run({ first, readable }: OtherProtocol): Promise<void> {
    try {
      const incoming = this.#carryIn(first, readable).catch(() => this.close());
      await this.#carryOut();
      // The client has all, and may still say that it goes.
      await within(incoming, { clock: this.#clock, ms: CLOSE_MS });
    } catch {
      // One of the two has gone, and the other goes too.
    } finally {
      this.close();
    }
  }

  /** Passes time on. */
  tick(nowMs: number): void {
    const isLate = this.isWaiting
      ? nowMs - this.#sinceMs >= this.#mostMs
      : nowMs - this.#movedMs >= IDLE_MS;
    if (isLate) this.close();
  }

  /** Closes both sides; harmless when repeated. */
  close(): void {
    this.client.close();
    try {
      this.#conn.close();
    } catch {
      // It is closed already.
    }
  }

  async #carryIn(first: Uint8Array, readable: ReadableStream<Uint8Array>): Promise<void> {
    await writeAll(this.#conn, first);
    for await (const bytes of readable) {
      this.#movedMs = this.#clock.now();
      await writeAll(this.#conn, bytes);
    }
    await this.#conn.closeWrite();
  }

  async #carryOut(): Promise<void> {
    const buffer = new Uint8Array(64 * 1024);
    for (;;) {
      const count = await this.#conn.read(buffer);
      if (count === null) break;
      await writeAll(this.client, buffer.subarray(0, count));
      this.#movedMs = this.#clock.now();
    }
    await this.client.closeWrite();
  }
}
