import { reasonOf } from "../log/mod.ts";
import {
  type KeyValueBucket as KV,
  loadNats,
  type NatsConnection,
  type NatsPackages,
} from "./nats_package.ts";
import {
  type NoticeHandler,
  type RecordStore,
  type StoredRecord,
  StoreUnreachable,
} from "./record_store.ts";

/** Where records are kept. */
export interface NatsStoreOptions {
  /** NATS servers: `127.0.0.1:4222`, `tls://nats.example`. */
  readonly servers: readonly string[];
  /** What the names of buckets and subjects begin with, so that several clusters can share a server. */
  readonly prefix: string;
  /** A token that the servers ask for. */
  readonly token?: string | undefined;
}

/** A machine that has told nothing for so long is gone, milliseconds. */
const NODE_TTL_MS = 6000;

/** What nobody has told of a stream for so long is forgotten, milliseconds: its machine never came back. */
const STREAM_TTL_MS = 60 * 60_000;

/** How long the store may take for one thing, milliseconds. */
const TIMEOUT_MS = 1500;

/** How long a machine may take to answer another, milliseconds. */
const ASK_MS = 700;

/** JetStream's code for a revision that is not the newest. */
const WRONG_REVISION = 10_071;

/** JetStream's codes for a bucket that another machine has made meanwhile; and how often it is tried again then. */
const NAME_IN_USE = 10_058;
const SUBJECTS_OVERLAP = 10_065;
const MOST_TRIES = 5;

/** Records in a NATS server's key-value buckets (JetStream). */
export class NatsStore implements RecordStore {
  /** Whether it can be reached, as far as is known. */
  isReachable = true;
  /** Is called each time that it can be reached again. */
  onReachable: (() => void) | undefined;
  readonly #options: NatsStoreOptions;
  readonly #nats: NatsPackages;
  readonly #connection: NatsConnection;
  #buckets: Promise<{ readonly nodes: KV; readonly streams: KV }> | undefined;

  private constructor(
    options: NatsStoreOptions,
    { nats, connection }: {
      readonly nats: NatsPackages;
      readonly connection: NatsConnection;
    },
  ) {
    this.#options = options;
    this.#nats = nats;
    this.#connection = connection;
    void this.#watchConnection();
  }

  /** Connects, and goes on trying for ever when that fails, or the connection is lost. */
  static async open(options: NatsStoreOptions): Promise<NatsStore> {
    const { servers, token } = options;
    const nats = await loadNats();
    const connection = await nats.connect({
      servers: [...servers],
      ...(token === undefined ? {} : { token }),
      maxReconnectAttempts: -1,
      reconnectTimeWait: 500,
      timeout: TIMEOUT_MS,
      pingInterval: 2000,
      maxPingOut: 2,
    });
    const store = new NatsStore(options, { nats, connection });
    await store.#open();
    return store;
  }

