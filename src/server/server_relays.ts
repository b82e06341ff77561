import { type RelayEntry, type RelayOptions, Relays } from "../relay/mod.ts";
import { reasonOf } from "../log/mod.ts";
import { saySame } from "../rules/mod.ts";
import { relaysOfRule } from "./path_rules.ts";
import type { ServerAgent, ServerCore } from "./server_core.ts";
import type { WorkerPool } from "./workers/worker_pool.ts";

/** A relay that the options ask for. */
interface AskedRelay {
  readonly id: number;
  readonly options: RelayOptions;
}

/** The relays of a server, in this thread or in its workers: those that its options ask for, and those that were added. */
export class ServerRelays implements ServerAgent {
  readonly #core: ServerCore;
  readonly #own: Relays;
  readonly #pool: WorkerPool | undefined;
  /** Those that the options ask for, by what makes them one. */
  readonly #asked: Map<string, AskedRelay>;

  /**
   * Makes those of the options, which do nothing yet.
   *
   * @throws as {@linkcode checkRelays} if one is wrong
   */
  constructor(core: ServerCore, pool: WorkerPool | undefined) {
    this.#core = core;
    this.#pool = pool;
    const { shell: { hub, gate, log, clock }, part } = core;
    const asked = relaysOf(core.options);
    this.#own = new Relays(
      {
        hub,
        gate,
        log,
        clock,
        random: Math.random,
        // Where workers serve, this thread forwards what its program publishes, and fetches nothing.
        ...(pool !== undefined ? { seesTo: () => false } : {}),
        ...(part?.seesTo === undefined ? {} : { seesTo: part.seesTo }),
      },
      asked,
    );
    const ids = this.#own.statistics.map(({ id }) => id);
    this.#asked = new Map(
      asked.map((options, index) => [keyOf(options), { id: ids[index]!, options }]),
    );
  }

  /** The state and counts of each. */
  get statistics(): RelayEntry[] {
    return this.#pool?.relays ?? this.#own.statistics;
  }

  /** Those of this thread. */
  get own(): Relays {
    return this.#own;
  }

  /** The same, of this thread alone. */
  get ownStatistics(): RelayEntry[] {
    return this.#own.statistics;
  }

  /** See `Server.addRelay`. */
  add(options: RelayOptions): Promise<number> {
    const relay = withOnLoss(options, this.#core.options);
    return this.#pool?.addRelay(relay) ?? this.#own.add(relay);
  }

  /** See `Server.changeRelay`. */
  change(id: number, options: RelayOptions): Promise<boolean> {
    const relay = withOnLoss(options, this.#core.options);
    return this.#pool?.changeRelay(id, relay) ?? this.#own.change(id, relay);
  }

  /** See `Server.removeRelay`. */
  remove(id: number): Promise<boolean> {
    return this.#pool?.removeRelay(id) ?? this.#own.remove(id);
  }

  /**
   * Makes, changes and ends relays, so that those are there that other options ask for, which were checked. Those that
   * were added stay; one that cannot be had is told of in the log.
   */
  async follow({ relays, paths }: Pick<ServerCore["options"], "relays" | "paths">): Promise<void> {
    const { onLoss } = this.#core.options;
    const wanted = new Map(
      relaysOf({
        ...(relays && { relays }),
        ...(paths && { paths }),
        ...(onLoss && { onLoss }),
      }).map((relay) => [keyOf(relay), relay]),
    );
    for (const [key, { id }] of this.#asked) {
      if (wanted.has(key)) continue;
      this.#asked.delete(key);
      await this.remove(id);
    }
    for (const [key, relay] of wanted) {
      const former = this.#asked.get(key);
      if (former !== undefined && saySame(former.options, relay)) continue;
      try {
        const isThere = former !== undefined && await this.change(former.id, relay);
        const id = isThere ? former.id : await this.add(relay);
        this.#asked.set(key, { id, options: relay });
      } catch (error) {
        this.#core.shell.log.error("a relay of the options cannot be had", {
          mode: relay.mode,
          stream: relay.name,
          reason: reasonOf(error),
        });
      }
    }
  }

  /** Loads what they connect with, where there are any. */
  async open(): Promise<void> {
    if (this.#own.statistics.length > 0) await import("../client/mod.ts");
  }

  /** Starts all. */
  start(): void {
    this.#own.start();
  }

  /** Ends all, in the words of their protocols. */
  async stop(): Promise<void> {
    await this.#own.stop();
  }
}

/** The relays that options of a server ask for, its rules of paths too, with what is said of all of them. */
export function relaysOf(
  options: Pick<ServerCore["options"], "relays" | "paths" | "onLoss">,
): RelayOptions[] {
  const { relays = [], paths = [] } = options;
  return [...relays, ...paths.flatMap(relaysOfRule)].map((relay) => withOnLoss(relay, options));
}

function keyOf({ mode, name, url }: RelayOptions): string {
  return mode === "pull" ? `pull ${name}` : `push ${name} ${url}`;
}

/** A relay that says nothing of losses does as the server does for players. */
function withOnLoss(
  relay: RelayOptions,
  { onLoss }: Pick<ServerCore["options"], "onLoss">,
): RelayOptions {
  return onLoss === undefined ? relay : { onLoss, ...relay };
}
