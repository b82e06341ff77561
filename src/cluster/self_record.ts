import type { Clock } from "../hub/mod.ts";
import type { ServerLog } from "../log/mod.ts";
import { nodeKey } from "./record_keys.ts";
import type { RecordStore } from "./record_store.ts";
import type { NodeRecord } from "./shared_records.ts";

/** A machine tells of itself so often, milliseconds: a third of what its record lasts. */
export const BEAT_MS = 2000;

/** A machine that could tell of nothing for so long may have been taken for dead, milliseconds. */
const MISSED_MS = 3 * BEAT_MS;

/** That another machine has the same name is said so often at most, milliseconds. */
const TWIN_AGAIN_MS = 60_000;

/** What a {@linkcode SelfRecord} needs. */
export interface SelfRecordOptions {
  /** Where machines keep what they share. */
  readonly store: RecordStore;
  /** What this machine tells of itself now. */
  readonly self: () => NodeRecord;
  /** Time. */
  readonly clock: Pick<Clock, "now">;
  /** The log for lines about the server. */
  readonly log: ServerLog;
}

/** The record by which other machines know this one. */
export class SelfRecord {
  readonly #options: SelfRecordOptions;
  /** The revision of what this machine has told of itself last. */
  #revision: number | undefined;
  #saidTwinMs = -Infinity;
  #toldMs = -Infinity;

  /** Has told nothing yet. */
  constructor(options: SelfRecordOptions) {
    this.#options = options;
  }

  /** Tells of this machine: `late` where it has been silent for so long that it may have been taken for dead. */
  async tell(): Promise<"in time" | "late"> {
    const { store, self, clock } = this.#options;
    const record = self();
    const key = nodeKey(record.node);
    const text = JSON.stringify(record);
    this.#revision = await this.#change(key, text) ?? await this.#overwrite(key, record);
    if (this.#revision === undefined) await store.put(key, text);
    const nowMs = clock.now();
    const isLate = nowMs - this.#toldMs >= MISSED_MS;
    this.#toldMs = nowMs;
    return isLate ? "late" : "in time";
  }

  /** Changes the record of this machine, where it is the one that was written last. */
  async #change(key: string, text: string): Promise<number | undefined> {
    const revision = this.#revision;
    return revision === undefined
      ? undefined
      : await this.#options.store.update(key, text, revision);
  }

  /** Writes it over what is there: of a former start, or of another machine by the same name. */
  async #overwrite(key: string, record: NodeRecord): Promise<number | undefined> {
    const { store, log, clock } = this.#options;
    const there = await store.get(key);
    const text = JSON.stringify(record);
    if (there === undefined) return await store.create(key, text);
    const { run, url } = JSON.parse(there.value) as NodeRecord;
    const nowMs = clock.now();
    const isTwin = run !== record.run && this.#revision !== undefined;
    if (isTwin && nowMs - this.#saidTwinMs >= TWIN_AGAIN_MS) {
      this.#saidTwinMs = nowMs;
      log.error("another machine has the name of this one: give each its own as cluster.node", {
        node: record.node,
        url,
      });
    }
    return await store.update(key, text, there.revision);
  }
}
