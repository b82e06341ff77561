import { NamePattern } from "../gate/mod.ts";
import { atMostEachSecond, PeerLog, type ServerLog } from "../log/mod.ts";
import { type Clock, LATE, type Timer, within } from "../time/mod.ts";
import { filledArguments } from "./command_arguments.ts";
import { type EventCommandOptions, EventOptionsError } from "./options.ts";
import {
  SERVER_EVENT_NAMES,
  type ServerEventDetails,
  type ServerEventName,
  type ServerEvents,
} from "./server_events.ts";

/** A program that runs. */
export interface RunningCommand {
  /** Resolves with its exit code, or how it could not be run. */
  readonly ended: Promise<string>;
  /** Asks it to end, or makes it. */
  kill(signal: "SIGTERM" | "SIGKILL"): void;
}

/** What an {@linkcode EventCommand} reaches the world by. */
export interface EventCommandEnvironment {
  /** Where the output of programs goes, and how they end. */
  readonly log: ServerLog;
  /** Timers. */
  readonly clock: Clock;
  /** The server's own URLs on this machine, by protocol. */
  readonly urls: () => Readonly<Record<"rtmp" | "rtsp", string>>;
  /** The streams that live. */
  readonly live: () => readonly string[];
  /** Starts a program; `onLine` is given each line of its output. */
  readonly start: (
    run: readonly string[],
    onLine: (line: string) => void,
  ) => RunningCommand;
}

/** A program that ends is begun again after so long at first, milliseconds, then after twice as long each time. */
const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 60_000;

/** One that has run for so long has begun well. */
const GOOD_RUN_MS = 60_000;

/** How long one may take to end that is asked to, milliseconds; less where the server stops, which takes 3 s. */
const KILL_MS = 5000;
const STOP_MS = 1500;

/** Programs of one command that run at a time. */
const MOST_RUNNING = 64;

/** A program for each stream that lives, or for each event. */
export class EventCommand {
  readonly #options: EventCommandOptions;
  readonly #environment: EventCommandEnvironment;
  #patterns: readonly NamePattern[] | undefined;
  readonly #lines: PeerLog;
  /** What runs for as long as a stream lives, by its name. */
  readonly #streams = new Map<string, StreamCommand>();
  /** What was asked to end, as its stream has, by its name: before it has, none is begun for that stream again. */
  readonly #leaving = new Map<string, StreamCommand>();
  readonly #running = new Set<RunningCommand>();
  readonly #tellTooMany: (stream: string) => void;
  readonly #listening = new AbortController();
  #isClosed = false;

