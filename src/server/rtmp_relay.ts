import { RtmpClient, type RtmpClientOptions, type RtmpMedia } from "../client/mod.ts";
import { type Clock, type Hub, HubError, type Stream } from "../hub/mod.ts";
import type { MediaUnit } from "../media/mod.ts";
import { parseRtmpUrl, RtmpError } from "../rtmp/mod.ts";
import { type FlvBody, FlvRemuxer } from "../transmux/mod.ts";
import type { ServerLog } from "./log.ts";

/** A stream that is fetched from, or forwarded to, another RTMP server. */
export interface RtmpRelayOptions {
  /** `push` forwards the local stream; `pull` fetches the remote one. */
  readonly mode: "push" | "pull";
  /** Name of the local stream: `app/name`. */
  readonly name: string;
  /** URL of the remote stream. */
  readonly url: string;
  /**
   * Of a pull: whether it runs all the time, or while someone watches. Default `always`. A push always
   * runs as long as the local stream is published.
   */
  readonly on?: "always" | "demand";
  /** Wait after the first failure, milliseconds; it doubles with each. Default 500. */
  readonly retryMs?: number;
  /** Longest wait, milliseconds. Default 30 000. */
  readonly maxRetryMs?: number;
  /** How long a pull on demand goes on without anyone who watches, milliseconds. Default 5000. */
  readonly idleMs?: number;
  /** How long a pull may get nothing before it is tried anew, milliseconds. Default 10 000. */
  readonly silentMs?: number;
  /** How to connect. */
  readonly client?: Pick<
    RtmpClientOptions,
    "timeoutMs" | "connectParameters" | "handshake" | "caCerts"
  >;
}

/**
 * How a relay does: `idle` when there is nothing to relay, `waiting` for the next attempt after a
 * failure.
 */
export type RtmpRelayState = "idle" | "connecting" | "running" | "waiting" | "stopped";

/** Statistics of one relay. */
export interface RtmpRelayStatistics {
  /** Its direction. */
  readonly mode: "push" | "pull";
  /** The local stream. */
  readonly name: string;
  /** The remote server and application; not the stream's key, which may be a secret. */
  readonly target: string;
  /** How it does. */
  readonly state: RtmpRelayState;
  /** Connections that were tried. */
  readonly attempts: number;
  /** Failures since the last success. */
  readonly failures: number;
  /** Why the last attempt ended, where it failed. */
  readonly lastError: string | undefined;
  /** Bytes of bodies relayed. */
  readonly bytes: number;
  /** Units relayed. */
  readonly units: number;
  /** Units of a push that were dropped, since the remote server was too slow. */
  readonly dropped: number;
}

/** What relays need of their server. */
export interface RtmpRelayContext {
  /** Where the local streams are. */
  readonly hub: Hub;
  /** Where it says how it does. */
  readonly log: ServerLog;
  /** Time and timers. */
  readonly clock: Clock;
  /** A number of 0 to 1, for the waits: `Math.random`. */
  readonly random: () => number;
}

/** Bytes that wait for a slow remote server; beyond, it goes on at the next key frame. */
const MOST_WAITING_BYTES = 8 * 1024 * 1024;

/** How often a running relay looks whether it is still needed, milliseconds. */
const LOOK_MS = 250;

/**
 * Relays one stream between this server's hub and another RTMP server, and tries again for ever, with
 * waits that grow and vary. There is one connection at most at a time.
 */
export class RtmpRelay {
  readonly #options: RtmpRelayOptions;
  readonly #context: RtmpRelayContext;
  readonly #target: string;
  #state: RtmpRelayState = "idle";
  #attempts = 0;
  #failures = 0;
  #lastError: string | undefined;
  #bytes = 0;
  #units = 0;
  #dropped = 0;
  #stop = new AbortController();
  #running: Promise<void> | undefined;
  #wake: (() => void) | undefined;

  /**
   * Makes a relay that does nothing yet.
   *
   * @throws {RtmpError} `url` when the URL cannot be parsed
   * @throws {RangeError} if a number among the options is not positive
   */
  constructor(context: RtmpRelayContext, options: RtmpRelayOptions) {
    const { scheme, host, port, app } = parseRtmpUrl(options.url);
    for (const key of ["retryMs", "maxRetryMs", "idleMs", "silentMs"] as const) {
      const value = options[key];
      if (value !== undefined && !(value > 0)) {
        throw new RangeError(
          `Cannot relay as '${key}' must be positive: current value is ${value}`,
        );
      }
    }
    this.#context = context;
    this.#options = options;
    const name = host.includes(":") ? `[${host}]` : host;
    this.#target = `${scheme}://${name}:${port}/${app.split("?", 1)[0]}`;
  }

