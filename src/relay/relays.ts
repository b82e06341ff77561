import { addCounts, PatternRelay } from "./pattern_relay.ts";
import { Relay } from "./relay.ts";
import type { RelayContext } from "./relay_context.ts";
import { checkRelay, checkRelays, namedTwice, targetOf } from "./relay_checks.ts";
import { loadClients } from "./relay_driver.ts";
import type { RelayEntry, RelayOptions } from "./relay_options.ts";

/** A relay, as the server keeps it. */
interface Entry {
  readonly id: number;
  options: RelayOptions;
  relay: Relay | PatternRelay;
  target: string;
  /** Its counts from the time when it had other options. */
  readonly past: { attempts: number; bytes: number; units: number; dropped: number };
  /** Settled when what was asked of it before is done. */
  turn: Promise<unknown>;
}

/**
 * The relays of a server. They can be added, changed and removed as long as it runs; a remote server that is
 * left is told so in its protocol's words (RTMP `deleteStream`, RTSP `TEARDOWN`).
 *
 * A relay whose name has `*` is for all streams of that pattern: a pull is started by the first player who
 * wants a stream, and ends `idleMs` after the last has left; a push is started by each publisher. One that
 * names a stream goes before a pattern, and of two patterns the one that was there first.
 *
 * @example
 * ```ts
 * import { Relays } from "@weir/server/server";
 * import { Hub } from "@weir/server/hub";
 *
 * const clock = {
 *   now: () => performance.now(),
 *   setTimer: (callback: () => void, delayMs: number) => {
 *     const id = setTimeout(callback, delayMs);
 *     return { cancel: () => clearTimeout(id) };
 *   },
 * };
 * const hub = new Hub({ clock });
 * const relays = new Relays({ hub, log: console, clock, random: Math.random }, [
 *   { mode: "pull", name: "live/*", url: "rtmp://origin.example/live/*" },
 * ]);
 * relays.start();
 * const url = "rtsp://archive.example/live/cam";
 * const id = await relays.add({ mode: "push", name: "live/cam", url });
 * console.log(relays.statistics.map(({ state }) => state)); // [ "idle", "idle" ]
 * await relays.remove(id);
 * await relays.stop();
 * ```
 */
export class Relays {
  readonly #context: RelayContext;
  readonly #entries = new Map<number, Entry>();
  /** The owners of targets. */
  readonly #targets = new Map<string, Entry>();
  #nextId = 1;
  #state: "new" | "started" | "stopped" = "new";

  /**
   * Makes relays that do nothing yet.
   *
   * @throws {TypeError} as {@linkcode checkRelays}; so are the other errors
   */
  constructor(context: RelayContext, relays: readonly RelayOptions[]) {
    this.#context = context;
    checkRelays(relays);
    for (const options of relays) this.#enter(this.#entry(options));
  }

