import type { Clock, Timer } from "../hub/mod.ts";
import {
  type NoticeHandler,
  type RecordStore,
  type StoredRecord,
  StoreUnreachable,
} from "./record_store.ts";

/** It is tried so often to open a store that cannot be reached at first, milliseconds. */
const RETRY_MS = 1000;

/** A store that is opened by and by: until then it cannot be reached. */
export class DeferredStore implements RecordStore {
  /** Is called each time that it can be reached again. */
  onReachable: (() => void) | undefined;
  readonly #open: () => Promise<RecordStore>;
  readonly #clock: Clock;
  readonly #onFailure: (error: unknown) => void;
  #store: RecordStore | undefined;
  #heard: { readonly node: string; readonly handler: NoticeHandler } | undefined;
  #timer: Timer | undefined;
  #isClosed = false;

  /** Does not open it yet; `onFailure` hears of the first failure. */
  constructor(
    open: () => Promise<RecordStore>,
    { clock, onFailure }: { readonly clock: Clock; readonly onFailure: (error: unknown) => void },
  ) {
    this.#open = open;
    this.#clock = clock;
    this.#onFailure = onFailure;
  }

  /** Opens the store; where that fails, it is tried again by itself. */
  async open(): Promise<void> {
    try {
      await this.#tryOpen();
    } catch (error) {
      this.#onFailure(error);
      this.#tryLater();
    }
  }

  /** Whether it can be reached, as far as is known. */
  get isReachable(): boolean {
    return this.#store?.isReachable ?? false;
  }

  /** Reads a record. */
  async get(key: string): Promise<StoredRecord | undefined> {
    return await this.#opened.get(key);
  }

  /** Makes a record where there is none. */
  async create(key: string, value: string): Promise<number | undefined> {
    return await this.#opened.create(key, value);
  }

  /** Changes a record that is still at a revision. */
  async update(key: string, value: string, revision: number): Promise<number | undefined> {
    return await this.#opened.update(key, value, revision);
  }

  /** Writes a record whatever was there. */
  async put(key: string, value: string): Promise<void> {
    await this.#opened.put(key, value);
  }

  /** Removes a record that is still at a revision. */
  async remove(key: string, revision: number): Promise<void> {
    await this.#opened.remove(key, revision);
  }

  /** The keys that begin so. */
  async keys(prefix: string): Promise<readonly string[]> {
    return await this.#opened.keys(prefix);
  }

  /** The records whose keys begin so. */
  async list(prefix: string): Promise<ReadonlyMap<string, StoredRecord>> {
    return await this.#opened.list(prefix);
  }

  /** Asks a machine. */
  async ask(node: string, text: string): Promise<string | undefined> {
    return await this.#opened.ask(node, text);
  }

  /** Hears what other machines ask of this one. */
  hear(node: string, handler: NoticeHandler): void {
    this.#heard = { node, handler };
    this.#store?.hear(node, handler);
  }

  /** Lets go of it. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    await this.#store?.close();
  }

  get #opened(): RecordStore {
    if (this.#store === undefined) throw new StoreUnreachable("The store is not open yet");
    return this.#store;
  }

  async #tryOpen(): Promise<void> {
    const store = await this.#open();
    if (this.#isClosed) return await store.close();
    this.#store = store;
    store.onReachable = () => this.onReachable?.();
    if (this.#heard !== undefined) store.hear(this.#heard.node, this.#heard.handler);
  }

  #tryLater(): void {
    if (this.#isClosed) return;
    this.#timer = this.#clock.setTimer(() => {
      this.#tryOpen().then(() => this.onReachable?.(), () => this.#tryLater());
    }, RETRY_MS);
  }
}
