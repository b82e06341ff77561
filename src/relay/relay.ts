import { Gate } from "../gate/mod.ts";
import type { Stream } from "../hub/mod.ts";
import { PeerLog, silentLog } from "../log/mod.ts";
import { RelayAccount } from "./relay_account.ts";
import { relayDriver } from "./relay_checks.ts";
import type { RelayContext, RelayEnd, RelayStopReason } from "./relay_context.ts";
import { type RelayDriver, RelayFailure } from "./relay_driver.ts";
import { checkConnectPermission, RelayLegs } from "./relay_legs.ts";
import type { RelayOptions, RelayStatistics } from "./relay_options.ts";
import { RelayVisit } from "./relay_visit.ts";
import { repeat, type Timer } from "../time/mod.ts";
import { DEFAULT_IDLE_MS, isForwarded, isOnDemand, LOOK_MS } from "./relay_way.ts";

/** A player that comes while a pull waits has the next attempt made early; so often at most, milliseconds. */
const EARLY_ATTEMPT_MS = 1000;

/**
 * A pull looks for its source so often that it is noticed within 5 s of its coming. Who takes pushes may
 * ban a publisher whose key is wrong for coming too often.
 */
const DEFAULT_MAX_RETRY_MS = { pull: 5000, push: 30_000 } as const;

/**
 * Relays one stream between this server's hub and another server, and tries again for ever, with waits
 * that grow and vary. There is one connection at most at a time. The scheme of the URL tells the
 * protocol.
 *
 * It passes the server's desk as all do: what a pull fetches is a publisher there, what a push takes a player.
 * One that is kicked comes back after its longest wait.
 *
 * A pull that a local publisher has taken the name from waits until it is free again. A player that comes
 * between two attempts of a pull brings the next forward, to a second behind the last at the earliest.
 *
 * The log tells of each relay that starts ("relay started") why it is over: "relay ended" with a reason, or
 * "relay failed" with the time to the next attempt. Of attempts that fail again and again, the first is told.
 *
 * @example
 * ```ts
 * import { Relay, Server } from "@weir/server/server";
 *
 * await using server = new Server();
 * const clock = {
 *   now: () => performance.now(),
 *   setTimer: (callback: () => void, delayMs: number) => {
 *     const id = setTimeout(callback, delayMs);
 *     return { cancel: () => clearTimeout(id) };
 *   },
 * };
 * const relay = new Relay({ hub: server.hub, log: console, clock, random: Math.random }, {
 *   mode: "pull",
 *   name: "live/door",
 *   url: "rtsp://me:secret@camera.example/door",
 *   on: "demand",
 * });
 * relay.start();
 * console.log(relay.statistics.state, relay.statistics.target); // idle rtsp://camera.example:554
 * await relay.stop();
 * ```
 */
export class Relay {
  readonly #context: RelayContext;
  readonly #gate: Gate;
  readonly #onIdle: (() => void) | undefined;
  #options: RelayOptions;
  readonly #driver: RelayDriver;
  readonly #account: RelayAccount;
  readonly #legs: RelayLegs;
  /** When the newest attempt began, on the clock of the context. */
  #attemptedAtMs = -Infinity;
  /** Whether a player has come since. */
  #isAwaited = false;
  readonly #stop = new AbortController();
  #stopReason: RelayStopReason = "stopped";
  #running: Promise<void> | undefined;
  #wake: (() => void) | undefined;