  /** Statistics of each, in the order in which they were given and added. */
  get statistics(): RelayEntry[] {
    return Array.from(this.#entries.values(), ({ id, relay, past }) => {
      const { statistics } = relay;
      const counts = { ...past };
      addCounts(counts, statistics);
      return { id, ...statistics, ...counts };
    });
  }

  /** Starts all of them. */
  start(): void {
    if (this.#state === "new") this.#state = "started";
    for (const { relay } of this.#entries.values()) relay.start();
  }

  /**
   * Adds a relay, which starts at once where the others have; resolves to its id. The streams that a pattern
   * relays to or from the same target are left to it first.
   *
   * @throws {TypeError} (rejects) if another relay has the target, or the relays are stopped; and as
   * {@linkcode checkRelays}
   */
  async add(options: RelayOptions): Promise<number> {
    const entry = this.#entry(options);
    await loadClients();
    await this.#claim(entry.target, entry);
    this.#enter(entry);
    if (this.#state === "started") entry.relay.start();
    return entry.id;
  }

  /**
   * Gives a relay other options; resolves to false when there is none of that id. Where only times differ,
   * what runs goes on; else it is ended, and begun anew when its connection is closed. Its counts go on.
   *
   * @throws {TypeError} (rejects), and nothing is changed, as `add`
   */
  async change(id: number, options: RelayOptions): Promise<boolean> {
    checkRelay(options);
    return await this.#inTurn(id, async (entry) => {
      if (hasSameConnection(entry.options, options)) {
        entry.options = options;
        entry.relay.retime(options);
        return;
      }
      const target = targetOf(options);
      await this.#claim(target, entry);
      await entry.relay.stop("changed");
      if (target !== entry.target) this.#targets.delete(entry.target);
      addCounts(entry.past, entry.relay.statistics);
      entry.target = target;
      entry.options = options;
      entry.relay = this.#relay(options, entry);
      this.#tellPatterns();
      if (this.#state === "started") entry.relay.start();
      // The server has stopped meanwhile, and waits for what it knew.
      else if (this.#state === "stopped") await entry.relay.stop();
    });
  }

  /** Ends a relay and forgets it, when its connection is closed; resolves to false when there is none of that id. */
  async remove(id: number): Promise<boolean> {
    return await this.#inTurn(id, async (entry) => {
      await entry.relay.stop("removed");
      this.#entries.delete(id);
      this.#targets.delete(entry.target);
      this.#tellPatterns();
    });
  }

  /** Ends all of them; resolves when their connections are closed. */
  async stop(): Promise<void> {
    this.#state = "stopped";
    await Promise.all(Array.from(this.#entries.values(), async (entry) => {
      await entry.relay.stop();
      await entry.turn;
    }));
  }

  #entry(options: RelayOptions): Entry {
    checkRelay(options);
    const past = { attempts: 0, bytes: 0, units: 0, dropped: 0 };
    const entry: Omit<Entry, "relay"> = {
      id: this.#nextId++,
      options,
      target: targetOf(options),
      past,
      turn: Promise.resolve(),
    };
    return Object.assign(entry, { relay: this.#relay(options, entry as Entry) });
  }

  #enter(entry: Entry): void {
    this.#entries.set(entry.id, entry);
    this.#targets.set(entry.target, entry);
  }

  #relay(options: RelayOptions, entry: Entry): Relay | PatternRelay {
    const { driver, pattern } = checkRelay(options);
    if (pattern === undefined) return new Relay(this.#context, options);
    const targets = {
      claim: (target: string) => {
        if (this.#targets.has(target)) return false;
        this.#targets.set(target, entry);
        return true;
      },
      release: (target: string) => void this.#targets.delete(target),
    };
    return new PatternRelay({ ...this.#context, targets }, options, { driver, pattern });
  }

  /** Takes a target; the streams of patterns give way. */
  async #claim(target: string, entry: Entry): Promise<void> {
    for (;;) {
      if (this.#state === "stopped") throw new TypeError("Cannot relay as the relays are stopped");
      const holder = this.#targets.get(target);
      if (holder === undefined || holder === entry) break;
      const { relay } = holder;
      if (holder.target === target || !(relay instanceof PatternRelay)) {
        throw namedTwice(entry.options, entry.relay.statistics);
      }
      await relay.leave(target);
    }
    this.#targets.set(target, entry);
  }

  /** A target may be free now. */
  #tellPatterns(): void {
    for (const { relay } of this.#entries.values()) {
      if (relay instanceof PatternRelay) relay.lookAgain();
    }
  }

  /** Does what is asked of a relay one after the other; false when it is not there any more. */
  async #inTurn(id: number, action: (entry: Entry) => Promise<void>): Promise<boolean> {
    const entry = this.#entries.get(id);
    if (entry === undefined) return false;
    const turn = entry.turn.then(async () => {
      if (!this.#entries.has(id)) return false;
      await action(entry);
      return true;
    });
    entry.turn = turn.catch(() => {});
    return await turn;
  }
}

/** Whether what runs by one set of options is what the other asks for. */
function hasSameConnection(a: RelayOptions, b: RelayOptions): boolean {
  const parts = ({ mode, name, url, transport, backchannel, client }: RelayOptions) =>
    JSON.stringify([mode, name, url, transport ?? "auto", backchannel ?? false, client ?? {}]);
  return parts(a) === parts(b);
}
