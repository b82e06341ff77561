import type { Clock, Hub } from "../hub/mod.ts";
import type { PeerLog, ServerLog } from "../log/mod.ts";
import { AddressCounter, AddressNames, AddressRate } from "./address_bounds.ts";
import type { AddressRanges } from "./address_ranges.ts";
import type { GateObserver } from "./gate_observer.ts";
import type { RefusedInfo } from "./refused_info.ts";
import type { Answer, Refusal } from "./answer.ts";
import type { PasswordMethod } from "./authentication.ts";
import type { Desk, GateCounts } from "./desk.ts";
import { type Guesses, GuessGuard } from "./guess_guard.ts";
import type { Arrival } from "./ask.ts";
import { Guest } from "./guest.ts";
import { HookCaller } from "./hook_caller.ts";
import type { ServerHooks } from "./hooks.ts";
import {
  type AddressLimit,
  boundOf,
  type GateLimits,
  gateLimits,
  type StreamTerms,
} from "./limits.ts";
import type { Leaving } from "./leaving.ts";
import type { NameClaims } from "./name_claims.ts";
import type { PastStreams } from "./past_streams.ts";
import type { Peers } from "./peers.ts";
import type { PublisherPlace } from "./publisher_place.ts";
import type { Tallies } from "./tallies.ts";
import type { Ticket } from "./ticket.ts";

/** Options of a {@linkcode Gate}. */
export interface GateOptions {
  /** The streams. */
  readonly hub: Hub;
  /** The hooks that decide, and those that only listen. */
  readonly hooks?: ServerHooks;
  /** Where the names of streams are shared with other hubs; without it those of this hub are all there are. */
  readonly claims?: NameClaims;
  /** Who knows the other machines of a cluster, which fetch streams for their own players. */
  readonly nodes?: Peers;
  /** What is counted together with other gates; by default this one counts for itself. */
  readonly shared?: GateShare | undefined;
  /** The log for lines about the server. */
  readonly log: ServerLog;
  /** The log for lines about clients. */
  readonly peers: PeerLog;
  /** Time. */
  readonly clock: Clock;
  /** Bounds, where they differ from the defaults. */
  readonly limits?: Partial<GateLimits>;
  /** How long a hook may take to decide, milliseconds. Default 30 000. */
  readonly hookMs?: number;
  /** The first number of a guest and of a ticket, and how they go on. Default 1 and 1. */
  readonly numbers?: { readonly first: number; readonly step: number };
  /** The addresses that may connect; all by default. */
  readonly addresses?: AddressRules;
  /** The terms of one stream, where they differ from those of all. */
  readonly termsOf?: (name: string) => StreamTerms;
}

/** What several gates of one server have together; what is left out each has for itself. */
export interface GateShare {
  /** Connections, and what else is counted by address. */
  readonly tallies?: Tallies;
  /** Who slows those that guess passwords. */
  readonly guesses?: Guesses;
  /** Who slows those that guess secret names. */
  readonly nameGuesses?: Guesses;
}

/** The rules of a gate that can be changed while it is open. */
export type GateRules = Pick<GateOptions, "limits" | "hookMs" | "addresses" | "termsOf">;

/** Which addresses may connect. What is no address, such as a Unix socket's, is in no range. */
export interface AddressRules {
  /** These alone; all where it is left out. */
  readonly allowed?: AddressRanges;
  /** All but these. */
  readonly denied?: AddressRanges;
}

/**
 * The one desk that every publisher and player passes, whatever door it comes by: it asks those who decide, keeps
 * the bounds, tells those who listen, and has the list of all who are in.
 *
 * It is pure: time is passed in, and it touches no sockets.
 *
 * @example
 * ```ts
 * import { Gate } from "@weir/server/gate";
 * import { Hub } from "@weir/server/hub";
 * import { PeerLog } from "@weir/server/log";
 *
 * const clock = { now: () => 0, setTimer: () => ({ cancel: () => {} }) };
 * const gate = new Gate({
 *   hub: new Hub({ clock }),
 *   log: console,
 *   peers: new PeerLog(console, clock),
 *   clock,
 *   hooks: { onPublish: ({ name }) => name === "live/cam" ? undefined : { refuse: "No such camera" } },
 * });
 * const arrival = gate.arrive({ protocol: "rtmp", remoteAddress: "192.0.2.7" });
 * if ("granted" in arrival) {
 *   const guest = arrival.granted;
 *   await guest.enter({ userAgent: "encoder" });
 *   console.log(await guest.publish({ name: "live/other" })); // { refused: "denied", why: "No such camera" }
 *   guest.leave({ clean: true, reason: "closed", message: "The peer has closed" });
 * }
 * ```
 */
