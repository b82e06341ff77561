/** A real NATS server with JetStream, in a folder of its own. */
import { freePort } from "../support/free_port.ts";
import { RunningProcess } from "../support/process.ts";

export class NatsServer implements AsyncDisposable {
  readonly port: number;
  readonly #folder: string;
  #process: RunningProcess;

  private constructor(port: number, folder: string) {
    this.port = port;
    this.#folder = folder;
    this.#process = this.#spawn();
  }

  /** Starts one on a free port; resolves when it can be connected to. */
  static async start(): Promise<NatsServer> {
    const server = new NatsServer(freePort(), await Deno.makeTempDir({ prefix: "weir-nats-" }));
    await server.#ready();
    return server;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Kills it as a crash does: nothing is said to anybody. */
  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.ended;
  }

  /** Starts it again, with what it had on its disk. */
  async restart(): Promise<void> {
    this.#process = this.#spawn();
    await this.#ready();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
    await Deno.remove(this.#folder, { recursive: true });
  }

  #spawn(): RunningProcess {
    return new RunningProcess("nats-server", [
      ...["--addr", "127.0.0.1", "--port", String(this.port)],
      ...["--jetstream", "--store_dir", this.#folder],
    ], { limitMs: 600_000 });
  }

  async #ready(): Promise<void> {
    await this.#process.line(/Server is ready/);
  }
}
