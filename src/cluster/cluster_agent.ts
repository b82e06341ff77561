import {
  type Answer,
  type ConnectionEnd,
  type Gate,
  type NameClaim,
  type NameClaims,
  type NameLease,
  PlayTicket,
  type PublishTicket,
} from "../gate/mod.ts";
import type { Clock, Hub, Stream, Timer } from "../hub/mod.ts";
import type { ServerLog } from "../log/mod.ts";
import { pause } from "../time/mod.ts";
import type { Carrier, PulledStream, PullEnd } from "./carrier.ts";
import type { Directory, Holder, Lease } from "./directory.ts";

/** Options of a {@linkcode ClusterAgent}. */
export interface ClusterAgentOptions {
  /** The name of this member, as others know it. */
  readonly member: string;
  /** Its streams. */
  readonly hub: Hub;
  /** Where the streams of all members are. */
  readonly directory: Directory;
  /** What brings them here. */
  readonly carrier: Carrier;
  /** Time and timers. */
  readonly clock: Clock;
  /** The log for lines about the server. */
  readonly log: ServerLog;
}

/** How often it is looked whether what is fetched is wanted still, milliseconds. */
const LOOK_MS = 250;

/** How long a stream is fetched on when nobody watches it any more, milliseconds. */
const IDLE_MS = 2000;

/** The first wait after a holder that could not be read from, and the longest, milliseconds. */
const FIRST_RETRY_MS = 20;
const LONGEST_RETRY_MS = 1000;

/** A stream that is looked for, or fetched. */
interface Fetch {
  readonly abort: AbortController;
  wantedAtMs: number;
}

/**
 * A member's part in the whole: it claims the names of its publishers in the directory, and has the streams fetched
 * that its players want and that others have. What is fetched is a publication as any other, which says `via` whom.
 */
export class ClusterAgent implements NameClaims {
  readonly #options: ClusterAgentOptions;
  readonly #fetches = new Map<string, Fetch>();
  #gate: Gate | undefined;
  #unobserve: (() => void) | undefined;
  #looking: Timer | undefined;

  /** Does nothing yet but claim. */
  constructor(options: ClusterAgentOptions) {
    this.#options = options;
  }