export class Gate {
  readonly #desk: { -readonly [K in keyof Desk]: Desk[K] };
  readonly #guests = new Map<number, Guest>();
  readonly #tickets = new Map<number, Ticket>();
  readonly #numbers = new WeakMap<Ticket, number>();
  readonly #tallies: Tallies;
  #setLimits: Partial<GateLimits>;
  readonly #observers = new Set<GateObserver>();
  /** Which addresses may connect; `review` ends the connections of others. */
  addresses: AddressRules;
  readonly #step: number;
  #nextGuest: number;
  #nextTicket: number;

  /**
   * Makes a gate that nobody has come to yet.
   *
   * @throws {RangeError} if a limit is neither a whole number from 0 on nor Infinity, or `hookMs` is out of range
   */
  constructor(options: GateOptions) {
    const { hub, hooks = {}, log, peers, clock, hookMs = HOOK_MS } = options;
    const { limits, set } = gateLimits(options.limits ?? {});
    this.#setLimits = set;
    const { first, step } = options.numbers ?? { first: 1, step: 1 };
    this.#step = step;
    this.#nextGuest = first;
    this.#nextTicket = first;
    this.addresses = options.addresses ?? {};
    const caller = new HookCaller(log, { clock, hookMs });
    checkHookMs(hookMs);
    const { tallies, guesses, nameGuesses } = options.shared ?? {};
    this.#tallies = tallies ?? {
      connections: new AddressCounter(),
      handshakes: new AddressRate(),
      requests: new AddressRate(),
      waited: new AddressNames(),
    };
    this.#desk = {
      hub,
      hooks,
      claims: options.claims,
      leaving: undefined,
      past: undefined,
      nodes: options.nodes,
      log,
      peers,
      clock,
      limits,
      hookMs,
      caller,
      termsOf: options.termsOf ?? (() => NO_TERMS),
      rulesAge: 0,
      tell: (tell) => {
        caller.tell(() => tell(this.#desk.hooks));
        for (const observer of this.#observers) caller.tell(() => tell(observer));
      },
      tickets: () => this.#tickets.values(),
      guesses: guesses ?? new GuessGuard(clock),
      nameGuesses: nameGuesses ?? new GuessGuard(clock),
      waited: this.#tallies.waited,
      counts: {
        connections: 0,
        addresses: 0,
        invalid: 0,
        denied: 0,
        wrongCredentials: 0,
        challenged: 0,
        taken: 0,
        absent: 0,
        full: 0,
        leaving: 0,
        redirected: 0,
        expired: 0,
        bitrate: 0,
      },
      register: (ticket) => {
        const number = this.#nextTicket;
        this.#nextTicket += step;
        this.#numbers.set(ticket, number);
        this.#tickets.set(number, ticket);
        return number;
      },
      forget: (ticket) => void this.#tickets.delete(this.#numbers.get(ticket)!),
    };
  }

  /** The connections of clients, by number. */
  get guests(): ReadonlyMap<number, Guest> {
    return this.#guests;
  }

  /** All publishers and players, the server's own too, by number. */
  get tickets(): ReadonlyMap<number, Ticket> {
    return this.#tickets;
  }

  /** The counts of refusals so far. */
  get counts(): Readonly<GateCounts> {
    return this.#desk.counts;
  }

  /** What is allowed, by the limits that are set or by default. */
  get limits(): GateLimits {
    return this.#desk.limits;
  }

  /** The ways by which doors are to ask for passwords; `undefined` where each has its own. */
  get passwordMethods(): readonly PasswordMethod[] | undefined {
    return this.#desk.hooks.passwordMethods;
  }

  /** Who has what streams were some time ago: set by the server, where anything is kept. */
  set past(past: PastStreams | undefined) {
    this.#desk.past = past;
  }

  /** Resolves with the other machine of the cluster that has the publisher of a stream, where one has. */
  async placeOf(name: string): Promise<PublisherPlace | undefined> {
    return await this.#desk.nodes?.placeOf(name);
  }

  /** Tells `observer` of all that happens from now on; returns what stops that. */
  observe(observer: GateObserver): () => void {
    this.#observers.add(observer);
    return () => void this.#observers.delete(observer);
  }

  /**
   * Gives the gate other rules, which hold for all that is asked from now on, and by `review` for who is in. What is left
   * out has its default again.
   *
   * @throws as the constructor: then nothing is changed
   */
  configure(
    { limits: given = {}, hookMs = HOOK_MS, addresses = {}, termsOf = () => NO_TERMS }: GateRules,
  ): void {
    const { limits, set } = gateLimits(given);
    checkHookMs(hookMs);
    this.#setLimits = set;
    this.addresses = addresses;
    const desk = this.#desk;
    desk.caller.hookMs = hookMs;
    Object.assign(desk, { limits, hookMs, termsOf });
  }

  /**
   * Set, nobody new is let in to publish or play: clients are sent to another server where there is one, and refused
   * (`leaving`) where there is none. Who is in stays in, and so do the server's own, and other machines that fetch.
   */
  get leaving(): Leaving | undefined {
    return this.#desk.leaving;
  }

  set leaving(leaving: Leaving | undefined) {
    this.#desk.leaving = leaving;
  }

  /** What an address may have. */
  boundOf(key: AddressLimit, address: string): number {
    return boundOf(key, { address, set: this.#setLimits });
  }

  /** A client has connected. It counts until it is released. */
  arrive(arrival: Arrival): Answer<Guest> {
    const denied = this.#deniedAddress(arrival.remoteAddress);
    const refusal = denied ??
      (arrival.isUnbounded === true ? undefined : this.#overBounds(arrival));
    if (refusal !== undefined) {
      this.#desk.counts[denied === undefined ? "connections" : "addresses"]++;
      this.#tellRefused(arrival, refusal);
      return refusal;
    }
    const giveBack = this.#tallies.connections.take(arrival.remoteAddress);
    const id = this.#takeNumber();
    const guest = new Guest(this.#desk, {
      ...arrival,
      id,
      isOwn: false,
      onRelease: () => {
        giveBack();
        this.#guests.delete(id);
      },
    });
    this.#guests.set(id, guest);
    return { granted: guest };
  }

  /**
   * A client has opened a connection by which it makes requests, each of which arrives by itself: why it may not; or
   * `undefined`, and it is counted as one that was opened. An address that is not let in is told so by its requests.
   */
  refusesToOpen(
    { protocol, remoteAddress }: Pick<Arrival, "protocol" | "remoteAddress">,
  ): Refusal | undefined {
    const refusal = this.#overHandshakes(remoteAddress);
    if (refusal === undefined) return undefined;
    this.#desk.counts.connections++;
    this.#tellRefused({ protocol, remoteAddress }, refusal);
    return refusal;
  }

  /**
   * The server's own publishers and players: a relay, a recorder, a program. They are let in without a question, and
   * are seen like all others. `protocol` says what they are.
   */
  own(protocol: string): Guest {
    const id = this.#takeNumber();
    return new Guest(this.#desk, {
      protocol,
      remoteAddress: "",
      id,
      isOwn: true,
      onRelease: () => {},
    });
  }

  /** Ends a publisher or player by the number of its ticket; whether there was one. */
  kick(ticket: number, why: string): boolean {
    const found = this.#tickets.get(ticket);
    found?.kick(why);
    return found !== undefined;
  }

  /**
   * Looks at all who are in by the rules of now, since others have changed: ends connections whose addresses are not let
   * in any more, and publishers and players that may not stay (the hook `mayStay`), and has the others keep to the
   * bitrates of now. Bounds of how many there may be are for those who come. Resolves when all were asked.
   */
  async review(): Promise<void> {
    this.#desk.rulesAge++;
    const isDenied = (address: string) =>
      address !== "" && this.#deniedAddress(address) !== undefined;
    const gone = [...this.#guests.values()].filter(({ remoteAddress }) => isDenied(remoteAddress));
    // Sessions over UDP may outlive their connections.
    const outside = [...this.#tickets.values()].filter(({ info }) => isDenied(info.remoteAddress));
    for (const one of [...outside, ...gone]) one.kick(ADDRESS_DENIED);
    let ended = outside.length;
    const left = this.#tickets.values();
    // Some at a time: who decides may have to ask somebody else, who turns away what is too much at once.
    const looking = Array.from({ length: REVIEWED_AT_ONCE }, async () => {
      for (const ticket of left) if (await ticket.review?.() === false) ended++;
    });
    await Promise.all(looking);
    if (ended === 0 && gone.length === 0) return;
    this.#desk.log.info("the rules have changed, and whom they do not allow was sent away", {
      connections: gone.length,
      roles: ended,
    });
  }

  /** Lets those go that wait for anything: the server stops. */
  close(): void {
    this.#desk.guesses.close();
    this.#desk.nameGuesses.close();
  }

  #tellRefused(arrival: Arrival, { refused, why }: Refusal): void {
    const connection = { id: 0, app: "", userAgent: "", ...arrival };
    const info: RefusedInfo = { connection, action: "connect", name: "", refused, why };
    this.#desk.tell(({ onRefused }) => onRefused?.(info));
  }

  #deniedAddress(remoteAddress: string): Refusal | undefined {
    const { allowed, denied } = this.addresses;
    const mayCome = (allowed?.has(remoteAddress) ?? true) && !(denied?.has(remoteAddress) ?? false);
    return mayCome ? undefined : { refused: "denied", why: "the address is not let in" };
  }

