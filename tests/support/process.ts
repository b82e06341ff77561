/**
 * Starts weir as a user would, and the programs that talk to it, each with a time limit. Dispose what
 * was started: that kills it, whatever the test did.
 */
import { fail } from "@std/assert";

/** How a process has ended. */
export interface ProcessEnd {
  readonly code: number;
  readonly signal: Deno.Signal | null;
  /** Standard output, as it came. */
  readonly stdout: Uint8Array;
  readonly stderr: string;
}

export interface RunOptions {
  /** It is killed, and the test fails, when it runs longer. Default 20 000. */
  readonly limitMs?: number;
  /** Working directory; the root of the project by default. */
  readonly cwd?: string;
  readonly env?: Record<string, string>;
}

/** The root of the project. */
export const ROOT = decodeURIComponent(new URL("../../", import.meta.url).pathname);

/** A process that was started. */
export class RunningProcess implements AsyncDisposable {
  /** Resolves when it has ended and all its output was read; rejects when it took too long. */
  readonly ended: Promise<ProcessEnd>;
  readonly #name: string;
  readonly #child: Deno.ChildProcess;
  readonly #limit: ReturnType<typeof setTimeout>;
  #tooLate = false;
  #lines: string[] = [];
  #watchers = new Set<() => void>();
  #isOver = false;

  constructor(program: string, args: readonly string[], options: RunOptions = {}) {
    const { limitMs = 20_000, cwd = ROOT, env = {} } = options;
    this.#name = program.split("/").at(-1)!;
    this.#child = new Deno.Command(program, {
      args: [...args],
      cwd,
      env: { NO_COLOR: "1", ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#limit = setTimeout(() => {
      this.#tooLate = true;
      this.kill("SIGKILL");
    }, limitMs);
    this.ended = this.#run(limitMs);
    this.ended.catch(() => {});
  }

  /** Process id. */
  get pid(): number {
    return this.#child.pid;
  }

  /** All lines so far, of both outputs. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /** Sends a signal; harmless when it has ended. */
  kill(signal: Deno.Signal): void {
    try {
      this.#child.kill(signal);
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof Deno.errors.NotFound)) throw error;
    }
  }

  /** Resolves with the first line of either output that `pattern` matches, past lines included. */
  async line(pattern: RegExp): Promise<RegExpExecArray> {
    for (let at = 0;;) {
      while (at < this.#lines.length) {
        const match = pattern.exec(this.#lines[at++]!);
        if (match !== null) return match;
      }
      if (this.#isOver) {
        fail(`${this.#name} ended without a line like ${pattern}:\n${this.#lines.join("\n")}`);
      }
      await new Promise<void>((resolve) => this.#watchers.add(resolve));
    }
  }

  async #run(limitMs: number): Promise<ProcessEnd> {
    const [stdout, stderr, status] = await Promise.all([
      this.#read(this.#child.stdout),
      this.#read(this.#child.stderr),
      this.#child.status,
    ]);
    clearTimeout(this.#limit);
    this.#isOver = true;
    this.#notify();
    if (this.#tooLate) {
      throw new Error(
        `${this.#name} did not end within ${limitMs} ms:\n${this.#lines.join("\n").slice(-4000)}`,
      );
    }
    const { code, signal } = status;
    return { code, signal, stdout, stderr: new TextDecoder().decode(stderr) };
  }

  async #read(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    const decoder = new TextDecoder();
    let rest = "";
    for await (const piece of stream) {
      pieces.push(piece.slice());
      const lines = (rest + decoder.decode(piece, { stream: true })).split(/\r\n|[\r\n]/);
      rest = lines.pop()!;
      this.#lines.push(...lines);
      this.#notify();
    }
    if (rest !== "") this.#lines.push(rest);
    return new Uint8Array(await new Blob(pieces).arrayBuffer());
  }

  #notify(): void {
    const watchers = [...this.#watchers];
    this.#watchers.clear();
    for (const watcher of watchers) watcher();
  }

  /** Kills it, if it still runs. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.kill("SIGKILL");
    await this.ended.catch(() => {});
  }
}

/** Runs a program to its end. */
export async function run(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<ProcessEnd> {
  await using process = new RunningProcess(program, args, options);
  return await process.ended;
}

/** weir, listening for RTMP on a free port of this machine. */
export class WeirProcess extends RunningProcess {
  /** The port that it got. */
  port = 0;

  /** Base of its URLs. */
  get url(): string {
    return `rtmp://127.0.0.1:${this.port}`;
  }
}

/** The other protocols have fixed ports by default, which another test may hold. */
const LISTENING = ["--rtmp", "127.0.0.1:0", "--rtsp", "off", "--http", "off"] as const;

/** Where it is set, servers of tests have so many workers: see tests/server/workers/as_one_process_long.ts. */
export const TEST_WORKERS = "WEIR_TEST_WORKERS";

function withWorkers(program: string): string[] {
  const workers = Deno.env.get(TEST_WORKERS);
  return workers === undefined ? [program] : ["--allow-read=.", program, "--workers", workers];
}

/** Starts `deno run --allow-net mod.ts` with `args`, and resolves when it listens. */
export async function startWeir(
  args: readonly string[] = [],
  options: RunOptions = {},
): Promise<WeirProcess> {
  const weir = new WeirProcess(
    Deno.execPath(),
    ["run", "--allow-net", ...withWorkers("mod.ts"), ...LISTENING, ...args],
    { limitMs: 60_000, ...options },
  );
  try {
    const [, port] = await weir.line(/rtmp listening on 127\.0\.0\.1:(\d+)/);
    weir.port = Number(port);
    return weir;
  } catch (error) {
    await weir[Symbol.asyncDispose]();
    throw error;
  }
}

/** Whether to ignore a test, since a program that it starts is not installed; says so. */
export function ignoreWithout(...programs: string[]): boolean {
  const missing = programs.filter((program) => !isInstalled(program));
  if (missing.length === 0) return false;
  console.log(`Tests are skipped, since this machine has no ${missing.join(", ")}`);
  return true;
}

function isInstalled(program: string): boolean {
  const folders = Deno.env.get("PATH")?.split(":") ?? [];
  return folders.some((folder) => {
    try {
      return Deno.statSync(`${folder}/${program}`).isFile;
    } catch {
      return false;
    }
  });
}
