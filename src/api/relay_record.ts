import type { ServerLog } from "../log/mod.ts";
import type { RelayOptions } from "../relay/mod.ts";
import type { ApiSource, ApiState } from "./api_source.ts";

/** What the state has, as JSON. */
interface KeptState {
  readonly version: 1;
  readonly relays: readonly RelayOptions[];
}

/** The relays that were made by the API, which survive a restart where there is a state to keep them in. */
export class RelayRecord {
  readonly #source: ApiSource;
  readonly #state: ApiState | undefined;
  readonly #log: ServerLog;
  readonly #made = new Map<number, RelayOptions>();
  /** One after the other, so that the newest is what stays. */
  #saving: Promise<void> = Promise.resolve();

  /** Relays of `source`, kept in `state`. */
  constructor(
    source: ApiSource,
    { state, log }: { readonly state: ApiState | undefined; readonly log: ServerLog },
  ) {
    this.#source = source;
    this.#state = state;
    this.#log = log;
  }

  /** Makes the relays again that were kept. What cannot be read is told, and left as it is until the next change. */
  async restore(): Promise<void> {
    try {
      const text = await this.#state?.load();
      if (text === undefined || text.trim() === "") return;
      const { version, relays } = JSON.parse(text) as KeptState;
      if (version !== 1 || !Array.isArray(relays)) throw new TypeError("it is of another version");
      for (const options of relays) {
        this.#made.set(await this.#source.addRelay(options), options);
      }
    } catch (error) {
      this.#log.error("the state of the API cannot be used", { reason: reasonOf(error) });
    }
  }

  /** Makes a relay. */
  async add(options: RelayOptions): Promise<number> {
    const id = await this.#source.addRelay(options);
    this.#made.set(id, options);
    await this.#save();
    return id;
  }

  /** Changes a relay, made here or not; one of the configuration is as that says again after a restart. */
  async change(id: number, options: RelayOptions): Promise<boolean> {
    const isThere = await this.#source.changeRelay(id, options);
    if (isThere && this.#made.has(id)) {
      this.#made.set(id, options);
      await this.#save();
    }
    return isThere;
  }

  /** Removes a relay; one of the configuration comes again with a restart. */
  async remove(id: number): Promise<boolean> {
    const isThere = await this.#source.removeRelay(id);
    if (this.#made.delete(id)) await this.#save();
    return isThere;
  }

  /** A change stands although it cannot be kept: that is told in the log. */
  #save(): Promise<void> {
    const state = this.#state;
    if (state === undefined) return Promise.resolve();
    const kept: KeptState = { version: 1, relays: [...this.#made.values()] };
    const text = `${JSON.stringify(kept, undefined, 2)}\n`;
    this.#saving = this.#saving.then(() => state.save(text)).catch((error) =>
      this.#log.error("the state of the API cannot be kept", { reason: reasonOf(error) })
    );
    return this.#saving;
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
