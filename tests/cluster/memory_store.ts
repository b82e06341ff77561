/** A record store in simulated time, that machines can be cut off from. */
import {
  type NoticeHandler,
  type RecordStore,
  type StoredRecord,
  StoreUnreachable,
} from "../../src/cluster/mod.ts";
import type { TurnedClock } from "../support/turned_clock.ts";

/** What all machines share: records that vanish when they are not written for their time. */
export class SharedRecords {
  readonly clock: TurnedClock;
  readonly handlers = new Map<string, NoticeHandler>();
  /** Changes so far. */
  writes = 0;
  readonly #records = new Map<string, StoredRecord & { readonly endsMs: number }>();
  #revision = 0;

  constructor(clock: TurnedClock) {
    this.clock = clock;
  }

  get(key: string): StoredRecord | undefined {
    const record = this.#records.get(key);
    return record !== undefined && record.endsMs > this.clock.now() ? record : undefined;
  }

  set(key: string, value: string): number {
    this.writes++;
    const lastsMs = key.startsWith("node.") ? 6000 : 3_600_000;
    const revision = ++this.#revision;
    this.#records.set(key, { value, revision, endsMs: this.clock.now() + lastsMs });
    return revision;
  }

  delete(key: string): void {
    this.writes++;
    this.#records.delete(key);
  }

  keys(): string[] {
    return [...this.#records.keys()].filter((key) => this.get(key) !== undefined);
  }
}

/** One machine's way to them. */
export class MemoryStore implements RecordStore {
  onReachable: (() => void) | undefined;
  isReachable = true;
  readonly #shared: SharedRecords;

  constructor(shared: SharedRecords) {
    this.#shared = shared;
  }

  cut(): void {
    this.isReachable = false;
  }

  heal(): void {
    this.isReachable = true;
    this.onReachable?.();
  }

  get(key: string) {
    return this.#reach(() => this.#shared.get(key));
  }

  create(key: string, value: string) {
    return this.#reach(() =>
      this.#shared.get(key) === undefined ? this.#shared.set(key, value) : undefined
    );
  }

  update(key: string, value: string, revision: number) {
    return this.#reach(() =>
      this.#shared.get(key)?.revision === revision ? this.#shared.set(key, value) : undefined
    );
  }

  put(key: string, value: string) {
    return this.#reach(() => void this.#shared.set(key, value));
  }

  remove(key: string, revision: number) {
    return this.#reach(() => {
      if (this.#shared.get(key)?.revision === revision) this.#shared.delete(key);
    });
  }

  keys(prefix: string) {
    return this.#reach(() => [...this.#shared.keys()].filter((key) => key.startsWith(prefix)));
  }

  list(prefix: string) {
    return this.#reach(() =>
      new Map(
        this.#shared.keys().filter((key) => key.startsWith(prefix)).map((key) => [
          key,
          this.#shared.get(key)!,
        ]),
      )
    );
  }

  ask(node: string, text: string) {
    return this.#reach(() => this.#shared.handlers.get(node)?.(text));
  }

  hear(node: string, handler: NoticeHandler): void {
    this.#shared.handlers.set(
      node,
      (text) => this.isReachable ? handler(text) : undefined,
    );
  }

  close() {
    return Promise.resolve();
  }

  async #reach<T>(act: () => T): Promise<T> {
    // As over a network, others may come between.
    await Promise.resolve();
    if (!this.isReachable) throw new StoreUnreachable("cut off");
    return act();
  }
}
