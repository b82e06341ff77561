import {
  checkStreamName,
  type Clock,
  type Hub,
  HubError,
  type Stream,
  unitBytes,
} from "../hub/mod.ts";
import type { MediaUnit } from "../media/mod.ts";
import { RtmpError } from "../rtmp/mod.ts";
import { RtspError } from "../rtsp/mod.ts";
import { hasNetPermission, permissionHost } from "../transport/mod.ts";
import type { ServerLog } from "../log/mod.ts";
import { type RelayConnection, type RelayDriver, RelayFailure } from "./relay_driver.ts";
import type { RelayOptions, RelayState, RelayStatistics } from "./relay_options.ts";
import { RelayQueue } from "./relay_queue.ts";
import { rtmpRelayDriver } from "./rtmp_relay.ts";
import { rtspRelayDriver } from "./rtsp_relay.ts";

/** What relays need of their server. */
export interface RelayContext {
  /** Where the local streams are. */
  readonly hub: Hub;
  /** Where it says how it does. */
  readonly log: ServerLog;
  /** Time and timers. */
  readonly clock: Clock;
  /** A number of 0 to 1, for the waits: `Math.random`. */
  readonly random: () => number;
}

/** How often a running relay looks whether it is still needed, milliseconds. */
const LOOK_MS = 250;

/** A player that comes while a pull waits has the next attempt made early; so often at most, milliseconds. */
const EARLY_ATTEMPT_MS = 1000;

/** Why a relay that had started is over, where nothing has failed. */
type RelayEnd =
  /** Nobody publishes the stream here any more: of a push. */
  | "unpublished"
  /** The stream has other tracks than those that the remote server was told of: of a push. */
  | "tracks-changed"
  /** Nobody here watches it any more: of a pull on demand. */
  | "unwatched"
  /** A publisher here has taken the name: of a pull. */
  | "replaced"
  /** The remote stream has ended: of a pull. */
  | "remote-ended"
  /** The relay was stopped. */
  | "stopped";

