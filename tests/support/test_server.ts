/** A server in the test's own process, on a free port, with its log lines. */
import { assertEquals } from "@std/assert";
import { Server, type ServerOptions } from "../../mod.ts";
import { TEST_WORKERS } from "./process.ts";
import type { LogFields, ServerLog } from "../../src/server/mod.ts";

/** One log line. */
export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly fields: LogFields;
}

/** Keeps log lines, and lets a test wait for one. */
export class LogBook implements ServerLog {
  readonly lines: LogLine[] = [];
  /** Errors that a test brings about: their messages. Said before they can come, so that a test that fails says why. */
  readonly expectedErrors = new Set<string>();
  #watchers: (() => void)[] = [];

  debug = (message: string, fields: LogFields = {}): void => this.#add("debug", message, fields);
  info = (message: string, fields: LogFields = {}): void => this.#add("info", message, fields);
  warn = (message: string, fields: LogFields = {}): void => this.#add("warn", message, fields);
  error = (message: string, fields: LogFields = {}): void => this.#add("error", message, fields);

  /** Resolves with the first line that `wanted` accepts, past ones included. */
  async line(wanted: (line: LogLine) => boolean): Promise<LogLine> {
    for (let at = 0;;) {
      while (at < this.lines.length) {
        const line = this.lines[at++]!;
        if (wanted(line)) return line;
      }
      await new Promise<void>((resolve) => this.#watchers.push(resolve));
    }
  }

  /** The line that says why a connection ended. */
  async closed(reason: string): Promise<LogLine> {
    return await this.line(({ fields }) => fields.reason === reason && "state" in fields);
  }

  #add(level: LogLine["level"], message: string, fields: LogFields): void {
    this.lines.push({ level, message, fields });
    const watchers = this.#watchers;
    this.#watchers = [];
    for (const watcher of watchers) watcher();
  }
}

/** What the log says of a worker that was ended. */
export const WORKER_DIED = "a worker has died, with its connections, and is started again";

/** The other protocols have fixed ports by default, which another test may hold. */
const OTHERS_OFF = { rtsp: false } as const;

/** A server that listens, and what it has logged. */
export class TestServer implements AsyncDisposable {
  readonly server: Server;
  readonly log: LogBook;
  readonly port: number;

  private constructor(server: Server, log: LogBook) {
    this.server = server;
    this.log = log;
    this.port = server.addresses[0]?.port ?? 0;
  }

  /** Starts one on a free port. */
  static async start(options: ServerOptions = {}): Promise<TestServer> {
    const log = new LogBook();
    const server = new Server({
      rtmp: { hostname: "127.0.0.1", port: 0 },
      ...OTHERS_OFF,
      log,
      ...(Deno.env.has(TEST_WORKERS) ? { workers: Number(Deno.env.get(TEST_WORKERS)) } : {}),
      ...options,
    });
    await server.listen();
    return new TestServer(server, log);
  }

  /** Base of its URLs. */
  get url(): string {
    return `rtmp://127.0.0.1:${this.port}`;
  }

  /** Resolves when no connection is left. */
  async quiet(): Promise<void> {
    await this.connections(0);
  }

  /** Resolves when there are so many connections. */
  async connections(count: number): Promise<void> {
    const end = performance.now() + 10_000;
    // What workers have counted is up to a second old: they are asked anew.
    while ((await this.server.freshSnapshot()).connections.length !== count) {
      if (performance.now() > end) throw new Error(`There were never ${count} connections`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Stops, and asserts that nothing of the server itself has failed. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.stop();
    const { lines, expectedErrors } = this.log;
    const isUnexpected = ({ level, message }: LogLine): boolean =>
      level === "error" && !expectedErrors.has(message);
    assertEquals(lines.filter(isUnexpected), []);
  }
}

/** Resolves when `condition` holds: for states that nothing announces. Fails after ten seconds. */
export async function until(condition: () => boolean): Promise<void> {
  const end = performance.now() + 10_000;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`Never came true: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
