import {
  type Clock,
  type Hub,
  HubError,
  openStreamQueue,
  type Stream,
  unitBytes,
} from "../hub/mod.ts";
import { Gate } from "../gate/mod.ts";
import type { MediaUnit } from "../media/mod.ts";
import { RtmpError } from "../rtmp/mod.ts";
import { RtspError } from "../rtsp/mod.ts";
import { hasNetPermission, permissionHost } from "../transport/mod.ts";
import { PeerLog, type ServerLog, silentLog } from "../log/mod.ts";
import { freshStart } from "./fresh_start.ts";
import {
  type RelayConnection,
  type RelayDriver,
  RelayFailure,
  type RelayMove,
} from "./relay_driver.ts";
import { relayDriver } from "./relay_checks.ts";
import type { RelayOptions, RelayState, RelayStatistics } from "./relay_options.ts";
import { RelayVisit } from "./relay_visit.ts";

/** What is relayed by one connection: a relay that the remote server sends elsewhere has two for a moment. */
interface Leg {
  readonly connection: RelayConnection;
  /** Resolves when it relays. */
  readonly begun: Promise<void>;
  /** Resolves with why it is over, when its connection is closed. */
  readonly done: Promise<RelayEnd>;
  /** Another goes on in its place. */
  leave(): void;
}

/** What one leg is told, and tells. */
interface LegOptions {
  /** Ends all. */
  readonly signal: AbortSignal;
  /** Ends this one: another goes on in its place. */
  readonly left: AbortSignal;
  /** The one that it goes on for. */
  readonly before: Leg | undefined;
  /** Is to be called when it relays. */
  readonly onBegun: () => void;
}

/** The parts of a server that its relays use. */
export interface RelayContext {
  /** The hub that has the local streams. */
  readonly hub: Hub;
  /**
   * The server's desk, which every relay passes as a publisher or a player; without it they pass one that nobody
   * looks at.
   */
  readonly gate?: Gate;
  /** The log for lines about relays. */
  readonly log: ServerLog;
  /** Time and timers. */
  readonly clock: Clock;
  /** A number of 0 to 1, for the waits: `Math.random`. */
  readonly random: () => number;
  /** Whether this part of the server sees to it that a stream is pulled, where there are several. Default: always. */
  readonly seesTo?: (name: string) => boolean;
}

/** Why a relay is ended from here. */
export type RelayStopReason = "stopped" | "changed" | "removed";

/** How often a running relay looks whether it is still needed, milliseconds. */
const LOOK_MS = 250;

/** A relay that is sent elsewhere again stays for so long at least, milliseconds. */
const LEAST_LEG_MS = 1000;

/** How long a pull on demand goes on without anyone who watches, milliseconds. */
const DEFAULT_IDLE_MS = 5000;

/** A player that comes while a pull waits has the next attempt made early; so often at most, milliseconds. */
const EARLY_ATTEMPT_MS = 1000;

/**
 * A pull looks for its source so often that it is noticed within 5 s of its coming. Who takes pushes may
 * ban a publisher whose key is wrong for coming too often.
 */
