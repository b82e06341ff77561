import type { Clock } from "../hub/mod.ts";
import { type ServerLog, silentLog } from "../log/mod.ts";
import { saySame, succession } from "../rules/mod.ts";
import { checkHttpPermission, ServerError } from "../transport/mod.ts";
import { EventCommand } from "./event_command.ts";
import type { EventCommandOptions, WebhookOptions } from "./options.ts";
import type { ServerEvents } from "./server_events.ts";
import { startCommand } from "./started_command.ts";
import { Webhook } from "./webhook.ts";

/** What {@linkcode EventOutlets} tell. */
export interface ToldOptions {
  /** URLs that are told of events. */
  readonly webhooks?: readonly WebhookOptions[] | undefined;
  /** Programs that are run at them. */
  readonly commands?: readonly EventCommandOptions[] | undefined;
}

/** What {@linkcode EventOutlets} are made of. */
export interface EventOutletsOptions extends ToldOptions {
  /** Where it is told how that goes. */
  readonly log: ServerLog;
  /** Timers. */
  readonly clock: Clock;
  /** The server's own URLs on this machine. */
  readonly urls: () => Readonly<Record<"rtmp" | "rtsp", string>>;
  /** The streams that live. */
  readonly live: () => readonly string[];
}

/** What waits to be sent is given so long when the server stops, milliseconds. */
const CLOSE_MS = 500;

/** An outlet, and the options that it was made of. */
interface Made<Options, Outlet> {
  readonly options: Options;
  readonly outlet: Outlet;
}

/** The URLs and programs that hear of a server's events. */
export class EventOutlets {
  readonly #environment: Omit<EventOutletsOptions, keyof ToldOptions>;
  #webhooks: readonly Made<WebhookOptions, Webhook>[] = [];
  #commands: readonly Made<EventCommandOptions, EventCommand>[] = [];
  /** Those that are told of nothing any more, and have not come to an end. */
  readonly #leaving = new Set<Webhook | EventCommand>();
  #events: ServerEvents | undefined;

  /**
   * Reads what there is to be told.
   *
   * @throws {EventOptionsError} if an option is wrong
   */
  constructor({ webhooks, commands, ...environment }: EventOutletsOptions) {
    this.#environment = environment;
    this.#webhooks = this.#webhooksOf(webhooks);
    this.#commands = this.#commandsOf(commands);
  }

  /**
   * Sees whether all is permitted, and listens.
   *
   * @throws {ServerError} `permission` if a permission is missing, with the flag to add
   */
  open(events: ServerEvents): void {
    checkPermissions(this.#webhooks, this.#commands);
    this.#events = events;
    for (const { outlet } of [...this.#webhooks, ...this.#commands]) outlet.listen(events);
  }

  /**
   * Looks at what is to be told in place of what there is; what it returns has that hold from then on. Who is told as
   * before goes on, and so does a program that is run for other streams, for those that are the same. What is told no
   * more sends what waits, and its programs end as if the streams had; what is new is run for the streams that live.
   *
   * @throws {EventOptionsError} if an option is wrong: then nothing is changed, as below
   * @throws {ServerError} `permission` if a permission is missing, with the flag to add
   */
  prepare({ webhooks, commands }: ToldOptions): () => void {
    const nextWebhooks = this.#webhooksOf(webhooks);
    const nextCommands = this.#commandsOf(commands);
    if (this.#events !== undefined) checkPermissions(nextWebhooks, nextCommands);
    return () => {
      this.#webhooks = this.#replaced(this.#webhooks, nextWebhooks, {
        goesOnAs: (former, next) => saySame(former.options, next.options),
      });
      this.#commands = this.#replaced(this.#commands, nextCommands, {
        goesOnAs: (former, next) => former.outlet.runsAs(next.options),
        follow: (former, next) => former.follow(next),
      });
    };
  }

  /** Ends all programs that run, and begins no more. */
  async stopCommands(): Promise<void> {
    this.#events = undefined;
    const commands = [...this.#commands.map(({ outlet }) => outlet), ...this.#leaving];
    await Promise.all(
      commands.filter((one) => one instanceof EventCommand).map((command) => command.close()),
    );
  }

  /** Sends what waits, for half a second, and no more after that. */
  async close(): Promise<void> {
    const webhooks = [...this.#webhooks.map(({ outlet }) => outlet), ...this.#leaving];
    await Promise.all(
      webhooks.filter((one) => one instanceof Webhook).map((webhook) => webhook.close(CLOSE_MS)),
    );
  }

  #webhooksOf(webhooks: ToldOptions["webhooks"] = []): Made<WebhookOptions, Webhook>[] {
    const { log, clock } = this.#environment;
    return webhooks.map((options, index) => ({
      options,
      outlet: new Webhook(`webhooks[${index}]`, options, {
        log,
        clock,
        now: Date.now,
        uuid: () => crypto.randomUUID(),
        fetch,
      }),
    }));
  }

  #commandsOf(commands: ToldOptions["commands"] = []): Made<EventCommandOptions, EventCommand>[] {
    const environment = { ...this.#environment, start: startCommand };
    return commands.map((options, index) => ({
      options,
      outlet: new EventCommand(`commands[${index}]`, options, environment),
    }));
  }

  /** Returns the next ones, with the former in the place of each that goes on, and has the others begin and end. */
  #replaced<Options, Outlet extends Webhook | EventCommand>(
    former: readonly Made<Options, Outlet>[],
    next: readonly Made<Options, Outlet>[],
    { goesOnAs, follow }: {
      readonly goesOnAs: (
        former: Made<Options, Outlet>,
        next: Made<Options, Outlet>,
      ) => boolean;
      readonly follow?: (former: Outlet, next: Outlet) => void;
    },
  ): Made<Options, Outlet>[] {
    const { pairs, gone } = succession(former, next, { goesOnAs });
    for (const { outlet } of gone) this.#leave(outlet);
    return pairs.map(({ next: { options, outlet }, former }) => {
      if (former !== undefined) follow?.(former.outlet, outlet);
      else if (this.#events !== undefined) outlet.listen(this.#events);
      return { options, outlet: former?.outlet ?? outlet };
    });
  }

  #leave(outlet: Webhook | EventCommand): void {
    this.#leaving.add(outlet);
    void outlet.leave().then(() => this.#leaving.delete(outlet));
  }
}

function checkPermissions(
  webhooks: readonly Made<WebhookOptions, Webhook>[],
  commands: readonly Made<EventCommandOptions, EventCommand>[],
): void {
  for (const [index, { options: { url } }] of webhooks.entries()) {
    checkHttpPermission(`send events to webhooks[${index}]`, url);
  }
  for (const [index, { outlet: { program } }] of commands.entries()) {
    const { state } = Deno.permissions.querySync({ name: "run", command: program });
    if (state === "granted") continue;
    throw new ServerError(
      "permission",
      `Cannot run ${program} for commands[${index}] without permission: add --allow-run=${program}`,
    );
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
export function checkEventOptions({ webhooks, commands }: ToldOptions): void {
  const clock: Clock = { now: () => 0, setTimer: () => ({ cancel: () => {} }) };
  const urls = () => ({ rtmp: "", rtsp: "" });
  new EventOutlets({ webhooks, commands, log: silentLog, clock, urls, live: () => [] });
}
