import { reasonOf, type ServerLog } from "../log/mod.ts";
import type { RelayOptions } from "../relay/mod.ts";
import { ServerError } from "../transport/mod.ts";
import type { ApiSource, ApiState } from "./api_source.ts";
import type { PathRuleOptions } from "./api_types.ts";
import { pathRuleOfJson, pathRuleToJson } from "./path_rule_json.ts";

/** What the state has, as JSON. */
interface KeptState {
  readonly version: 1;
  readonly relays: readonly RelayOptions[];
  readonly paths?: readonly unknown[];
}

/** What was made by the API, which survives a restart where there is a state to keep it in: relays and rules of paths. */
export class ApiRecord {
  readonly #source: ApiSource;
  readonly #state: ApiState | undefined;
  readonly #log: ServerLog;
  readonly #relays = new Map<number, RelayOptions>();
  readonly #paths = new Map<string, PathRuleOptions>();
  /** Relays of the state that were not made again yet. */
  #kept: readonly RelayOptions[] = [];
  /** One after the other, so that the newest is what stays. */
  #saving: Promise<void> = Promise.resolve();

  /** What is made of `source`, kept in `state`. */
  constructor(
    source: ApiSource,
    { state, log }: { readonly state: ApiState | undefined; readonly log: ServerLog },
  ) {
    this.#source = source;
    this.#state = state;
    this.#log = log;
  }

  /**
   * Sets the rules of paths again that were kept; to be called before anybody is let in, as they say who may be.
   *
   * @throws {ServerError} `state` (rejects) if what was kept cannot be read, so that nobody knows who may
   */
  async open(): Promise<void> {
    try {
      const text = await this.#state?.load();
      if (text === undefined || text.trim() === "") return;
      const { version, relays, paths = [] } = JSON.parse(text) as KeptState;
      if (version !== 1 || !Array.isArray(relays) || !Array.isArray(paths)) {
        throw new TypeError("it is of another version");
      }
      this.#kept = relays;
      for (const rule of paths.map(pathRuleOfJson)) {
        await this.#source.setPath(rule);
        this.#paths.set(rule.pattern, rule);
      }
    } catch (cause) {
      throw new ServerError(
        "state",
        `Cannot use the state that the API has kept, which may say who is let in: ${
          reasonOf(cause)
        }; repair it, or remove it`,
        { cause },
      );
    }
  }

  /** Makes the relays again that were kept. One that cannot be had any more is told of, and left out. */
  async start(): Promise<void> {
    for (const options of this.#kept) {
      try {
        this.#relays.set(await this.#source.addRelay(options), options);
      } catch (error) {
        this.#log.error("a relay that the API has made cannot be had again", {
          mode: options.mode,
          stream: options.name,
          reason: reasonOf(error),
        });
      }
    }
    this.#kept = [];
  }

  /** Makes a relay. */
  async addRelay(options: RelayOptions): Promise<number> {
    const id = await this.#source.addRelay(options);
    this.#relays.set(id, options);
    await this.#save();
    return id;
  }

  /** Changes a relay, made here or not; one of the configuration is as that says again after a restart. */
  async changeRelay(id: number, options: RelayOptions): Promise<boolean> {
    const isThere = await this.#source.changeRelay(id, options);
    if (isThere && this.#relays.has(id)) {
      this.#relays.set(id, options);
      await this.#save();
    }
    return isThere;
  }

  /** Removes a relay; one of the configuration comes again with a restart. */
  async removeRelay(id: number): Promise<boolean> {
    const isThere = await this.#source.removeRelay(id);
    if (this.#relays.delete(id)) await this.#save();
    return isThere;
  }

  /** Whether a rule of paths was made here. */
  hasPath(pattern: string): boolean {
    return this.#paths.has(pattern);
  }

  /** Sets a rule of paths; it takes the place of one of the configuration. */
  async setPath(rule: PathRuleOptions): Promise<void> {
    await this.#source.setPath(rule);
    this.#paths.set(rule.pattern, rule);
    await this.#save();
  }

  /** Removes a rule of paths that was made here; one of the configuration holds again. */
  async removePath(pattern: string): Promise<boolean> {
    const isThere = await this.#source.removePath(pattern);
    if (this.#paths.delete(pattern)) await this.#save();
    return isThere;
  }

  /** A change stands although it cannot be kept: that is told in the log. */
  #save(): Promise<void> {
    const state = this.#state;
    if (state === undefined) return Promise.resolve();
    const kept: KeptState = {
      version: 1,
      relays: [...this.#relays.values()],
      paths: Array.from(this.#paths.values(), pathRuleToJson),
    };
    const text = `${JSON.stringify(kept, undefined, 2)}\n`;
    this.#saving = this.#saving.then(() => state.save(text)).catch((error) =>
      this.#log.error("the state of the API cannot be kept", { reason: reasonOf(error) })
    );
    return this.#saving;
  }
}
