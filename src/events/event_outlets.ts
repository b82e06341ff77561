import type { Clock } from "../hub/mod.ts";
import { type ServerLog, silentLog } from "../log/mod.ts";
import { checkHttpPermission, ServerError } from "../transport/mod.ts";
import { EventCommand } from "./event_command.ts";
import type { EventCommandOptions, WebhookOptions } from "./options.ts";
import type { ServerEvents } from "./server_events.ts";
import { startCommand } from "./started_command.ts";
import { Webhook } from "./webhook.ts";

/** What {@linkcode EventOutlets} are made of. */
export interface EventOutletsOptions {
  /** URLs that are told of events. */
  readonly webhooks: readonly WebhookOptions[];
  /** Programs that are run at them. */
  readonly commands: readonly EventCommandOptions[];
  /** Where it is told how that goes. */
  readonly log: ServerLog;
  /** Timers. */
  readonly clock: Clock;
  /** The server's own URLs on this machine. */
  readonly urls: () => Readonly<Record<"rtmp" | "rtsp", string>>;
}

/** What waits to be sent is given so long when the server stops, milliseconds. */
const CLOSE_MS = 500;

/** The URLs and programs that hear of a server's events. */
export class EventOutlets {
  readonly #webhooks: readonly Webhook[];
  readonly #webhookUrls: readonly string[];
  readonly #commands: readonly EventCommand[];

  /**
   * Reads what there is to be told.
   *
   * @throws {EventOptionsError} if an option is wrong
   */
  constructor({ webhooks, commands, log, clock, urls }: EventOutletsOptions) {
    this.#webhookUrls = webhooks.map(({ url }) => url);
    this.#webhooks = webhooks.map((options, index) =>
      new Webhook(`webhooks[${index}]`, options, {
        log,
        clock,
        now: Date.now,
        uuid: () => crypto.randomUUID(),
        fetch,
      })
    );
    this.#commands = commands.map((options, index) =>
      new EventCommand(`commands[${index}]`, options, { log, clock, urls, start: startCommand })
    );
  }

  /**
   * Sees whether all is permitted, and listens.
   *
   * @throws {ServerError} `permission` if a permission is missing, with the flag to add
   */
  open(events: ServerEvents): void {
    for (const [index, url] of this.#webhookUrls.entries()) {
      checkHttpPermission(`send events to webhooks[${index}]`, url);
    }
    for (const [index, { program }] of this.#commands.entries()) {
      const { state } = Deno.permissions.querySync({ name: "run", command: program });
      if (state === "granted") continue;
      throw new ServerError(
        "permission",
        `Cannot run ${program} for commands[${index}] without permission: add --allow-run=${program}`,
      );
    }
    for (const outlet of [...this.#webhooks, ...this.#commands]) outlet.listen(events);
  }

  /** Ends all programs that run, and begins no more. */
  async stopCommands(): Promise<void> {
    await Promise.all(this.#commands.map((command) => command.close()));
  }

  /** Sends what waits, for half a second, and no more after that. */
  async close(): Promise<void> {
    await Promise.all(this.#webhooks.map((webhook) => webhook.close(CLOSE_MS)));
  }
}

/**
 * Checks what is to be told and run, as a server does that is made of it.
 *
 * @throws {EventOptionsError} if an option is wrong
 *
 * @example
 * ```ts
 * import { checkEventOptions } from "@weir/server/events";
 *
 * checkEventOptions({ commands: [{ on: "stream-ready", run: ["ffmpeg", "-i", "{rtmp}/{stream}"] }] });
 * ```
 */
export function checkEventOptions(
  { webhooks = [], commands = [] }: {
    readonly webhooks?: readonly WebhookOptions[];
    readonly commands?: readonly EventCommandOptions[];
  },
): void {
  const clock: Clock = { now: () => 0, setTimer: () => ({ cancel: () => {} }) };
  const urls = () => ({ rtmp: "", rtsp: "" });
  new EventOutlets({ webhooks, commands, log: silentLog, clock, urls });
}
