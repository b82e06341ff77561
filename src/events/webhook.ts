import { createHmac } from "node:crypto";
import { atMostEachSecond, type ServerLog } from "../log/mod.ts";
import { type Clock, pause, within } from "../time/mod.ts";
import { askByHttp, type Fetch, isHttpUrl, isSuccess } from "../transport/mod.ts";
import { EventOptionsError, type WebhookOptions } from "./options.ts";
import { SERVER_EVENT_NAMES, type ServerEventName, type ServerEvents } from "./server_events.ts";

/** What a {@linkcode Webhook} reaches the world by. */
export interface WebhookEnvironment {
  /** Where it is told that something could not be sent. */
  readonly log: ServerLog;
  /** Timers. */
  readonly clock: Clock;
  /** The time, milliseconds since 1970. */
  readonly now: () => number;
  /** A name for each message that no other has. */
  readonly uuid: () => string;
  /** Sends. */
  readonly fetch: Fetch;
}

/** What waits to be sent. */
interface Message {
  readonly id: string;
  readonly name: ServerEventName;
  readonly body: string;
}

/** How long one that is not to be told any more may take for what waits, milliseconds. */
const LEAVE_MS = 60_000;

const FIRST_WAIT_MS = 1000;
const LONGEST_WAIT_MS = 60_000;

/** What may be sent again has these among the statuses of the client's own mistakes. */
const TRY_AGAIN: ReadonlySet<number> = new Set([408, 425, 429]);

/** Sends events to one URL, one after another, beside what happens: nothing waits for it. */
export class Webhook {
  readonly #options: Required<Omit<WebhookOptions, "secret" | "events">>;
  readonly #key: Uint8Array | undefined;
  readonly #names: readonly ServerEventName[];
  readonly #environment: WebhookEnvironment;
  readonly #queue: Message[] = [];
  readonly #tellLost: (message: Message) => void;
  readonly #listening = new AbortController();
  readonly #abort = new AbortController();
  readonly #drained: (() => void)[] = [];
  #isSending = false;