  /** Reads a record. */
  async get(key: string): Promise<StoredRecord | undefined> {
    return await this.#reach(async (bucket) => {
      const entry = await bucket.get(key);
      if (entry === null || entry.operation !== "PUT") return undefined;
      return { value: entry.string(), revision: entry.revision };
    }, key);
  }

  /** Makes a record where there is none. */
  async create(key: string, value: string): Promise<number | undefined> {
    return await this.#unlessOther((bucket) => bucket.create(key, value), key);
  }

  /** Changes a record that is still at a revision. */
  async update(key: string, value: string, revision: number): Promise<number | undefined> {
    return await this.#unlessOther((bucket) => bucket.update(key, value, revision), key);
  }

  /** Writes a record whatever was there. */
  async put(key: string, value: string): Promise<void> {
    await this.#reach((bucket) => bucket.put(key, value), key);
  }

  /** Removes a record that is still at a revision. */
  async remove(key: string, revision: number): Promise<void> {
    await this.#unlessOther((bucket) => bucket.delete(key, { previousSeq: revision }), key);
  }

  /** The keys that begin so. */
  async keys(prefix: string): Promise<readonly string[]> {
    return await this.#reach(
      async (bucket) => await Array.fromAsync(await bucket.keys(`${prefix}*`)),
      prefix,
    );
  }

  /** The records whose keys begin so; they are asked for together, since each takes a way there and back. */
  async list(prefix: string): Promise<ReadonlyMap<string, StoredRecord>> {
    const keys = await this.keys(prefix);
    const records = new Map<string, StoredRecord>();
    await Promise.all(keys.map(async (key) => {
      const stored = await this.get(key);
      if (stored !== undefined) records.set(key, stored);
    }));
    return records;
  }

  /** Asks a machine. */
  async ask(node: string, text: string): Promise<string | undefined> {
    if (!this.isReachable) throw new StoreUnreachable("The NATS servers cannot be reached");
    try {
      const answer = await this.#connection.request(this.#subject(node), text, { timeout: ASK_MS });
      return answer.string() || undefined;
    } catch {
      // Nobody hears there.
      return undefined;
    }
  }

  /** Hears what other machines ask of this one. */
  hear(node: string, handler: NoticeHandler): void {
    this.#connection.subscribe(this.#subject(node), {
      callback: (error, message) => {
        if (error === null) message.respond(handler(message.string()) ?? "");
      },
    });
  }

  /** Lets go of it. */
  async close(): Promise<void> {
    await this.#connection.close();
  }

  #subject(node: string): string {
    return `${this.#options.prefix}.${new TextEncoder().encode(node).toHex()}`;
  }

  async #open(): Promise<{ readonly nodes: KV; readonly streams: KV }> {
    this.#buckets ??= this.#openBuckets();
    try {
      return await this.#buckets;
    } catch (error) {
      this.#buckets = undefined;
      throw error;
    }
  }

  async #openBuckets(): Promise<{ readonly nodes: KV; readonly streams: KV }> {
    const { prefix } = this.#options;
    const { Kvm, jetstream } = this.#nats;
    const buckets = new Kvm(jetstream(this.#connection, { timeout: TIMEOUT_MS }));
    const [nodes, streams] = await Promise.all([
      this.#openBucket(() => buckets.create(`${prefix}-nodes`, { ttl: NODE_TTL_MS, history: 1 })),
      this.#openBucket(() =>
        buckets.create(`${prefix}-claims`, { ttl: STREAM_TTL_MS, history: 1 })
      ),
    ]);
    return { nodes, streams };
  }

  /** Of machines that begin at once, one makes the bucket: to the others the server says that there is one already. */
  async #openBucket(open: () => Promise<KV>): Promise<KV> {
    for (let tries = 1;; tries++) {
      try {
        return await open();
      } catch (error) {
        const isRace = error instanceof this.#nats.JetStreamApiError &&
          (error.code === NAME_IN_USE || error.code === SUBJECTS_OVERLAP);
        if (!isRace || tries >= MOST_TRIES) throw error;
      }
    }
  }

  /** Does something, and says of what fails that the store is away. */
  async #reach<T>(act: (bucket: KV) => Promise<T>, key: string): Promise<T> {
    if (!this.isReachable) throw new StoreUnreachable("The NATS servers cannot be reached");
    try {
      const { nodes, streams } = await this.#open();
      return await act(key.startsWith("node.") ? nodes : streams);
    } catch (error) {
      if (this.#isWrongRevision(error)) throw error;
      const why = reasonOf(error);
      throw new StoreUnreachable(`The NATS servers cannot be reached: ${why}`, { cause: error });
    }
  }

  async #unlessOther<T>(act: (bucket: KV) => Promise<T>, key: string): Promise<T | undefined> {
    try {
      return await this.#reach(act, key);
    } catch (error) {
      if (this.#isWrongRevision(error)) return undefined;
      throw error;
    }
  }

  #isWrongRevision(error: unknown): boolean {
    return error instanceof this.#nats.JetStreamApiError && error.code === WRONG_REVISION;
  }

  async #watchConnection(): Promise<void> {
    for await (const { type } of this.#connection.status()) {
      if (type === "disconnect" || type === "staleConnection") this.isReachable = false;
      else if (type === "reconnect") {
        this.isReachable = true;
        this.onReachable?.();
      }
    }
  }
}
