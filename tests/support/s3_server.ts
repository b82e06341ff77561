import type { S3Access } from "../../src/record/mod.ts";
import { TemporaryFolder } from "./media_file.ts";
import { ROOT, RunningProcess } from "./process.ts";

/** Object storage with a bucket `weir`, which can be killed and come back with what it holds. */
export class S3Server implements AsyncDisposable {
  readonly #folder = new TemporaryFolder();
  #process: RunningProcess | undefined;
  #port = 0;

  /** Starts one on a free port. */
  static async start(): Promise<S3Server> {
    const server = new S3Server();
    await server.start();
    return server;
  }

  /** How it is reached. */
  get access(): S3Access {
    return {
      endpoint: `http://127.0.0.1:${this.#port}`,
      accessKeyId: "S3RVER",
      secretAccessKey: "S3RVER",
    };
  }

  /** Starts it again, on the port that it had. */
  async start(): Promise<void> {
    this.#process = new RunningProcess(Deno.execPath(), [
      ...["run", "-A", "--no-check", "--lock=tests/deno.lock"],
      ...["tests/support/s3_process.ts", this.#folder.path, String(this.#port)],
    ], { limitMs: 600_000, cwd: ROOT });
    const [, port] = await this.#process.line(/listening on (\d+)/);
    this.#port = Number(port);
  }

  /** Ends it at once. */
  async kill(): Promise<void> {
    await this.#process?.[Symbol.asyncDispose]();
  }

  /** Kills it, and removes what it holds. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    await this.#folder[Symbol.asyncDispose]();
  }
}