  /**
   * Runs nothing yet.
   *
   * @throws {EventOptionsError} if an option is wrong; `path` names the options
   */
  constructor(path: string, options: EventCommandOptions, environment: EventCommandEnvironment) {
    const { on, run, paths } = options;
    if (!SERVER_EVENT_NAMES.includes(on)) {
      throw new EventOptionsError(`${path}.on`, `there is no event ${JSON.stringify(on)}`);
    }
    const isRun = Array.isArray(run) && run.length > 0 &&
      run.every((argument) => typeof argument === "string" && !argument.includes("\0"));
    if (!isRun || run[0] === "" || run[0]!.includes("{")) {
      throw new EventOptionsError(`${path}.run`, "must be a program and its arguments");
    }
    this.#options = options;
    this.#environment = environment;
    this.#patterns = paths === undefined
      ? undefined
      : (typeof paths === "string" ? [paths] : paths).map((text) =>
        patternOf(`${path}.paths`, text)
      );
    this.#lines = new PeerLog(environment.log, environment.clock);
    this.#tellTooMany = atMostEachSecond(
      environment.clock,
      (stream: string, count) =>
        environment.log.warn("a command was not run, as too many of it run", {
          command: this.program,
          stream,
          count,
        }),
    );
  }

  /** The program. */
  get program(): string {
    return this.#options.run[0]!;
  }

  /** Listens to a server; what runs as long as a stream lives is begun for those that there are. */
  listen(events: ServerEvents): void {
    const { on } = this.#options;
    const { signal } = this.#listening;
    if (on !== "stream-ready") {
      events.addEventListener(on, ({ detail }) => this.#runOnce(on, detail), { signal });
      return;
    }
    events.addEventListener("stream-ready", ({ detail }) => this.#begin(detail.stream), { signal });
    events.addEventListener(
      "stream-ended",
      ({ detail }) => void this.#end(detail.stream),
      { signal },
    );
    this.#beginForAll();
  }

  /** Whether another command runs the same program at the same event, for other streams perhaps. */
  runsAs({ on, run }: EventCommandOptions): boolean {
    const own = this.#options;
    return on === own.on && run.length === own.run.length &&
      run.every((argument, index) => argument === own.run[index]);
  }

  /** Is for the streams of another command from now on, which runs nothing itself. What runs for one of them goes on. */
  follow(other: EventCommand): void {
    this.#patterns = other.#patterns;
    for (const stream of this.#streams.keys()) {
      if (!this.#isFor(stream)) void this.#end(stream);
    }
    if (this.#options.on === "stream-ready") this.#beginForAll();
  }

  /**
   * Hears of nothing any more: ends what runs as long as a stream lives, and lets what runs once go on to its end.
   * Resolves when all has ended.
   */
  async leave(): Promise<void> {
    this.#listening.abort();
    await Promise.all([
      ...[...this.#leaving.values()].map((one) => one.stop(KILL_MS)),
      ...[...this.#streams.keys()].map((stream) => this.#end(stream)),
      ...[...this.#running].map(({ ended }) => ended),
    ]);
  }

  /** Ends all that runs; resolves when it has. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const { clock } = this.#environment;
    const streams = [...this.#streams.values(), ...this.#leaving.values()];
    const once = [...this.#running];
    for (const running of once) running.kill("SIGTERM");
    await Promise.all([
      ...streams.map((one) => one.stop(STOP_MS)),
      ...once.map((running) => killed(running, { clock, graceMs: STOP_MS })),
    ]);
  }

  #beginForAll(): void {
    for (const stream of this.#environment.live()) this.#begin(stream);
  }

  #begin(stream: string): void {
    if (this.#isClosed || !this.#isFor(stream)) return;
    if (this.#streams.has(stream) || this.#leaving.has(stream)) return;
    if (this.#streams.size + this.#leaving.size >= MOST_RUNNING) return this.#tellTooMany(stream);
    const run = this.#filled("stream-ready", { stream });
    if (run === undefined) return;
    const { clock, log } = this.#environment;
    this.#streams.set(
      stream,
      new StreamCommand({
        clock,
        start: () => this.#start(run, stream),
        onAgain: (how, waitMs) =>
          log.warn("a command has ended while its stream lives, and is begun again", {
            command: this.program,
            stream,
            reason: how,
            waitMs,
          }),
      }),
    );
  }

  /** Resolves when what runs for a stream has ended. */
  async #end(stream: string): Promise<void> {
    const command = this.#streams.get(stream);
    this.#streams.delete(stream);
    if (command === undefined) return;
    this.#leaving.set(stream, command);
    await command.stop(KILL_MS);
    this.#leaving.delete(stream);
    // Its stream may have come again meanwhile.
    const isListening = !this.#listening.signal.aborted;
    if (isListening && this.#environment.live().includes(stream)) this.#begin(stream);
  }

  #runOnce<K extends ServerEventName>(on: K, detail: ServerEventDetails[K]): void {
    const stream = "stream" in detail ? detail.stream : "";
    if (this.#isClosed || !this.#isFor(stream)) return;
    if (this.#running.size >= MOST_RUNNING) return this.#tellTooMany(stream);
    const run = this.#filled(on, detail);
    if (run === undefined) return;
    const running = this.#start(run, stream);
    this.#running.add(running);
    void running.ended.then((how) => {
      this.#running.delete(running);
      if (how !== "exit code 0") {
        this.#lines.of(this.program).warn("a command has failed", {
          command: this.program,
          stream,
          reason: how,
        });
      }
    });
  }

  #start(run: readonly string[], stream: string): RunningCommand {
    const lines = this.#lines.of(stream);
    return this.#environment.start(run, (line) => {
      lines.info("command output", { command: this.program, stream, line });
    });
  }

  #filled<K extends ServerEventName>(
    on: K,
    detail: ServerEventDetails[K],
  ): readonly string[] | undefined {
    const filled = filledArguments(this.#options.run, { detail, urls: this.#environment.urls() });
    if (filled !== undefined) return filled;
    this.#lines.of(this.program).warn(
      "a command was not run, as a name would be taken for an option",
      {
        command: this.program,
        event: on,
      },
    );
    return undefined;
  }

  #isFor(stream: string): boolean {
    return this.#patterns?.some((pattern) => pattern.matches(stream)) ?? true;
  }
}

/** What a {@linkcode StreamCommand} runs. */
interface StreamCommandOptions {
  readonly clock: Clock;
  readonly start: () => RunningCommand;
  /** It has ended, and is begun again. */
  readonly onAgain: (how: string, waitMs: number) => void;
}

/** A program that runs as long as a stream lives. */
class StreamCommand {
  readonly #options: StreamCommandOptions;
  #running: RunningCommand | undefined;
  #timer: Timer | undefined;
  #waitMs = FIRST_WAIT_MS;
  #isStopped = false;

  constructor(options: StreamCommandOptions) {
    this.#options = options;
    this.#begin();
  }

  async stop(graceMs: number): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    const running = this.#running;
    if (running === undefined) return;
    running.kill("SIGTERM");
    await killed(running, { clock: this.#options.clock, graceMs });
  }

  #begin(): void {
    const { clock, start, onAgain } = this.#options;
    const sinceMs = clock.now();
    const running = this.#running = start();
    void running.ended.then((how) => {
      this.#running = undefined;
      if (this.#isStopped) return;
      if (clock.now() - sinceMs >= GOOD_RUN_MS) this.#waitMs = FIRST_WAIT_MS;
      const waitMs = this.#waitMs;
      this.#waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
      onAgain(how, waitMs);
      this.#timer = clock.setTimer(() => this.#begin(), waitMs);
    });
  }
}

/** Resolves when a program has ended that was asked to; one that does not is made to. */
async function killed(
  running: RunningCommand,
  { clock, graceMs }: { readonly clock: Clock; readonly graceMs: number },
): Promise<void> {
  if (await within(running.ended, { clock, ms: graceMs }) !== LATE) return;
  running.kill("SIGKILL");
  await running.ended;
}

function patternOf(path: string, text: string): NamePattern {
  try {
    return new NamePattern(text);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new EventOptionsError(path, error.message);
  }
}
