import { type RelayEntry, type RelayOptions, Relays } from "../relay/mod.ts";
import type { ServerAgent, ServerCore } from "./server_core.ts";
import type { WorkerPool } from "./workers/worker_pool.ts";

/** The relays of a server, in this thread or in its workers. */
export class ServerRelays implements ServerAgent {
  readonly #core: ServerCore;
  readonly #own: Relays;
  readonly #pool: WorkerPool | undefined;

  /**
   * Makes those of the options, which do nothing yet.
   *
   * @throws as {@linkcode checkRelays} if one is wrong
   */
  constructor(core: ServerCore, pool: WorkerPool | undefined) {
    this.#core = core;
    this.#pool = pool;
    const { shell: { hub, gate, log, clock }, part } = core;
    this.#own = new Relays(
      {
        hub,
        gate,
        log,
        clock,
        random: Math.random,
        ...(part?.seesTo === undefined ? {} : { seesTo: part.seesTo }),
      },
      pool === undefined ? relaysOf(core.options) : [],
    );
  }

  /** The state and counts of each. */
  get statistics(): RelayEntry[] {
    return this.#pool?.relays ?? this.#own.statistics;
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

/** The relays among the options of a server, with what is said of all of them. */
export function relaysOf(
  options: Pick<ServerCore["options"], "relays" | "onLoss">,
): RelayOptions[] {
  return (options.relays ?? []).map((relay) => withOnLoss(relay, options));
}

/** A relay that says nothing of losses does as the server does for players. */
function withOnLoss(
  relay: RelayOptions,
  { onLoss }: Pick<ServerCore["options"], "onLoss">,
): RelayOptions {
  return onLoss === undefined ? relay : { onLoss, ...relay };
}