const DEFAULT_MAX_RETRY_MS = { pull: 5000, push: 30_000 } as const;

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
  /**
   * Who runs the server has ended it as a publisher, or as a player. It comes back after its longest wait, or
   * earlier for a player: to be rid of it, remove it.
   */
  | "kicked"
  /** The remote stream has ended: of a pull. */
  | "remote-ended"
  /** The remote server has asked for it, and it goes on by another connection. */
  | "moved"
  /** The server stops, or the relay was changed or removed. */
  | RelayStopReason;

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
    return !this.#isOnDemand || stream?.isWanted === true;
  }

  get #isOnDemand(): boolean {
    const { mode, on = "always" } = this.#options;
    return mode === "pull" && on === "demand";
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
      if (end !== "remote-ended" && end !== "kicked" || this.#stop.signal.aborted) {
        return this.#ended(end);
      }
      waitMs = this.#nextWaitMs(end === "kicked");
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

  /** How long to wait, milliseconds: after as many failures as there were, or when it was sent away. */
  #nextWaitMs(isKicked = false): number {
    const { mode, retryMs = 500, maxRetryMs = DEFAULT_MAX_RETRY_MS[mode] } = this.#options;
    const doubled = retryMs * 2 ** Math.min(Math.max(0, this.#failures - 1), 30);
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
      return await this.#follow(await this.#driver.connect(signal), signal);
    } catch (error) {
      if (unwatched.signal.aborted) return "unwatched";
      throw error;
    } finally {
      timer?.cancel();
    }
  }

  /** Relays by a connection, and where the remote server asks to go on elsewhere by the next. */
  async #follow(connection: RelayConnection, signal: AbortSignal): Promise<RelayEnd> {
    const { clock } = this.#context;
    for (let leg = this.#leg(connection, { signal, before: undefined });;) {
      const over = leg.done.then(() => undefined);
      const beganMs = clock.now();
      const move = await Promise.race([over, leg.connection.moved]);
      // Servers that send it to each other are not to have it run.
      const { promise: rested, resolve } = Promise.withResolvers<void>();
      const rest = clock.setTimer(resolve, Math.max(0, beganMs + LEAST_LEG_MS - clock.now()));
      await Promise.race([over, rested]).finally(() => rest.cancel());
      const next = move && await this.#move(move, { from: leg, signal });
      if (next === undefined) return await leg.done;
      leg = next;
    }
  }

  /** Goes on where the remote server asks for it, and leaves the leg of before when that relays; `undefined` if it fails. */
  async #move(
    move: RelayMove,
    { from, signal }: { readonly from: Leg; readonly signal: AbortSignal },
  ): Promise<Leg | undefined> {
    const { log } = this.#context;
    const { target } = move;
    try {
      checkConnectPermission(move.address);
      const next = this.#leg(await move.connect(signal), { signal, before: from });
      await Promise.race([next.begun, next.done]);
      from.leave();
      log.info("relay moved", { ...this.#fields, target });
      return next;
    } catch (error) {
      // A server that stops asks for that too, and cannot be connected to yet.
      log.debug("relay cannot go on where it is sent", {
        ...this.#fields,
        reason: this.#reasonOf(error),
      });
      return undefined;
    }
  }

  #leg(
    connection: RelayConnection,
    { signal, before }: { readonly signal: AbortSignal; readonly before: Leg | undefined },
  ): Leg {
    const { promise: begun, resolve: onBegun } = Promise.withResolvers<void>();
    const left = new AbortController();
    const run = async (): Promise<RelayEnd> => {
      // A remote server that takes nothing must not hold up the end.
      const onAbort = (): void => void connection.close();
      signal.addEventListener("abort", onAbort);
      try {
        const options: LegOptions = { signal, left: left.signal, before, onBegun };
        const isPush = this.#options.mode === "push";
        return await (isPush ? this.#push(connection, options) : this.#pull(connection, options));
      } finally {
        signal.removeEventListener("abort", onAbort);
        await connection.close();
      }
    };
    const done = run();
    // It may fail while it is looked at the next.
    done.catch(() => {});
    return { connection, begun, done, leave: () => left.abort() };
  }

  /**
   * Gives a pull on demand up that has not begun when nobody has watched for its time: a server that waits for
   * the stream itself may answer late.
   */
  #giveUpUnwatched(unwatched: AbortController): { cancel(): void } | undefined {
    const { clock, hub } = this.#context;
    if (!this.#isOnDemand) return undefined;
    let wantedAt = clock.now();
    const look = (): void => {
      const { name, idleMs = DEFAULT_IDLE_MS } = this.#options;
      if (this.#before !== undefined) return;
      const now = clock.now();
      if (!this.#isOnDemand || hub.get(name)?.isWanted === true) wantedAt = now;
      if (now - wantedAt >= idleMs) unwatched.abort();
      else timer = clock.setTimer(look, LOOK_MS);
    };
    let timer = clock.setTimer(look, LOOK_MS);
    return { cancel: () => timer.cancel() };
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
    // It goes on by another connection.
    if (this.#before !== undefined) return;
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
      reason: this.#stop.signal.aborted ? this.#stopReason : end,
      bytes: this.#bytes - bytes,
      units: this.#units - units,
      ...(waitMs === undefined ? {} : { retryMs: Math.round(waitMs) }),
    });
  }

  #reasonOf(error: unknown): string {
    let reason = isKnown(error) ? error.message : String(error);
    // A server may repeat what it was asked for.
    for (const secret of this.#driver.secrets) reason = reason.replaceAll(secret, "…");
    return reason;
  }

  #failed(error: unknown, waitMs: number): void {
    const reason = this.#reasonOf(error);
    this.#lastError = reason;
    // Once for each spell of failures: what fails for hours is told in the statistics. What was said to
    // have started is said to be over.
    const level = this.#failures === 1 || this.#before !== undefined ? "warn" : "debug";
    this.#before = undefined;
    this.#context.log[isKnown(error) ? level : "error"]("relay failed", {
      ...this.#fields,
      reason,
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

  async #pull(
    connection: RelayConnection,
    { signal, left, before, onBegun }: LegOptions,
  ): Promise<RelayEnd> {
    const { clock, log } = this.#context;
    const { units, tracks, backChannel } = await connection.play(signal, {
      onNoBackChannel: (reason) =>
        log.warn("relay source has no back channel", { ...this.#fields, reason }),
    });
    const first = before === undefined
      ? []
      : await freshStart(units, { now: () => clock.now(), hurry: before.done });
    const end = new AbortController();
    let reason: RelayEnd = "unwatched";
    left.addEventListener("abort", () => {
      reason = "moved";
      end.abort();
    });
    const visit = await this.#enter();
    const ticket = await visit.publish({
      identity: `relay from ${this.#driver.target}`,
      tracks,
      backChannel,
      onEnded: (ended) => {
        reason = ended.reason === "kicked" ? "kicked" : "replaced";
        end.abort();
      },
    });
    onBegun();
    const publication = ticket.publication!;
    let wantedAt = clock.now();
    let failure: RelayFailure | undefined;
    const look = (): void => {
      const now = clock.now();
      const { idleMs = DEFAULT_IDLE_MS, silentMs = 10_000 } = this.#options;
      if (!this.#isOnDemand || publication.stream.isWanted) wantedAt = now;
      if (publication.silentMs >= silentMs) {
        failure = new RelayFailure(`Nothing has come for ${silentMs} ms`);
      }
      if (failure !== undefined || now - wantedAt >= idleMs) end.abort();
      else timer = clock.setTimer(look, LOOK_MS);
    };
    let timer = clock.setTimer(look, LOOK_MS);
    this.#started();
    const take = (unit: MediaUnit): void => {
      this.#relayed(unit);
      ticket.write(unit);
      ticket.commit();
    };
    try {
      for (const unit of first) take(unit);
      const sink = new WritableStream<MediaUnit>({ write: take });
      await units.pipeTo(sink, { signal: AbortSignal.any([end.signal, this.#stop.signal]) });
      reason = "remote-ended";
      return reason;
    } catch (error) {
      if (!end.signal.aborted) throw error;
      if (failure !== undefined) throw failure;
      return reason;
    } finally {
      timer.cancel();
      visit.leave(this.#stop.signal.aborted ? this.#stopReason : reason);
    }
  }

  async #enter(): Promise<RelayVisit> {
    const { protocol } = this.#driver;
    return await RelayVisit.enter(this.#gate, { protocol, name: this.#options.name });
  }

  async #push(
    connection: RelayConnection,
    { left, onBegun }: LegOptions,
  ): Promise<RelayEnd> {
    const { hub, clock, log } = this.#context;
    const { signal } = this.#stop;
    const stream = hub.get(this.#options.name);
    if (stream === undefined || !isForwarded(stream)) return "unpublished";
    const sink = await connection.publish(stream, { clock, log, signal });
    if (sink === undefined || !stream.isLive) return "unpublished";
    let end: RelayEnd = "unpublished";
    let isOver = false;
    const { queue, close } = openStreamQueue(stream);
    left.addEventListener("abort", () => {
      end = "moved";
      isOver = true;
      close();
    });
    let visit: RelayVisit | undefined;
    try {
      visit = await this.#enter();
      await visit.play(() => {
        isOver = true;
        end = "kicked";
        close();
      });
      this.#started();
      onBegun();
      // A failing send tells of the end; while there is nothing to send, this does.
      void sink.ended.then(close);
      const droppedBefore = this.#dropped;
      for (;;) {
        const next = isOver ? undefined : queue.next();
        if (next !== undefined) {
          const { unit, tag: publication } = next;
          if (!await sink.send({ unit, publication })) {
            end = "tracks-changed";
            break;
          }
          this.#relayed(unit);
        } else if (queue.isEnded) break;
        else await queue.more();
        this.#dropped = droppedBefore + queue.dropped;
      }
      await sink.close();
      return end;
    } finally {
      close();
      visit?.leave(signal.aborted ? this.#stopReason : end);
    }
  }
}

/** Whether a push has something to forward: what is fetched from another part of the server is forwarded there. */
export function isForwarded({ publication }: Stream): boolean {
  return publication !== undefined && publication.via === undefined;
}

function isKnown(error: unknown): error is Error {
  return error instanceof RtmpError || error instanceof RtspError ||
    error instanceof HubError || error instanceof RelayFailure;
}

/** A desk for a relay that is no server's: it is let in, and nobody hears of it. */
function unseenGate({ hub, clock }: RelayContext): Gate {
  return new Gate({ hub, clock, log: silentLog, peers: new PeerLog(silentLog, clock) });
}

/** To connect without permission would stop the program at a question. */
function checkConnectPermission(
  { hostname, port }: { readonly hostname: string; readonly port: number },
): void {
  if (hasNetPermission(hostname, port)) return;
  const host = permissionHost(hostname, port);
  throw new RelayFailure(`No permission to connect to ${host}: add --allow-net=${host}`);
}
