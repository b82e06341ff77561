/** A TCP proxy that can stop to pass anything on, as a network does that loses a machine. */
export class StoppingProxy implements Disposable {
  readonly port: number;
  readonly #listener: Deno.TcpListener;
  readonly #target: number;
  readonly #conns = new Set<Deno.TcpConn>();
  #open = Promise.withResolvers<void>();

  constructor(target: number) {
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    this.port = (this.#listener.addr as Deno.NetAddr).port;
    this.#target = target;
    this.#open.resolve();
    void this.#run();
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Passes nothing on, and closes nothing. */
  stop(): void {
    this.#open = Promise.withResolvers();
  }

  /** Passes on again, what has come meanwhile too. */
  go(): void {
    this.#open.resolve();
  }

  [Symbol.dispose](): void {
    this.go();
    this.#listener.close();
    for (const conn of this.#conns) close(conn);
  }

  async #run(): Promise<void> {
    try {
      for await (const near of this.#listener) {
        const far = await Deno.connect({ hostname: "127.0.0.1", port: this.#target }).catch(() =>
          undefined
        );
        if (far === undefined) {
          close(near);
          continue;
        }
        for (const conn of [near, far]) this.#conns.add(conn);
        void this.#pass(near, far);
        void this.#pass(far, near);
      }
    } catch {
      // Closed.
    }
  }

  async #pass(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
    const bytes = new Uint8Array(65_536);
    try {
      for (let count; (count = await from.read(bytes)) !== null;) {
        await this.#open.promise;
        for (let at = 0; at < count;) at += await to.write(bytes.subarray(at, count));
      }
    } catch {
      // One end has closed.
    }
    for (const conn of [from, to]) {
      this.#conns.delete(conn);
      close(conn);
    }
  }
}

function close(conn: Deno.TcpConn): void {
  try {
    conn.close();
  } catch {
    // Closed already.
  }
}
