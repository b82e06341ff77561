import type { Stream } from "../hub/mod.ts";
import { PeerLog, type ServerLog } from "../log/mod.ts";
import { Relay } from "./relay.ts";
import type { RelayContext, RelayStopReason } from "./relay_context.ts";
import { isForwarded } from "./relay_way.ts";
import { type CheckedRelay, targetOf } from "./relay_checks.ts";
import type { RelayOptions, RelayState, RelayStatistics } from "./relay_options.ts";
import type { RelayPattern } from "./relay_pattern.ts";

/** What a pattern's relays share with the others of a server: each target is one relay's. */
export interface RelayTargets {
  /** Takes a target; false when another has it. */
  claim(target: string): boolean;
  /** Gives it back. */
  release(target: string): void;
}

/** Streams of a pattern at one time. */
const DEFAULT_MAX_STREAMS = 100;

/** States of a pattern's relays, the one first that tells most of the pattern. */
const STATES: readonly RelayState[] = ["running", "connecting", "waiting", "idle"];

/**
 * The relays of a pattern: one for each stream that is wanted, or published, and that the pattern is for, as
 * long as that is so.
 */
export class PatternRelay {
  readonly #context: RelayContext;
  readonly #targets: RelayTargets;
  readonly #pattern: RelayPattern;
  readonly #target: string;
  /** Names come from players, who may ask for any: their lines are bounded. */
  readonly #peers: PeerLog;
  readonly #log: ServerLog;
  readonly #relays = new Map<string, { readonly relay: Relay; readonly target: string }>();
  readonly #past = { attempts: 0, bytes: 0, units: 0, dropped: 0 };
  #options: RelayOptions;
  #unobserve: (() => void) | undefined;
  #lastError: string | undefined;
  #isFull = false;
  #isStopped = false;

  /** Made of options that are checked. */
  constructor(
    context: RelayContext & { readonly targets: RelayTargets },
    options: RelayOptions,
    { driver, pattern }: CheckedRelay & { readonly pattern: RelayPattern },
  ) {
    this.#context = context;
    this.#targets = context.targets;
    this.#options = options;
    this.#pattern = pattern;
    this.#target = driver.target;
    this.#peers = new PeerLog(context.log, context.clock);
    this.#log = this.#peers.of(driver.target);
  }

  /** The state and the counts of all its relays together. */
  get statistics(): RelayStatistics & { readonly streams: readonly RelayStatistics[] } {
    const { mode, name } = this.#options;
    const streams = Array.from(this.#relays.values(), ({ relay }) => relay.statistics);
    const sum = { ...this.#past };
    for (const statistics of streams) addCounts(sum, statistics);
    return {
      mode,
      name,
      target: this.#target,
      state: this.#isStopped
        ? "stopped"
        : STATES.find((state) => streams.some((stream) => stream.state === state)) ?? "idle",
      failures: streams.reduce((failures, stream) => failures + stream.failures, 0),
      lastError: streams.findLast(({ lastError }) => lastError !== undefined)?.lastError ??
        this.#lastError,
      ...sum,
      streams,
    };
  }

  /** Starts to look which streams there are; does nothing when it has started. */
  start(): void {
    if (this.#unobserve !== undefined || this.#isStopped) return;
    const { hub, log } = this.#context;
    const look = (stream: Stream): void => this.#look(stream);
    this.#unobserve = hub.observe(
      this.#options.mode === "pull" ? { onStreamWanted: look } : { onStreamStart: look },
    );
    const { mode, name } = this.#options;
    log.info("relay by pattern is ready", {
      mode,
      stream: name,
      target: this.#target,
      on: mode === "pull" ? "a player's demand" : "a publisher's start",
    });
    this.lookAgain();
  }

  /** Has other times from now on, for those that run too. */
  retime(options: RelayOptions): void {
    this.#options = options;
    for (const [name, { relay }] of this.#relays) {
      const url = this.#pattern.urlOf(name)!;
      relay.retime({ ...options, ...this.#demand, name, url });
    }
    this.lookAgain();
  }

  /** Looks which streams there are that nobody relays: some may have been another relay's until now. */
  lookAgain(): void {
    this.#isFull = false;
    if (this.#unobserve === undefined) return;
    for (const stream of this.#context.hub.streams) this.#look(stream);
  }

  /** Leaves a target to another relay; resolves when its connection is closed. */
  async leave(target: string): Promise<void> {
    for (const [name, { relay, target: own }] of this.#relays) {
      if (own === target) await this.#end(name, relay, { reason: "changed", isLeft: true });
    }
  }

  /** Ends all its relays; resolves when their connections are closed. */
  async stop(reason?: RelayStopReason): Promise<void> {
    this.#isStopped = true;
    this.#unobserve?.();
    await Promise.all(
      Array.from(this.#relays, ([name, { relay }]) => this.#end(name, relay, { reason })),
    );
    this.#peers.flush();
  }

  /** A pull of a pattern is one on demand. */
  get #demand(): Pick<RelayOptions, "on"> {
    return this.#options.mode === "pull" ? { on: "demand" } : {};
  }

  /** Starts to relay a stream, where it is one of the pattern and nobody else relays it. */
  #look(stream: Stream): void {
    const { name } = stream;
    const { mode, maxStreams = DEFAULT_MAX_STREAMS } = this.#options;
    const isNeeded = mode === "push"
      ? isForwarded(stream)
      : stream.isWanted && stream.publisher === undefined;
    if (!isNeeded || this.#isStopped || this.#relays.has(name)) return;
    if (mode === "pull" && this.#context.seesTo?.(name) === false) return;
    const url = this.#pattern.urlOf(name);
    if (url === undefined) return;
    if (this.#relays.size >= maxStreams) return this.#tellFull(maxStreams);
    const options = { ...this.#options, ...this.#demand, name, url };
    const target = targetOf(options);
    if (!this.#targets.claim(target)) return;
    const relay: Relay = new Relay({
      ...this.#context,
      log: this.#log,
      onIdle: () => void this.#end(name, relay),
    }, options);
    this.#relays.set(name, { relay, target });
    relay.start();
  }

  #tellFull(maxStreams: number): void {
    if (this.#isFull) return;
    this.#isFull = true;
    const { mode, name } = this.#options;
    this.#log.warn("relay by pattern is full, and leaves further streams alone", {
      mode,
      stream: name,
      target: this.#target,
      maxStreams,
    });
  }

  async #end(
    name: string,
    relay: Relay,
    { reason, isLeft = false }: {
      readonly reason?: RelayStopReason | undefined;
      readonly isLeft?: boolean;
    } = {},
  ): Promise<void> {
    await relay.stop(reason);
    const entry = this.#relays.get(name);
    if (entry?.relay !== relay) return;
    this.#relays.delete(name);
    this.#targets.release(entry.target);
    addCounts(this.#past, relay.statistics);
    this.#lastError = relay.statistics.lastError ?? this.#lastError;
    const stream = this.#context.hub.get(name);
    // Something may have come while the connection was closed.
    if (stream !== undefined && !isLeft) this.#look(stream);
    if (this.#isFull) this.lookAgain();
  }
}

type RelayCounts = Pick<RelayStatistics, "attempts" | "bytes" | "units" | "dropped">;

/** Adds what a relay has done. */
export function addCounts(
  sum: { -readonly [name in keyof RelayCounts]: number },
  { attempts, bytes, units, dropped }: RelayCounts,
): void {
  sum.attempts += attempts;
  sum.bytes += bytes;
  sum.units += units;
  sum.dropped += dropped;
}