  /** Statistics of now. */
  get statistics(): RtmpRelayStatistics {
    const { mode, name } = this.#options;
    return {
      mode,
      name,
      target: this.#target,
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
    this.#stop.abort(new RtmpError("closed", "The relay was stopped"));
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
      onStreamWanted: wake,
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
    const { log, random } = this.#context;
    const { mode, name, url, client, retryMs = 500, maxRetryMs = 30_000 } = this.#options;
    const fields = { mode, stream: name, target: this.#target };
    this.#state = "connecting";
    this.#attempts++;
    try {
      await using connection = await RtmpClient.connect(url, {
        ...client,
        signal: this.#stop.signal,
      });
      const isOver = mode === "push" ? await this.#push(connection) : await this.#pull(connection);
      log.info("relay ended", fields);
      if (isOver) return;
    } catch (error) {
      if (this.#stop.signal.aborted) return;
      const isKnown = error instanceof RtmpError || error instanceof HubError;
      this.#failures++;
      this.#lastError = isKnown ? error.message : String(error);
      // Once for each spell of failures: what fails for hours is told in the statistics.
      const level = this.#failures === 1 ? "warn" : "debug";
      log[isKnown ? level : "error"]("relay failed", { ...fields, message: this.#lastError });
    }
    if (this.#stop.signal.aborted) return;
    this.#state = "waiting";
    const doubled = retryMs * 2 ** Math.min(Math.max(0, this.#failures - 1), 30);
    await this.#sleep(Math.min(maxRetryMs, doubled) * (0.5 + random() / 2));
  }

  /** Waits for all of `ms`, whatever happens to the stream, unless the relay is stopped. */
  async #sleep(ms: number): Promise<void> {
    const end = this.#context.clock.now() + ms;
    while (!this.#stop.signal.aborted) {
      const left = end - this.#context.clock.now();
      if (left <= 0) return;
      await this.#pause(left);
    }
  }

  #started(): void {
    const { mode, name } = this.#options;
    this.#state = "running";
    this.#context.log.info("relay started", { mode, stream: name, target: this.#target });
  }

  #succeeded(): void {
    this.#failures = 0;
    this.#lastError = undefined;
  }

  /** Returns whether it ended since nobody on this side needs it any more. */
  async #pull(client: RtmpClient): Promise<boolean> {
    const { hub, clock } = this.#context;
    const { name, url, on = "always", idleMs = 5000, silentMs = 10_000 } = this.#options;
    const playback = await client.play(undefined, { signal: this.#stop.signal });
    const end = new AbortController();
    const publication = hub.acquire(name, {
      identity: `relay of ${url}`,
      onReplaced: () => end.abort(),
    });
    let wantedAt = clock.now();
    let failure: RtmpError | undefined;
    const look = (): void => {
      const now = clock.now();
      if (on === "always" || publication.stream.isWanted) wantedAt = now;
      if (publication.silentMs >= silentMs) {
        failure = new RtmpError("idle-timeout", `Nothing has come for ${silentMs} ms`);
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
          this.#succeeded();
          this.#count(unit.payload.format === "flv" ? unit.payload.body.length : 0);
          publication.write(unit);
          publication.commit();
        },
      });
      await playback.pipeTo(sink, { signal });
      return false;
    } catch (error) {
      if (!end.signal.aborted) throw error;
      if (failure !== undefined) throw failure;
      return true;
    } finally {
      timer.cancel();
      publication.release();
    }
  }

  /** Returns whether it ended since there is nothing on this side to send any more. */
  async #push(client: RtmpClient): Promise<boolean> {
    const { hub } = this.#context;
    const { name } = this.#options;
    const remote = await client.publish(undefined, { signal: this.#stop.signal });
    const stream = hub.get(name);
    if (stream === undefined || !stream.isLive) return true;
    this.#started();
    const queue = new PushQueue(stream);
    const unobserve = hub.observe({
      onStreamEnd: (ended) => {
        if (ended === stream) queue.end();
      },
    });
    const onAbort = (): void => queue.end();
    this.#stop.signal.addEventListener("abort", onAbort);
    const writer = remote.getWriter();
    // A write tells of its failure; while there is nothing to write, this does.
    writer.closed.catch(() => queue.end());
    try {
      for (;;) {
        const media = queue.next();
        if (media !== undefined) {
          await writer.write(media);
          this.#succeeded();
          this.#count(media.body.length);
        } else if (queue.isEnded) break;
        else await queue.more();
        this.#dropped += queue.takeDropped();
      }
      // Throws where that was why it ended.
      await writer.close();
      return true;
    } finally {
      this.#stop.signal.removeEventListener("abort", onAbort);
      unobserve();
      queue.close();
    }
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    this.#units++;
  }
}

/** What a stream's units are to a remote server, as long as it takes them. */
class PushQueue {
  readonly #stream: Stream;
  readonly #untap: () => void;
  #remuxer: FlvRemuxer | undefined;
  #publication: unknown;
  #waiting: RtmpMedia[] = [];
  #waitingBytes = 0;
  #isSkipping = false;
  #dropped = 0;
  #wake: (() => void) | undefined;
  isEnded = false;

  constructor(stream: Stream) {
    this.#stream = stream;
    this.#untap = stream.tap((unit) => this.#take(unit));
  }

  next(): RtmpMedia | undefined {
    const media = this.#waiting.shift();
    if (media !== undefined) this.#waitingBytes -= media.body.length;
    return media;
  }

  async more(): Promise<void> {
    if (this.#waiting.length > 0 || this.isEnded) return;
    await new Promise<void>((resolve) => this.#wake = resolve);
  }

  takeDropped(): number {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }

  /** Nothing more comes. */
  end(): void {
    this.isEnded = true;
    this.#wake?.();
  }

  close(): void {
    this.#untap();
  }

  #take(unit: MediaUnit): void {
    if (unit.role === "media" && this.#isLate(unit)) {
      this.#dropped++;
      return;
    }
    for (const { kind, dtsUs, body } of this.#bodies(unit)) {
      this.#waiting.push({ kind, timestampMs: Math.round(dtsUs / 1000), body });
      this.#waitingBytes += body.length;
    }
    this.#wake?.();
    this.#wake = undefined;
  }

  /** Whether a unit is dropped: all that waits has grown too long, until there is room and a start. */
  #isLate(unit: MediaUnit): boolean {
    if (this.#waitingBytes > MOST_WAITING_BYTES) this.#isSkipping = true;
    if (!this.#isSkipping) return false;
    const hasVideo = this.#stream.headers.units.some(({ kind }) => kind === "video");
    const isStart = !hasVideo || (unit.kind === "video" && unit.keyFrame);
    if (isStart && this.#waitingBytes <= MOST_WAITING_BYTES / 2) this.#isSkipping = false;
    return this.#isSkipping;
  }

  #bodies(unit: MediaUnit): readonly FlvBody[] {
    if (unit.payload.format === "flv") {
      return [{ kind: unit.kind, dtsUs: unit.dtsUs, body: unit.payload.body }];
    }
    const { publication } = this.#stream;
    if (this.#remuxer === undefined || this.#publication !== publication) {
      this.#publication = publication;
      this.#remuxer = new FlvRemuxer();
      this.#remuxer.setTracks(publication?.tracks ?? []);
    }
    return this.#remuxer.remux(unit);
  }
}

/**
 * The relays of a server.
 *
 * @example
 * ```ts
 * import { RtmpRelays } from "@weir/server/server";
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
 * const relays = new RtmpRelays({ hub, log: console, clock, random: Math.random }, [
 *   { mode: "pull", name: "live/cam", url: "rtmp://origin.example/live/cam", on: "demand" },
 * ]);
 * relays.start();
 * console.log(relays.statistics[0]?.state); // idle
 * await relays.stop();
 * ```
 */
export class RtmpRelays {
  readonly #relays: readonly RtmpRelay[];

  /**
   * Makes relays that do nothing yet.
   *
   * @throws {TypeError} if two relays have one target: a stream pulled twice, or pushed twice to one URL
   * @throws {RtmpError} `url` when a URL cannot be parsed
   * @throws {RangeError} if a number among the options is not positive
   */
  constructor(context: RtmpRelayContext, relays: readonly RtmpRelayOptions[]) {
    const targets = new Set<string>();
    for (const { mode, name, url } of relays) {
      const target = mode === "pull" ? `pull of ${name}` : `push to ${url.split("?", 1)[0]}`;
      if (targets.has(target)) {
        throw new TypeError(
          `Cannot relay as each target must be named once: current value is ${target}`,
        );
      }
      targets.add(target);
    }
    this.#relays = relays.map((options) => new RtmpRelay(context, options));
  }

  /** Statistics of each, in the order in which they were given. */
  get statistics(): RtmpRelayStatistics[] {
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
