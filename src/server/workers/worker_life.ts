import { DirectoryDesk, type MemoryDirectory } from "../../cluster/mod.ts";
import type { Peers, ServerHooks } from "../../gate/mod.ts";
import type { ServerLog } from "../../log/mod.ts";
import { within } from "../../time/mod.ts";
import { ServerError, type ServerErrorCode, systemClock } from "../../transport/mod.ts";
import type { ServerAddress } from "../statistics.ts";
import type { Recordings } from "../../record/mod.ts";
import type { ArchiveName } from "../server_part.ts";
import { type Guards, GuessDesk } from "./guess_desk.ts";
import { RecordingDesk } from "./recording_desk.ts";
import { type CarriedValue, uncarried } from "./carried_values.ts";
import { answerForwarded, type ForwardedRequest } from "./forwarded_requests.ts";
import type { SplicedAbout } from "./spliced_connection.ts";
import type { FromWorker, ToWorker, WorkerCalls, WorkerStart } from "./worker_messages.ts";

/** What a worker reaches the main thread by, and what of that thread it reaches. */
export interface WorkerLifeParts {
  /** The hooks of the main thread. */
  readonly hooks: ServerHooks;
  /** The log of all. */
  readonly log: ServerLog;
  /** Who slows those that guess, at all workers. */
  readonly guards: Guards;
  /** What is kept and recorded, of workers too. */
  readonly archives: () => Partial<Record<ArchiveName, Recordings>>;
  /** Where the streams of all members are. */
  readonly directory: MemoryDirectory;
  /** Answers a request over HTTP that is for the whole server. */
  readonly fetch: (request: Request, remoteAddress: string) => Promise<Response>;
  /** The cluster that this machine is one of, and who judges the others. */
  readonly cluster?:
    | {
      readonly options: {
        readonly node: string;
        readonly secret: string;
        readonly caCerts?: readonly string[];
      };
      readonly peers: Peers;
    }
    | undefined;
}

/** Workers are given so long to stop, milliseconds: a server takes three seconds at most. */
const STOP_MS = 3500;

/** What a life tells of. */
export interface LifeEvents {
  readonly died: (why: string) => void;
  /** A request has come that the worker at another place is to answer. */
  readonly forward: (
    about: { readonly to: number; readonly request: ForwardedRequest; readonly port: MessagePort },
  ) => void;
  /** A connection has come that the worker at another place is to serve. */
  readonly handOver: (
    handed: { readonly to: number; readonly about: SplicedAbout; readonly port: MessagePort },
  ) => void;
}

/** A thread that loads the program of a worker, and waits to be told what to do. */
export function workerThread(member: string): Worker {
  return new Worker(new URL("./worker_entry.ts", import.meta.url).href, {
    type: "module",
    name: member,
  });
}

/** One life of a worker: a thread, from its start to its end. */
export class Life {
  /** When it began, on the clock of the process in milliseconds. */
  readonly bornMs = performance.now();
  /** Resolves when it listens. */
  readonly started: Promise<void>;
  readonly #options: WorkerLifeParts;
  readonly #worker: Worker;
  readonly #member: string;
  readonly #desk: DirectoryDesk;
  readonly #recordings: RecordingDesk;
  readonly #guesses: GuessDesk;
  readonly #events: LifeEvents;
  readonly #calls = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #starting = Promise.withResolvers<void>();
  #next = 1;
  #state: "starting" | "running" | "over" = "starting";
  #addresses: readonly ServerAddress[] = [];