  /**
   * Makes a relay that does nothing yet. `onIdle` is called each time that there is nothing to relay. Name and
   * URL are those of one stream: a `*` in them is nothing special here, patterns are for {@linkcode Relays}.
   *
   * @throws {TypeError} if the URL is of no known scheme, or UDP is asked for over TLS
   * @throws {HubError} `bad-name` when the name cannot be a stream's
   * @throws {RtmpError} `url` when a URL of RTMP cannot be parsed
   * @throws {RtspError} `malformed-url` when a URL of RTSP cannot be parsed
   * @throws {RangeError} if a number among the options is not positive
   */
  constructor(context: RelayContext & { readonly onIdle?: () => void }, options: RelayOptions) {
    this.#driver = relayDriver(options);
    this.#context = context;
    this.#gate = context.gate ?? unseenGate(context);
    this.#onIdle = context.onIdle;
    this.#options = options;
    const fields = (): Record<string, unknown> => {
      const { mode, name } = this.#options;
      return { mode, stream: name, target: this.#driver.target };
    };
    const { secrets } = this.#driver;
    const account = this.#account = new RelayAccount({ log: context.log, fields, secrets });
    this.#legs = new RelayLegs({
      context,
      driver: this.#driver,
      account,
      options: () => this.#options,
      stop: this.#stop.signal,
      whyOver: (end) => this.#whyOver(end),
      fields,
      enter: () => this.#enter(),
    });
  }

  /** Statistics of now. */
  get statistics(): RelayStatistics {
    const { mode, name } = this.#options;
    return { mode, name, target: this.#driver.target, ...this.#account.counts };
  }

  /** Starts to relay; does nothing when it has started. */
  start(): void {
    this.#running ??= this.#run();
  }

  /**
   * Has other times from now on, whatever runs; all else must be as it is.
   *
   * @throws {RangeError} if a number among the options is not positive
   */
  retime(options: RelayOptions): void {
    relayDriver(options);
    this.#options = options;
    this.#wake?.();
  }

  /** Ends the relay, for the reason that the log tells; resolves when its connection is closed. */
  async stop(reason: RelayStopReason = "stopped"): Promise<void> {
    if (!this.#stop.signal.aborted) this.#stopReason = reason;
    this.#stop.abort(new RelayFailure("The relay was stopped"));
    this.#wake?.();
    await this.#running;
    this.#account.state = "stopped";
  }

  async #run(): Promise<void> {
    const { hub } = this.#context;
    const wake = (stream: Stream): void => {
      if (stream.name === this.#options.name) this.#wake?.();
    };
    const unobserve = hub.observe({
      onStreamStart: wake,
      onStreamEnd: wake,
      onStreamWanted: (stream) => {
        if (stream.name === this.#options.name) this.#isAwaited = true;
        wake(stream);
      },
    });
    try {
      while (!this.#stop.signal.aborted) {
        if (this.#isNeeded) await this.#attempt();
        else {
          this.#account.state = "idle";
          this.#onIdle?.();
          await this.#pause();
        }
      }
    } finally {
      unobserve();
    }
  }

  /** Whether there is something to relay, as far as this side knows. */
  get #isNeeded(): boolean {
    const { mode, name } = this.#options;
    const stream = this.#context.hub.get(name);
    if (mode === "push") return stream !== undefined && isForwarded(stream);
    if (stream?.publisher !== undefined || this.#context.seesTo?.(name) === false) return false;
    return !isOnDemand(this.#options) || stream?.isWanted === true;
  }

  /** Resolves when something has happened to the stream, or after `ms`. */
  async #pause(ms?: number): Promise<void> {
    if (this.#stop.signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    const timer = ms === undefined ? undefined : this.#context.clock.setTimer(resolve, ms);
    await promise;
    timer?.cancel();
    this.#wake = undefined;
  }

  async #attempt(): Promise<void> {
    this.#account.state = "connecting";
    this.#account.attempts++;
    this.#attemptedAtMs = this.#context.clock.now();
    this.#isAwaited = false;
    let waitMs: number;
    try {
      const end = await this.#relay();
      if (end !== "remote-ended" && end !== "kicked" || this.#stop.signal.aborted) {
        return this.#ended(end);
      }
      waitMs = this.#nextWaitMs(end === "kicked");
      this.#ended(end, waitMs);
    } catch (error) {
      if (this.#stop.signal.aborted) return this.#ended("stopped");
      this.#account.noteFailure();
      waitMs = this.#nextWaitMs();
      this.#account.failed(error, waitMs);
    }
    this.#account.state = "waiting";
    await this.#sleep(waitMs);
  }

  /** How long to wait, milliseconds: after as many failures as there were, or when it was sent away. */
  #nextWaitMs(isKicked = false): number {
    const { mode, retryMs = 500, maxRetryMs = DEFAULT_MAX_RETRY_MS[mode] } = this.#options;
    const doubled = retryMs * 2 ** Math.min(Math.max(0, this.#account.failures - 1), 30);
    const ms = isKicked ? maxRetryMs : Math.min(maxRetryMs, doubled);
    return ms * (0.5 + this.#context.random() / 2);
  }

  /** Connects and relays; returns why that is over. */
  async #relay(): Promise<RelayEnd> {
    checkConnectPermission(this.#driver.address);
    const unwatched = new AbortController();
    const signal = AbortSignal.any([this.#stop.signal, unwatched.signal]);
    const timer = this.#giveUpUnwatched(unwatched);
    try {
      return await this.#legs.follow(await this.#driver.connect(signal), signal);
    } catch (error) {
      if (unwatched.signal.aborted) return "unwatched";
      throw error;
    } finally {
      timer?.cancel();
    }
  }

  /**
   * Gives a pull on demand up that has not begun when nobody has watched for its time: a server that waits for
   * the stream itself may answer late.
   */
  #giveUpUnwatched(unwatched: AbortController): Timer | undefined {
    const { clock, hub } = this.#context;
    if (!isOnDemand(this.#options)) return undefined;
    let wantedAt = clock.now();
    const look = (): boolean => {
      const { name, idleMs = DEFAULT_IDLE_MS } = this.#options;
      if (this.#account.hasStarted) return false;
      const now = clock.now();
      if (!isOnDemand(this.#options) || hub.get(name)?.isWanted === true) wantedAt = now;
      if (now - wantedAt < idleMs) return true;
      unwatched.abort();
      return false;
    };
    return repeat(look, { clock, ms: LOOK_MS });
  }

  /** Waits for `ms`, unless the relay is stopped, or a player comes for whom a pull is tried earlier. */
  async #sleep(ms: number): Promise<void> {
    const { clock } = this.#context;
    const end = clock.now() + ms;
    while (!this.#stop.signal.aborted) {
      const isEarly = this.#isAwaited && this.#options.mode === "pull";
      const early = isEarly ? this.#attemptedAtMs + EARLY_ATTEMPT_MS : end;
      const left = Math.min(end, early) - clock.now();
      if (left <= 0) return;
      await this.#pause(left);
    }
  }

  /** Says why a relay is over, and when it is tried again. */
  #ended(end: RelayEnd, waitMs?: number): void {
    this.#account.ended(this.#whyOver(end), waitMs);
  }

  /** What is over because the relay is ended from here is over for that reason. */
  #whyOver(end: RelayEnd): RelayEnd {
    return this.#stop.signal.aborted ? this.#stopReason : end;
  }

  async #enter(): Promise<RelayVisit> {
    const { protocol } = this.#driver;
    return await RelayVisit.enter(this.#gate, { protocol, name: this.#options.name });
  }
}

/** A desk for a relay that is no server's: it is let in, and nobody hears of it. */
function unseenGate({ hub, clock }: RelayContext): Gate {
  return new Gate({ hub, clock, log: silentLog, peers: new PeerLog(silentLog, clock) });
}