  /**
   * Sends nothing yet.
   *
   * @throws {EventOptionsError} if an option is wrong; `path` names the options
   */
  constructor(path: string, options: WebhookOptions, environment: WebhookEnvironment) {
    const { url, secret, events = SERVER_EVENT_NAMES } = options;
    const { timeoutMs = 5000, retries = 5, maxQueue = 1000 } = options;
    if (!isHttpUrl(url)) {
      throw new EventOptionsError(
        `${path}.url`,
        "must be a URL of http or https, without user and password",
      );
    }
    checkCount(`${path}.timeoutMs`, timeoutMs, { min: 1, max: 600_000 });
    checkCount(`${path}.retries`, retries, { min: 0, max: 100 });
    checkCount(`${path}.maxQueue`, maxQueue, { min: 1, max: 1_000_000 });
    const unknown = events.find((name) => !SERVER_EVENT_NAMES.includes(name));
    if (unknown !== undefined) {
      throw new EventOptionsError(`${path}.events`, `there is no event ${JSON.stringify(unknown)}`);
    }
    this.#options = { url, timeoutMs, retries, maxQueue };
    this.#key = secret === undefined ? undefined : keyOf(`${path}.secret`, secret);
    this.#names = events;
    this.#environment = environment;
    const { log, clock } = environment;
    this.#tellLost = atMostEachSecond(
      clock,
      ({ name }, count) =>
        log.warn("events were left out, as too many wait to be sent", {
          host: this.host,
          event: name,
          count,
        }),
    );
  }

  /** Where it sends to; the rest of the URL may be a secret. */
  get host(): string {
    return new URL(this.#options.url).host;
  }

  /** Listens to a server. */
  listen(events: ServerEvents): void {
    const { signal } = this.#listening;
    for (const name of this.#names) {
      events.addEventListener(name, ({ detail }) => this.#add(name, detail), { signal });
    }
  }

  /** Hears of nothing any more, and sends what waits, for a minute at most. */
  async leave(): Promise<void> {
    this.#listening.abort();
    await this.close(LEAVE_MS);
  }

  /** Sends what waits, for so long at most, and no more after that. */
  async close(graceMs: number): Promise<void> {
    if (this.#isSending) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#drained.push(resolve);
      await within(promise, { clock: this.#environment.clock, ms: graceMs });
    }
    this.#abort.abort();
    const count = this.#queue.splice(0).length;
    if (count === 0) return;
    this.#environment.log.warn("events were left out, as there is no more time to send them", {
      host: this.host,
      count,
    });
  }

  #add(name: ServerEventName, data: unknown): void {
    if (this.#abort.signal.aborted) return;
    const { now, uuid } = this.#environment;
    const timestamp = new Date(now()).toISOString();
    const message = { id: uuid(), name, body: JSON.stringify({ type: name, timestamp, data }) };
    if (this.#queue.length >= this.#options.maxQueue) return this.#tellLost(message);
    this.#queue.push(message);
    if (!this.#isSending) void this.#sendAll();
  }

  async #sendAll(): Promise<void> {
    this.#isSending = true;
    for (let message; (message = this.#queue[0]) !== undefined;) {
      await this.#deliver(message);
      this.#queue.shift();
    }
    this.#isSending = false;
    for (const resolve of this.#drained.splice(0)) resolve();
  }

  async #deliver(message: Message): Promise<void> {
    const { log } = this.#environment;
    for (let attempt = 0;; attempt++) {
      const failure = await this.#send(message);
      if (failure === undefined || this.#abort.signal.aborted) return;
      if (attempt < this.#options.retries && failure.mayTryAgain) {
        const waitMs = Math.min(FIRST_WAIT_MS * 2 ** attempt, LONGEST_WAIT_MS);
        await pause(waitMs, { clock: this.#environment.clock, signal: this.#abort.signal });
        continue;
      }
      log.warn("an event could not be sent", {
        host: this.host,
        event: message.name,
        reason: failure.reason,
        attempts: attempt + 1,
      });
      return;
    }
  }

  /** Resolves with why a message was not taken, if it was not. */
  async #send(
    { id, body }: Message,
  ): Promise<{ readonly reason: string; readonly mayTryAgain: boolean } | undefined> {
    const { url, timeoutMs } = this.#options;
    const { now, fetch } = this.#environment;
    const timestamp = String(Math.floor(now() / 1000));
    try {
      const { status } = await askByHttp(url, {
        method: "POST",
        headers: {
          "Content-Type": "application/json",
          "webhook-id": id,
          "webhook-timestamp": timestamp,
          ...this.#signatureOf(`${id}.${timestamp}.${body}`),
        },
        body,
        timeoutMs,
        maxBytes: 0,
        signal: this.#abort.signal,
      }, fetch);
      if (isSuccess(status)) return undefined;
      const mayTryAgain = status >= 500 || TRY_AGAIN.has(status);
      return { reason: `the answer is ${status}`, mayTryAgain };
    } catch (error) {
      const name = error instanceof Error ? error.name : "unknown";
      const reason = name === "TimeoutError"
        ? `there is no answer within ${timeoutMs} ms`
        : "it cannot be reached";
      return { reason, mayTryAgain: true };
    }
  }

  #signatureOf(text: string): Record<string, string> {
    if (this.#key === undefined) return {};
    const signature = createHmac("sha256", this.#key).update(text).digest("base64");
    return { "webhook-signature": `v1,${signature}` };
  }
}

function keyOf(path: string, secret: string): Uint8Array {
  if (secret.length < 16) {
    throw new EventOptionsError(path, "is wrong: a secret has at least 16 characters");
  }
  if (!secret.startsWith("whsec_")) return new TextEncoder().encode(secret);
  try {
    return Uint8Array.from(atob(secret.slice(6)), (character) => character.charCodeAt(0));
  } catch {
    throw new EventOptionsError(path, "what begins with whsec_ goes on in base64");
  }
}

function checkCount(
  path: string,
  value: number,
  { min, max }: { readonly min: number; readonly max: number },
): void {
  if (Number.isInteger(value) && value >= min && value <= max) return;
  throw new EventOptionsError(
    path,
    `must be a whole number from ${min} to ${max}: current value is ${value}`,
  );
}
