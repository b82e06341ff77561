import { Elsewhere, type OtherNode } from "../cluster/mod.ts";
import { PlayTicket, type Ticket } from "../gate/mod.ts";
import type { ServerShell } from "./shell.ts";

/** A moment of a drain. */
export interface DrainStep {
  /** How long clients may take to leave, milliseconds; Infinity for as long as they like. */
  readonly totalMs: number;
  /** How much of that is left. */
  readonly leftMs: number;
  /** Where this machine stands. */
  readonly region: string;
  /** The machines that take its clients. */
  readonly nodes: readonly OtherNode[];
}

/** What a client is told that is ended. */
const GO_ELSEWHERE = "The server goes out of service: connect again, to go on at another";
const GOES = "The server goes out of service";

/** Those of all servers of this thread: they are no part of what programs see of one. */
const KEPT = new WeakMap<object, PartDrain>();

/**
 * Takes one part of a server out of service: nobody new is let in, and those who are there are told to move where their
 * protocol has words for it, and ended at last. Where there is somewhere to go, they are told over the first half of the
 * time and ended over the second, so that they do not all come to the others at once.
 */
export class PartDrain {
  readonly #shell: ServerShell;
  #elsewhere: Elsewhere | undefined;
  #told = new WeakSet<object>();
  #stepMs = 0;

  /** Keeps the one of a server, for the worker that it is. */
  static keep(server: object, drain: PartDrain): void {
    KEPT.set(server, drain);
  }

  /** The one of a server. */
  static of(server: object): PartDrain {
    return KEPT.get(server)!;
  }

  /** Lets everybody in still. */
  constructor(shell: ServerShell) {
    this.#shell = shell;
  }

  /** Goes on with it, or begins; to be called some times a second. Returns how many publishers and players are left. */
  step({ totalMs, leftMs, region, nodes }: DrainStep): number {
    const { gate, clock } = this.#shell;
    const nowMs = clock.now();
    if (this.#elsewhere === undefined) {
      this.#elsewhere = new Elsewhere(region);
      this.#stepMs = nowMs;
    }
    const passedMs = nowMs - this.#stepMs;
    this.#stepMs = nowMs;
    this.#elsewhere.nodes = nodes;
    gate.leaving = this.#elsewhere;
    const secondHalfMs = totalMs === Infinity ? 0 : totalMs / 2;
    if (nodes.length > 0) this.#tell(shareOf(passedMs, leftMs - secondHalfMs));
    const clients = this.#clients;
    if (leftMs <= 0) this.#end(clients, 1);
    else if (nodes.length > 0 && leftMs < secondHalfMs) {
      this.#end(clients, shareOf(passedMs, leftMs));
    }
    return this.#clients.length;
  }

  /** Lets everybody in again; who was told to move may still do so. */
  undo(): void {
    this.#elsewhere = undefined;
    this.#told = new WeakSet();
    this.#shell.gate.leaving = undefined;
  }

  /** Publishers and players of clients. Other machines fetch on, as long as there is something. */
  get #clients(): Ticket[] {
    return [...this.#shell.gate.tickets.values()].filter((ticket) =>
      !ticket.isOwn && !isPeer(ticket)
    );
  }

  /** Tells a share of those who were not told yet, to go elsewhere. */
  #tell(share: number): void {
    const { gate, served, hub } = this.#shell;
    const machines = new Set<number>();
    for (const ticket of [...gate.tickets.values()]) {
      if (!isPeer(ticket)) continue;
      machines.add(ticket.info.connection);
      // A copy is to be had of others.
      const isCopy = hub.get(ticket.info.stream)?.publication?.via !== undefined;
      if (isCopy && !this.#told.has(ticket)) ticket.kick("The machine goes out of service");
      this.#told.add(ticket);
    }
    const untold = [...served].filter(([connection, { id }]) =>
      connection.hasRole && !this.#told.has(connection) && !machines.has(id)
    );
    for (const [connection] of untold.slice(0, Math.ceil(untold.length * share))) {
      this.#told.add(connection);
      connection.move?.(this.#elsewhere!);
    }
  }

  /** Ends a share of them, publishers first: players have the stream from where those go. */
  #end(clients: readonly Ticket[], share: number): void {
    const inOrder = clients.toSorted((a, b) => rank(a) - rank(b));
    const why = this.#elsewhere!.nodes.length > 0 ? GO_ELSEWHERE : GOES;
    for (const ticket of inOrder.slice(0, Math.ceil(clients.length * share))) ticket.kick(why);
  }
}

function isPeer(ticket: Ticket): boolean {
  return ticket instanceof PlayTicket && ticket.peer !== undefined;
}

function rank({ info }: Ticket): number {
  return info.action === "publish" ? 0 : 1;
}

/** Which share of what is left is due now, for all to be done by the end of the time. */
function shareOf(passedMs: number, leftMs: number): number {
  return leftMs <= passedMs ? 1 : leftMs === Infinity ? 1 : passedMs / leftMs;
}
