import {
  denoTracer,
  EventOutlets,
  EventTraces,
  type ListeningHooks,
  listeningHooks,
  type ServerEvents,
  type ToldOptions,
} from "../events/mod.ts";
import denoConfig from "../../deno.json" with { type: "json" };
import type { ServerHooks } from "../gate/mod.ts";
import type { Hub } from "../hub/mod.ts";
import type { ServerLog } from "../log/mod.ts";
import { formatAddress, systemClock } from "../transport/mod.ts";
import type { LiveOptions, ServerOptions } from "./options.ts";
import type { ServerPart } from "./server_part.ts";
import type { ServerAddress } from "./statistics.ts";

/** What an {@linkcode EventDesk} is made of. */
export interface EventDeskOptions {
  /** The options of the server. */
  readonly options: ServerOptions;
  /** Where this is a part of a server, the whole tells, and this desk tells nobody. */
  readonly part: ServerPart | undefined;
  /** The hooks that decide. */
  readonly hooks: ServerHooks;
  /** Who hears of all within the program. */
  readonly events: ServerEvents;
  /** The streams. */
  readonly hub: Hub;
  /** Where the server listens. */
  readonly addresses: () => readonly ServerAddress[];
  /** The log for lines about the server. */
  readonly log: ServerLog;
}

/** Tells of what happens: the listeners of the program, URLs and programs. */
export class EventDesk {
  /** The hooks, which tell of all that they hear. */
  readonly hooks: ServerHooks;
  readonly #listening: ListeningHooks | undefined;
  readonly #isWhole: boolean;
  readonly #outlets: EventOutlets;
  readonly #events: ServerEvents;
  readonly #addresses: () => readonly ServerAddress[];

  /**
   * Makes a desk that tells only the program yet.
   *
   * @throws {EventOptionsError} if an option is wrong
   */
  constructor({ options, part, hooks, events, hub, addresses, log }: EventDeskOptions) {
    this.#events = events;
    this.#addresses = addresses;
    this.#listening = part === undefined
      ? listeningHooks(events, {
        hooks,
        clock: systemClock,
        lingerMs: () => hub.settings.lingerMs,
      })
      : undefined;
    this.hooks = this.#listening?.hooks ?? hooks;
    this.#isWhole = part === undefined;
    this.#outlets = new EventOutlets({
      ...(part === undefined ? toldOf(options) : {}),
      log,
      clock: systemClock,
      urls: () => ({ rtmp: this.#urlOf("rtmp"), rtsp: this.#urlOf("rtsp") }),
      live: () => this.#listening?.live() ?? [],
    });
  }

  /**
   * Tells URLs, programs, and who collects traces, from now on.
   *
   * @throws {ServerError} `permission` if a permission is missing, with the flag to add
   */
  open(): void {
    this.#outlets.open(this.#events);
    const tracer = this.#isWhole ? denoTracer(denoConfig.version) : undefined;
    if (tracer !== undefined) new EventTraces(tracer).open(this.#events);
  }

  /**
   * Looks at the URLs and programs that options name now; what it returns has them told from then on, in place of the
   * former.
   *
   * @throws {EventOptionsError} if an option is wrong
   * @throws {ServerError} `permission` if a permission is missing, with the flag to add
   */
  prepare(options: LiveOptions): () => void {
    return this.#isWhole ? this.#outlets.prepare(toldOf(options)) : () => {};
  }

  /** Ends the programs that run, and begins no more. */
  async stopCommands(): Promise<void> {
    await this.#outlets.stopCommands();
  }

  /** All connections have ended: tells what that ends, and nothing after that. */
  async close(): Promise<void> {
    this.#listening?.close();
    await this.#outlets.close();
  }

  /** Where programs of this machine reach a protocol; empty where it is not listened for. */
  #urlOf(protocol: "rtmp" | "rtsp"): string {
    const address = this.#addresses().find((one) => one.protocol === protocol);
    if (address === undefined) return "";
    const isAny = address.hostname === "0.0.0.0" || address.hostname === "::";
    const hostname = isAny ? "127.0.0.1" : address.hostname;
    return `${protocol}://${formatAddress({ hostname, port: address.port })}`;
  }
}

function toldOf({ webhooks, commands }: ToldOptions): ToldOptions {
  return { webhooks, commands };
}
