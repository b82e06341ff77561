import {
  checkRelays,
  type RelayEntry,
  type RelayOptions,
  type RelayState,
} from "../../relay/mod.ts";

/** What a relay is asked of a worker by. */
export interface RelayCalls {
  addRelay(options: RelayOptions): Promise<number>;
  changeRelay(id: number, options: RelayOptions): Promise<boolean>;
  removeRelay(id: number): Promise<boolean>;
}

/** A worker, as its relays are spoken to. */
export interface RelayWorker {
  /** Does what is asked; `undefined` where the worker is not running, and will begin with what is known then. */
  readonly call:
    | (<M extends keyof RelayCalls>(
      method: M,
      ...args: Parameters<RelayCalls[M]>
    ) => Promise<Awaited<ReturnType<RelayCalls[M]>>>)
    | undefined;
  /** The numbers that its relays have there, by those that they have here. */
  readonly ids: Map<number, number>;
}

/** States, the one first that tells most. */
const STATES: readonly RelayState[] = ["running", "connecting", "waiting", "idle", "stopped"];

/**
 * The relays of all workers. Each worker has all of them: a push forwards what is published there, and of a pull one
 * worker sees to each name.
 */
export class WorkerRelays {
  readonly #relays = new Map<number, RelayOptions>();
  #nextId = 1;
  #turn: Promise<unknown> = Promise.resolve();

  /** Begins with some. */
  constructor(relays: readonly RelayOptions[]) {
    checkRelays(relays);
    for (const options of relays) this.#relays.set(this.#nextId++, options);
  }

  /** The relays of a worker that begins now, whose numbers are noted. */
  begin(ids: Map<number, number>): RelayOptions[] {
    ids.clear();
    for (const id of this.#relays.keys()) ids.set(id, ids.size + 1);
    return [...this.#relays.values()];
  }

  /** Whether any stream is fetched from elsewhere because somebody here wants it. */
  get hasPulls(): boolean {
    return this.#relays.values().some(({ mode }) => mode === "pull");
  }

  /** Which of the workers sees to a name that is fetched. */
  static seesTo(name: string, workers: number): number {
    let hash = 0;
    for (let at = 0; at < name.length; at++) hash = (hash * 31 + name.charCodeAt(at)) >>> 0;
    return hash % workers;
  }

  /** Adds a relay to all workers; resolves with its number. */
  add(workers: readonly RelayWorker[], options: RelayOptions): Promise<number> {
    return this.#inTurn(async () => {
      checkRelays([options]);
      const id = this.#nextId++;
      await Promise.all(workers.map(async ({ call, ids }) => {
        if (call !== undefined) ids.set(id, await call("addRelay", options));
      }));
      this.#relays.set(id, options);
      return id;
    });
  }

  /** Changes a relay of all workers; resolves to false where there is none. */
  change(
    workers: readonly RelayWorker[],
    { id, options }: { readonly id: number; readonly options: RelayOptions },
  ): Promise<boolean> {
    return this.#inTurn(async () => {
      if (!this.#relays.has(id)) return false;
      checkRelays([options]);
      await Promise.all(
        workers.map(({ call, ids }) => call?.("changeRelay", ids.get(id)!, options)),
      );
      this.#relays.set(id, options);
      return true;
    });
  }

  /** Removes a relay from all workers; resolves to false where there is none. */
  remove(workers: readonly RelayWorker[], id: number): Promise<boolean> {
    return this.#inTurn(async () => {
      if (!this.#relays.delete(id)) return false;
      await Promise.all(workers.map(({ call, ids }) => call?.("removeRelay", ids.get(id)!)));
      return true;
    });
  }

  /** The relays, each as all workers together have it. */
  statistics(
    workers: readonly {
      readonly relays: readonly RelayEntry[];
      readonly ids: ReadonlyMap<number, number>;
    }[],
  ): RelayEntry[] {
    return [...this.#relays.keys()].flatMap((id) => {
      const entries = workers.flatMap(({ relays, ids }) =>
        relays.find((relay) => relay.id === ids.get(id)) ?? []
      );
      return entries.length === 0 ? [] : [mergedRelay(id, entries)];
    });
  }

  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(act);
    this.#turn = turn.catch(() => {});
    return turn;
  }
}

function mergedRelay(id: number, entries: readonly RelayEntry[]): RelayEntry {
  const sum = (count: "attempts" | "failures" | "bytes" | "units" | "dropped"): number =>
    entries.reduce((total, entry) => total + entry[count], 0);
  const streams = entries.flatMap(({ streams = [] }) => streams);
  return {
    ...entries[0]!,
    id,
    state: STATES.find((state) => entries.some((entry) => entry.state === state)) ?? "idle",
    attempts: sum("attempts"),
    failures: sum("failures"),
    bytes: sum("bytes"),
    units: sum("units"),
    dropped: sum("dropped"),
    lastError: entries.find(({ lastError }) => lastError !== undefined)?.lastError,
    ...(entries[0]!.streams === undefined ? {} : { streams }),
  };
}