  constructor(
    options: WorkerLifeParts,
    start: WorkerStart,
    { thread = workerThread(start.member), ...events }: LifeEvents & {
      readonly thread?: Worker | undefined;
    },
  ) {
    const { member } = start;
    this.#options = options;
    this.#member = member;
    this.#events = events;
    this.started = this.#starting.promise;
    this.started.catch(() => {});
    this.#worker = thread;
    this.#desk = new DirectoryDesk(options.directory, {
      member,
      peers: options.cluster?.peers,
      post: (reply) => this.#post({ type: "directory", reply }),
    });
    this.#recordings = new RecordingDesk(options.archives(), (reply, transfer) => {
      if (this.#state !== "over") this.#worker.postMessage({ type: "recording", reply }, transfer);
    });
    this.#guesses = new GuessDesk(
      options.guards,
      (reply) => this.#post({ type: "guess", reply }),
    );
    this.#worker.onmessage = ({ data }: MessageEvent<FromWorker>) => this.#receive(data);
    this.#worker.onerror = (event) => {
      // Unhandled, it would end the whole program.
      event.preventDefault();
      this.died(event.message);
    };
    this.#post({ type: "start", start });
  }

  get state(): "starting" | "running" | "stopped" {
    return this.#state === "over" ? "stopped" : this.#state;
  }

  get addresses(): readonly ServerAddress[] {
    return this.#addresses;
  }

  link(member: string, port: MessagePort): void {
    if (this.#state !== "over") this.#worker.postMessage({ type: "link", member, port }, [port]);
  }

  /** Has the worker answer a request that has come to another. */
  request(request: ForwardedRequest, port: MessagePort): void {
    if (this.#state !== "over") {
      this.#worker.postMessage({ type: "request", request, port }, [port]);
    }
  }

  /** Has the worker serve a connection of another; whether it can. */
  take(
    from: number,
    { about, port }: { readonly about: SplicedAbout; readonly port: MessagePort },
  ): boolean {
    if (this.#state !== "running") return false;
    this.#worker.postMessage({ type: "handed-over", from, about, port }, [port]);
    return true;
  }

  seek(name: string, isSought: boolean): void {
    this.#post({ type: "sought", name, isSought });
  }

  unlink(member: string, index: number): void {
    this.#post({ type: "unlink", member, index });
  }

  /** Has the worker do something. */
  async call<M extends keyof WorkerCalls>(
    method: M,
    ...args: Parameters<WorkerCalls[M]>
  ): Promise<Awaited<ReturnType<WorkerCalls[M]>>> {
    if (this.#state !== "running") throw new ServerError("state", `${this.#member} is not running`);
    const call = this.#next++;
    const result = Promise.withResolvers<unknown>();
    this.#calls.set(call, result);
    this.#post({ type: "call", call, method, args });
    try {
      return await result.promise as Awaited<ReturnType<WorkerCalls[M]>>;
    } finally {
      this.#calls.delete(call);
    }
  }

  /** Ends what is left of it. */
  died(why: string): void {
    if (this.#state === "over") return;
    this.#end(why);
    this.#events.died(why);
  }

  async stop(): Promise<void> {
    if (this.#state === "running") {
      await within(this.call("stop").catch(() => {}), { clock: systemClock, ms: STOP_MS });
    }
    this.#end("The server has stopped");
  }

  #end(why: string): void {
    this.#state = "over";
    this.#worker.terminate();
    this.#desk.close();
    this.#recordings.close();
    this.#guesses.close();
    const error = new ServerError("state", `${this.#member} has ended: ${why}`);
    this.#starting.reject(error);
    for (const { reject } of this.#calls.values()) reject(error);
  }

  #post(message: ToWorker): void {
    if (this.#state !== "over") this.#worker.postMessage(message);
  }

  #receive(message: FromWorker): void {
    if (this.#state === "over") return;
    switch (message.type) {
      case "started":
        this.#state = "running";
        this.#addresses = message.addresses;
        return this.#starting.resolve();
      case "failed": {
        this.#starting.reject(errorOf(message));
        return;
      }
      case "log":
        return this.#options.log[message.level](message.message, {
          ...message.fields,
          worker: this.#member,
        });
      case "guess":
        return this.#guesses.receive(message.asked);
      case "recording":
        return void this.#recordings.receive(message.asked);
      case "directory":
        return this.#desk.receive(message.request);
      case "request": {
        const { fetch } = this.#options;
        const { to, request, port } = message;
        if (to !== undefined) return this.#events.forward({ to, request, port });
        return void answerForwarded(message.request, { port: message.port, fetch });
      }
      case "hand-over":
        return this.#events.handOver(message);
      case "hook":
        return void this.#hook(message);
      case "result":
        return this.#calls.get(message.call)?.resolve(message.value);
      case "call-failed":
        return this.#calls.get(message.call)?.reject(errorOf(message));
    }
  }

  /** Asks or tells a hook of this thread, for the worker. */
  async #hook({ ask, hook, args }: {
    readonly ask: number;
    readonly hook: string;
    readonly args: readonly CarriedValue[];
  }): Promise<void> {
    const call = Reflect.get(this.#options.hooks, hook) as (...args: unknown[]) => unknown;
    try {
      const own = args.map((arg) =>
        uncarried(arg, (known) => this.#post({ type: "verify", ask, known }))
      );
      const answer = await call.apply(this.#options.hooks, own);
      if (ask !== 0) this.#post({ type: "hooked", ask, answer });
    } catch (error) {
      // The gate of the worker, which has asked, logs it.
      if (ask !== 0) this.#post({ type: "hook-failed", ask, error: String(error) });
      else this.#options.log.error("a hook failed", { error: String(error), worker: this.#member });
    }
  }
}

function errorOf(
  { name = "Error", code, message }: {
    readonly name?: string;
    readonly code: string | undefined;
    readonly message: string;
  },
): Error {
  if (code !== undefined) return new ServerError(code as ServerErrorCode, message);
  return name === "TypeError" ? new TypeError(message) : new Error(message);
}