  #takeNumber(): number {
    const number = this.#nextGuest;
    this.#nextGuest += this.#step;
    return number;
  }

  #overBounds({ remoteAddress, isRequest = false }: Arrival): Refusal | undefined {
    const { limits, clock } = this.#desk;
    const { connections, requests } = this.#tallies;
    if (connections.total >= limits.maxConnections) {
      return { refused: "full", why: `there are ${limits.maxConnections} connections` };
    }
    const mostConnections = this.boundOf("maxConnectionsPerAddress", remoteAddress);
    if (connections.of(remoteAddress) >= mostConnections) {
      return { refused: "full", why: `the address has ${mostConnections} connections` };
    }
    if (isRequest) {
      const nowMs = clock.now();
      const perSecond = this.boundOf("maxRequestsPerSecond", remoteAddress);
      if (requests.take(remoteAddress, { perSecond, nowMs })) return undefined;
      return { refused: "full", why: `the address makes over ${perSecond} requests a second` };
    }
    return this.#overHandshakes(remoteAddress);
  }

  #overHandshakes(remoteAddress: string): Refusal | undefined {
    const perSecond = this.boundOf("maxHandshakesPerSecond", remoteAddress);
    const nowMs = this.#desk.clock.now();
    if (this.#tallies.handshakes.take(remoteAddress, { perSecond, nowMs })) return undefined;
    return { refused: "full", why: `the address opens over ${perSecond} connections a second` };
  }
}

const NO_TERMS: StreamTerms = {};

/** Publishers and players that are looked at together, when the rules have changed. */
const REVIEWED_AT_ONCE = 100;

const ADDRESS_DENIED = "The address is not let in any more";

/** How long a hook may take where nothing else is said, milliseconds. */
const HOOK_MS = 30_000;

function checkHookMs(hookMs: number): void {
  if (hookMs >= 0 && hookMs <= LONGEST_TIMER_MS) return;
  throw new RangeError(
    `Cannot ask hooks as 'hookMs' must be from 0 to ${LONGEST_TIMER_MS}: current value is ${hookMs}`,
  );
}

/** The longest that a timer can be set for, milliseconds: a longer one would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;
