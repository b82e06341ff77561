import type { Ticket } from "../gate/mod.ts";
import type { ServerLog } from "../log/mod.ts";
import type { ServerAgent } from "./server_core.ts";

/** How often it is looked, milliseconds. */
const EACH_MS = 5000;

/** Says in the log what should be changed at an encoder: each advice once a publisher, and where that is. */
export class HealthWatch implements ServerAgent {
  readonly #tickets: () => Iterable<Ticket>;
  readonly #log: ServerLog;
  /** What was said of each publisher. */
  readonly #said = new WeakMap<Ticket, Set<string>>();
  #nextMs = 0;

  /** Looks at `tickets`, and tells `log`. */
  constructor(
    options: { readonly tickets: () => Iterable<Ticket>; readonly log: ServerLog },
  ) {
    this.#tickets = options.tickets;
    this.#log = options.log;
  }

  /** Passes time on. */
  tick(nowMs: number): void {
    if (nowMs < this.#nextMs) return;
    this.#nextMs = nowMs + EACH_MS;
    for (const ticket of this.#tickets()) this.#look(ticket);
  }

  #look(ticket: Ticket): void {
    const advice = ticket.via === undefined ? ticket.health?.advice ?? [] : [];
    if (advice.length === 0) return;
    const said = this.#said.get(ticket) ?? new Set();
    this.#said.set(ticket, said);
    const { stream, connection } = ticket.info;
    for (const { code, message } of advice) {
      if (said.has(code)) continue;
      said.add(code);
      this.#log.info(`stream health: ${message}`, { stream, connection, about: code });
    }
  }
}