  /** The names that are looked for or fetched. */
  get fetched(): string[] {
    return [...this.#fetches.keys()];
  }

  /** Claims a name for a publisher of this member. */
  async claim({ name, identity, conflict, onLost }: NameClaim): Promise<Answer<NameLease>> {
    const { hub, directory, member } = this.#options;
    const silentMs = (): number => hub.get(name)?.publisher?.silentMs ?? Infinity;
    const policy = { identity, conflict, silentMs: hub.settingsOf(name).silentMs };
    return await directory.claim(name, { member, onLost, silentMs }, policy);
  }

  /** Looks from now on what the players of this member want. */
  start(gate: Gate): void {
    this.#gate = gate;
    const { hub } = this.#options;
    const look = (stream: Stream): void => this.#look(stream);
    this.#unobserve = hub.observe({
      onStreamWanted: look,
      onStreamLeft: (stream) => {
        // Other machines look for themselves where it goes on.
        for (const ticket of [...gate.tickets.values()]) {
          const isPeer = ticket instanceof PlayTicket && ticket.peer !== undefined;
          if (isPeer && ticket.request.name === stream.name) ticket.kick("The publisher has gone");
        }
        look(stream);
      },
      onStreamStart: ({ name, publication }) => {
        if (publication?.via === undefined) this.#fetches.get(name)?.abort.abort(NOT_WANTED);
      },
    });
    for (const stream of hub.streams) this.#look(stream);
  }

  /** Fetches nothing any more. */
  stop(): void {
    this.#unobserve?.();
    this.#gate = undefined;
    this.#looking?.cancel();
    for (const { abort } of this.#fetches.values()) abort.abort(NOT_WANTED);
    this.#options.carrier.close?.();
  }

  #look(stream: Stream): void {
    if (this.#gate === undefined || stream.publisher !== undefined || !stream.isWanted) return;
    if (this.#fetches.has(stream.name)) return;
    const fetch = { abort: new AbortController(), wantedAtMs: this.#options.clock.now() };
    this.#fetches.set(stream.name, fetch);
    this.#looking ??= this.#options.clock.setTimer(() => this.#lookWanted(), LOOK_MS);
    const forgo = this.#options.carrier.expect?.(stream.name);
    void this.#fetch(stream.name, { gate: this.#gate, signal: fetch.abort.signal }).finally(() => {
      forgo?.();
      this.#fetches.delete(stream.name);
      // Somebody may have come while the end was on its way.
      const now = this.#options.hub.get(stream.name);
      if (now !== undefined) this.#look(now);
    });
  }

  #lookWanted(): void {
    const { clock, hub } = this.#options;
    const nowMs = clock.now();
    for (const [name, fetch] of this.#fetches) {
      const stream = hub.get(name);
      if (stream?.isWanted === true) fetch.wantedAtMs = nowMs;
      const idleMs = stream?.publisher === undefined ? LOOK_MS : IDLE_MS;
      if (nowMs - fetch.wantedAtMs >= idleMs) fetch.abort.abort(NOT_WANTED);
    }
    this.#looking = this.#fetches.size === 0
      ? undefined
      : clock.setTimer(() => this.#lookWanted(), LOOK_MS);
  }

  /** Finds a stream and fetches it, from one holder after the other, until the signal is aborted. */
  async #fetch(
    name: string,
    { gate, signal }: { readonly gate: Gate; readonly signal: AbortSignal },
  ): Promise<void> {
    const { directory, member, log } = this.#options;
    let except: string | undefined;
    let retryMs = FIRST_RETRY_MS;
    try {
      while (!signal.aborted) {
        const holders = await directory.find(name, { member, signal, except });
        let end: PullEnd = "absent";
        for (const holder of holders) {
          end = await this.#pull(holder, { name, gate, signal });
          except = end === "ended" ? holder.id : undefined;
          // The next is for the case that this one cannot be read from, or is full.
          if (end === "ended" || signal.aborted) break;
        }
        if (end === "ended") retryMs = FIRST_RETRY_MS;
        else {
          await pause(retryMs, { clock: this.#options.clock, signal });
          retryMs = Math.min(2 * retryMs, LONGEST_RETRY_MS);
        }
      }
    } catch (error) {
      if (!signal.aborted) {
        log.error("a stream cannot be fetched", { stream: name, error: String(error) });
      }
    }
  }

  async #pull(
    holder: Holder,
    { name, gate, signal }: {
      readonly name: string;
      readonly gate: Gate;
      readonly signal: AbortSignal;
    },
  ): Promise<PullEnd> {
    const { carrier, directory, log, member } = this.#options;
    const guest = gate.own("cluster");
    const via = holder.member;
    const asked = await guest.publish({ name, via });
    if (!("granted" in asked)) return "unwanted";
    const ticket = asked.granted;
    const given = new AbortController();
    let replica: Lease | undefined;
    let end: PullEnd = "lost";
    try {
      end = await carrier.pull(holder, {
        name,
        signal: AbortSignal.any([signal, given.signal]),
        sink: {
          start: (pulled) => {
            const onEnded = ({ reason, message }: ConnectionEnd): void => {
              given.abort(NOT_WANTED);
              // Who ends it here means the publisher, not the copy.
              if (reason === "kicked") directory.end(name, message);
            };
            const started = this.#start(ticket, { pulled, onEnded });
            if (started) {
              log.debug("stream is fetched", { stream: name, via });
              // A member of this process has it from the one with the publisher, as others will.
              if (holder.url !== undefined) {
                replica = directory.announceReplica(name, { member, of: holder });
              }
            }
            return started;
          },
          take: (units) => {
            for (const unit of units) ticket.write(unit);
            ticket.commit();
            return true;
          },
        },
      });
      return end;
    } finally {
      replica?.release();
      ticket.end({ clean: end === "ended", reason: end, message: `The stream via ${via} is over` });
      guest.release();
    }
  }

  #start(
    ticket: PublishTicket,
    { pulled: { tracks, longestKeyIntervalUs, backChannel, epochUnixUs }, onEnded }: {
      readonly pulled: PulledStream;
      readonly onEnded: (end: ConnectionEnd) => void;
    },
  ): boolean {
    const started = ticket.start({
      onEnded,
      longestKeyIntervalUs,
      ...(tracks === undefined ? {} : { tracks }),
      ...(backChannel === undefined ? {} : { backChannel }),
      ...(epochUnixUs === undefined ? {} : { epochUnixUs }),
    });
    return "granted" in started;
  }
}

const NOT_WANTED = new Error("The stream is wanted no longer");