/**
 * Relays one stream between this server's hub and another server, and tries again for ever, with waits
 * that grow and vary. There is one connection at most at a time. The scheme of the URL tells the
 * protocol.
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
  readonly #options: RelayOptions;
  readonly #context: RelayContext;
  readonly #driver: RelayDriver;
  #state: RelayState = "idle";
  #attempts = 0;
  #failures = 0;
  #lastError: string | undefined;
  #bytes = 0;
  #units = 0;
  #dropped = 0;
  /** When the newest attempt began, on the clock of the context. */
  #attemptedAtMs = -Infinity;
  /** Whether a player has come since. */
  #isAwaited = false;
  /** What had been relayed when the attempt under way got through; `undefined` until then. */
  #before: { readonly bytes: number; readonly units: number } | undefined;
  #stop = new AbortController();
  #running: Promise<void> | undefined;
  #wake: (() => void) | undefined;

  /**
   * Makes a relay that does nothing yet.
   *
   * @throws {TypeError} if the URL is of no known scheme, or UDP is asked for over TLS
   * @throws {HubError} `bad-name` when the name cannot be a stream's
   * @throws {RtmpError} `url` when a URL of RTMP cannot be parsed
   * @throws {RtspError} `malformed-url` when a URL of RTSP cannot be parsed
   * @throws {RangeError} if a number among the options is not positive
   */
  constructor(context: RelayContext, options: RelayOptions) {
    this.#driver = checkedDriver(options);
    this.#context = context;
    this.#options = options;
  }

  /** Statistics of now. */
  get statistics(): RelayStatistics {
    const { mode, name } = this.#options;
    return {
      mode,
      name,
      target: this.#driver.target,
      state: this.#state,
      attempts: this.#attempts,
      failures: this.#failures,
      lastError: this.#lastError,
      bytes: this.#bytes,
      units: this.#units,
      dropped: this.#dropped,
    };
  }

  /** Starts to relay; does nothing when it has started. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Ends the relay; resolves when its connection is closed. */
  async stop(): Promise<void> {
    this.#stop.abort(new RelayFailure("The relay was stopped"));
    this.#wake?.();
    await this.#running;
    this.#state = "stopped";
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
          this.#state = "idle";
          await this.#pause();
        }
      }
    } finally {
      unobserve();
    }
  }

  /** Whether there is something to relay, as far as this side knows. */
  get #isNeeded(): boolean {
    const { mode, name, on = "always" } = this.#options;
    const stream = this.#context.hub.get(name);
    if (mode === "push") return stream?.isLive === true;
    if (stream?.isLive === true) return false;
    return on === "always" || stream?.isWanted === true;
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
    this.#state = "connecting";
    this.#attempts++;
    this.#attemptedAtMs = this.#context.clock.now();
    this.#isAwaited = false;
    let waitMs: number;
    try {
      const end = await this.#relay();
      if (end !== "remote-ended" || this.#stop.signal.aborted) return this.#ended(end);
      waitMs = this.#nextWaitMs();
      this.#ended(end, waitMs);
    } catch (error) {
      if (this.#stop.signal.aborted) return this.#ended("stopped");
      this.#failures++;
      waitMs = this.#nextWaitMs();
      this.#failed(error, waitMs);
    }
    this.#state = "waiting";
    await this.#sleep(waitMs);
  }

  /** How long to wait after as many failures as there were, milliseconds. */
  #nextWaitMs(): number {
    const { retryMs = 500, maxRetryMs = 30_000 } = this.#options;
    const doubled = retryMs * 2 ** Math.min(Math.max(0, this.#failures - 1), 30);
    return Math.min(maxRetryMs, doubled) * (0.5 + this.#context.random() / 2);
  }

  /** Connects and relays; returns why that is over. */
  async #relay(): Promise<RelayEnd> {
    const { signal } = this.#stop;
    checkConnectPermission(this.#driver.address);
    const connection = await this.#driver.connect(signal);
    // A remote server that takes nothing must not hold up the end.
    const onAbort = (): void => void connection.close();
    signal.addEventListener("abort", onAbort);
    try {
      const isPush = this.#options.mode === "push";
      return isPush ? await this.#push(connection) : await this.#pull(connection);
    } finally {
      signal.removeEventListener("abort", onAbort);
      await connection.close();
    }
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

  get #fields(): Record<string, unknown> {
    const { mode, name } = this.#options;
    return { mode, stream: name, target: this.#driver.target };
  }

  #started(): void {
    this.#state = "running";
    this.#before = { bytes: this.#bytes, units: this.#units };
    this.#context.log.info("relay started", this.#fields);
  }

  /** Says why a relay is over, and when it is tried again; where it had not started there is nothing to say. */
  #ended(end: RelayEnd, waitMs?: number): void {
    if (this.#before === undefined) return;
    const { bytes, units } = this.#before;
    this.#before = undefined;
    this.#context.log.info("relay ended", {
      ...this.#fields,
      reason: this.#stop.signal.aborted ? "stopped" : end,
      bytes: this.#bytes - bytes,
      units: this.#units - units,
      ...(waitMs === undefined ? {} : { retryMs: Math.round(waitMs) }),
    });
  }

  #failed(error: unknown, waitMs: number): void {
    const isKnown = error instanceof RtmpError || error instanceof RtspError ||
      error instanceof HubError || error instanceof RelayFailure;
    let message = isKnown ? error.message : String(error);
    // A server may repeat what it was asked for.
    for (const secret of this.#driver.secrets) message = message.replaceAll(secret, "…");
    this.#lastError = message;
    // Once for each spell of failures: what fails for hours is told in the statistics. What was said to
    // have started is said to be over.
    const level = this.#failures === 1 || this.#before !== undefined ? "warn" : "debug";
    this.#before = undefined;
    this.#context.log[isKnown ? level : "error"]("relay failed", {
      ...this.#fields,
      message,
      retryMs: Math.round(waitMs),
    });
  }

  /** Media has got through; headers alone may be of this side. */
  #relayed(unit: MediaUnit): void {
    this.#bytes += unitBytes(unit);
    this.#units++;
    if (unit.role !== "media") return;
    this.#failures = 0;
    this.#lastError = undefined;
  }

  async #pull(connection: RelayConnection): Promise<RelayEnd> {
    const { hub, clock } = this.#context;
    const { name, on = "always", idleMs = 5000, silentMs = 10_000 } = this.#options;
    const { units, tracks } = await connection.play(this.#stop.signal);
    const end = new AbortController();
    let reason: RelayEnd = "unwatched";
    const publication = hub.acquire(name, {
      identity: `relay from ${this.#driver.target}`,
      onEnded: () => {
        reason = "replaced";
        end.abort();
      },
      ...(tracks === undefined ? {} : { tracks }),
    });
    let wantedAt = clock.now();
    let failure: RelayFailure | undefined;
    const look = (): void => {
      const now = clock.now();
      if (on === "always" || publication.stream.isWanted) wantedAt = now;
      if (publication.silentMs >= silentMs) {
        failure = new RelayFailure(`Nothing has come for ${silentMs} ms`);
      }
      if (failure !== undefined || now - wantedAt >= idleMs) end.abort();
      else timer = clock.setTimer(look, LOOK_MS);
    };
    let timer = clock.setTimer(look, LOOK_MS);
    this.#started();
    try {
      const signal = AbortSignal.any([end.signal, this.#stop.signal]);
      const sink = new WritableStream<MediaUnit>({
        write: (unit) => {
          this.#relayed(unit);
          publication.write(unit);
          publication.commit();
        },
      });
      await units.pipeTo(sink, { signal });
      return "remote-ended";
    } catch (error) {
      if (!end.signal.aborted) throw error;
      if (failure !== undefined) throw failure;
      return reason;
    } finally {
      timer.cancel();
      publication.release();
    }
  }

  async #push(connection: RelayConnection): Promise<RelayEnd> {
    const { hub, clock, log } = this.#context;
    const { signal } = this.#stop;
    const stream = hub.get(this.#options.name);
    if (stream?.isLive !== true) return "unpublished";
    const sink = await connection.publish(stream, { clock, log, signal });
    if (sink === undefined || !stream.isLive) return "unpublished";
    this.#started();
    let end: RelayEnd = "unpublished";
    const queue = new RelayQueue(stream);
    // A failing send tells of the end; while there is nothing to send, this does.
    void sink.ended.then(() => queue.end());
    try {
      for (;;) {
        const next = queue.next();
        if (next !== undefined) {
          if (!await sink.send(next)) {
            end = "tracks-changed";
            break;
          }
          this.#relayed(next.unit);
        } else if (queue.isEnded) break;
        else await queue.more();
        this.#dropped += queue.takeDropped();
      }
      await sink.close();
      return end;
    } finally {
      queue.end();
    }
  }
}

/**
 * The relays of a server.
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
 *   { mode: "pull", name: "live/cam", url: "rtmp://origin.example/live/cam", on: "demand" },
 *   { mode: "push", name: "live/cam", url: "rtsp://archive.example/live/cam" },
 * ]);
 * relays.start();
 * console.log(relays.statistics.map(({ state }) => state)); // [ "idle", "idle" ]
 * await relays.stop();
 * ```
 */
export class Relays {
  readonly #relays: readonly Relay[];

  /**
   * Makes relays that do nothing yet.
   *
   * @throws {TypeError} as {@linkcode checkRelays}; so are the other errors
   */
  constructor(context: RelayContext, relays: readonly RelayOptions[]) {
    checkRelays(relays);
    this.#relays = relays.map((options) => new Relay(context, options));
  }

  /** Statistics of each, in the order in which they were given. */
  get statistics(): RelayStatistics[] {
    return this.#relays.map(({ statistics }) => statistics);
  }

  /** Starts all of them. */
  start(): void {
    for (const relay of this.#relays) relay.start();
  }

  /** Ends all of them; resolves when their connections are closed. */
  async stop(): Promise<void> {
    await Promise.all(this.#relays.map((relay) => relay.stop()));
  }
}

/**
 * Checks the relays of a server, as a {@linkcode Relays} does that is made of them. No message has what
 * may be a secret of RTMP, or the credentials of a URL.
 *
 * @throws {TypeError} if two relays have one target (a stream pulled twice, or pushed twice to one URL),
 * a URL is of no known scheme, or UDP is asked for over TLS
 * @throws {HubError} `bad-name` when a name cannot be a stream's
 * @throws {RtmpError} `url` when a URL of RTMP cannot be parsed
 * @throws {RtspError} `malformed-url` when a URL of RTSP cannot be parsed
 * @throws {RangeError} if a number among the options is not positive
 *
 * @example
 * ```ts
 * import { checkRelays } from "@weir/server/server";
 *
 * checkRelays([{ mode: "push", name: "live/cam", url: "rtsp://archive.example/live/cam" }]); // fine
 * ```
 */
export function checkRelays(relays: readonly RelayOptions[]): void {
  const seen = new Set<string>();
  for (const options of relays) {
    const { mode, name, url } = options;
    const { target } = checkedDriver(options);
    const key = mode === "pull" ? `pull ${name}` : `push ${url.split("?", 1)[0]}`;
    if (seen.has(key)) {
      const shown = mode === "pull" ? `pull of ${name}` : `push of ${name} to ${target}`;
      throw new TypeError(
        `Cannot relay as each target must be named once: current value is ${shown}`,
      );
    }
    seen.add(key);
  }
}

function checkedDriver(options: RelayOptions): RelayDriver {
  checkStreamName(options.name);
  for (const key of ["retryMs", "maxRetryMs", "idleMs", "silentMs"] as const) {
    const value = options[key];
    if (value !== undefined && !(value > 0)) {
      throw new RangeError(`Cannot relay as '${key}' must be positive: current value is ${value}`);
    }
  }
  const scheme = /^([a-z]+):\/\//i.exec(options.url)?.[1]?.toLowerCase();
  switch (scheme) {
    case "rtmp":
    case "rtmps":
      return rtmpRelayDriver(options);
    case "rtsp":
    case "rtsps":
      return rtspRelayDriver(options);
    default:
      throw new TypeError(
        `Cannot relay as the URL must have the scheme rtmp, rtmps, rtsp or rtsps: current value is ${
          scheme ?? "none"
        }`,
      );
  }
}

function checkConnectPermission(
  { hostname, port }: { readonly hostname: string; readonly port: number },
): void {
  if (hasNetPermission(hostname, port)) return;
  const host = permissionHost(hostname, port);
  throw new RelayFailure(`No permission to connect to ${host}: add --allow-net=${host}`);
}
