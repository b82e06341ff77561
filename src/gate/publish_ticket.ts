import {
  type BackChannelSource,
  HubError,
  type Publication,
  type PublishOptions,
} from "../hub/mod.ts";
import { StreamHealth, type StreamHealthReport } from "../health/mod.ts";
import type { LogFields, ServerLog } from "../log/mod.ts";
import type { MediaUnit, Track } from "../media/mod.ts";
import { type Answer, type ConnectionEnd, type Refusal, refusalOf } from "./answer.ts";
import { FlvTrackProbe, tracksAfter } from "../transmux/mod.ts";
import type { Desk } from "./desk.ts";
import type { SameElsewhere } from "./leaving.ts";
import type { PeerPass } from "./peers.ts";
import type { NameLease } from "./name_claims.ts";
import type { StreamRequest } from "./stream_request.ts";
import {
  bitrateEnd,
  EXPIRED,
  kickedEnd,
  peerFields,
  secondsSince,
  type Ticket,
  type TicketInfo,
  ticketInfo,
} from "./ticket.ts";
import { TicketWatch } from "./ticket_watch.ts";
import { whyNotStay } from "./why_not_stay.ts";

/** The facts that a door states when its publisher begins. */
export interface PublishStart {
  /** The tracks, where they are known before the first unit. */
  readonly tracks?: readonly Track[];
  /** The wall-clock time of time 0 of its units by its own clock, where it is known: see `PublishOptions` of the hub. */
  readonly epochUnixUs?: () => number | undefined;
  /** The longest time between two key frames lately: see `PublishOptions` of the hub. */
  readonly longestKeyIntervalUs?: number | undefined;
  /** How it can be talked to, where it can. */
  readonly backChannel?: BackChannelSource;
  /**
   * Called once when the publisher is ended by somebody else: another publisher has taken over, or it was
   * kicked. The name is given back already; the client is to be told.
   */
  readonly onEnded: (end: ConnectionEnd) => void;
  /** Further fields of the log line of the start, beside connection and stream. */
  readonly fields?: LogFields;
  /** Further fields of the log line of the end, beside those that the desk fills in. */
  readonly endFields?: () => LogFields;
}

/** Wiring of a ticket. */
export interface TicketWiring {
  /** The request that was granted. */
  readonly request: StreamRequest;
  /** The name that was asked for: a secret, where it is another than that of the request. */
  readonly askedName: string;
  /** The user that was proved. */
  readonly user: string | undefined;
  /** How long the permission holds, milliseconds. */
  readonly expiresInMs: number | undefined;
  /** What `authenticate` has said that the permission rests on. */
  readonly grounds?: unknown;
  /** How many times the rules had changed when it was asked. */
  readonly rulesAge?: number;
  /** Whether it is one of the server's own. */
  readonly isOwn: boolean;
  /** Nobody had to prove anything. */
  readonly isOpen?: boolean;
  /** How it would ask another server for the same. */
  readonly elsewhere?: SameElsewhere | undefined;
  /** The log for lines about its client. */
  readonly log: ServerLog;
  /** The leave of another machine of the cluster, which fetches for its players: no hook is told of it. */
  readonly peer?: PeerPass | undefined;
  /** Ends the connection of a ticket that was not used yet. */
  readonly kickGuest: (why: string) => void;
}

/**
 * The leave to publish a stream. The name is taken by `start`: of a protocol that asks first and records later,
 * such as RTSP, a client may go away in between.
 */
export class PublishTicket implements Ticket {
  /** The request that was granted. */
  readonly request: StreamRequest;
  /** The user that the publisher has proved to be. */
  readonly user: string | undefined;
  /** The name that was asked for: a secret, where it is another than that of the request. */
  readonly askedName: string;
  /** Whether it is one of the server's own. */
  readonly isOwn: boolean;
  readonly #desk: Desk;
  readonly #wiring: TicketWiring;
  readonly #watch: TicketWatch;
  readonly #identity: string | undefined;
  /** Where the stream is fetched from; the publisher itself is then another hub's, with the claim and the hooks. */
  readonly #via: string | undefined;
  readonly #isFallback: boolean;
  #lease: NameLease | undefined;
  readonly #id: number;
  readonly #sinceMs: number;
  readonly #health = new StreamHealth();
  /** Learns the tracks of a publisher that tells none. */
  readonly #probe = new FlvTrackProbe();
  #publication: Publication | undefined;
  #start: PublishStart | undefined;
  #startedMs = 0;
  /** The door does not know yet that its publisher has begun: what ends it now is the answer to its start. */
  #isStarting = false;
  #end: ConnectionEnd | undefined;

  /** Made by {@linkcode Guest.publish}. */
  constructor(
    desk: Desk,
    wiring: TicketWiring & {
      /** The identity that the conflict policy compares. */
      readonly identity: string | undefined;
      /** Where the stream is fetched from, when its publisher is at another hub. */
      readonly via?: string | undefined;
      /** Whether players see it only while they would see nothing else. */
      readonly isFallback?: boolean;
    },
  ) {
    this.#desk = desk;
    this.#wiring = wiring;
    this.request = wiring.request;
    this.user = wiring.user;
    this.askedName = wiring.askedName;
    this.isOwn = wiring.isOwn;
    this.#identity = wiring.identity;
    this.#via = wiring.via;
    this.#isFallback = wiring.isFallback ?? false;
    this.#sinceMs = desk.clock.now();
    this.#id = desk.register(this);
    this.#watch = new TicketWatch(desk.clock);
    this.#watch.expire(wiring.expiresInMs, () => this.#expire());
  }

  /** Its description as of now. */
  get info(): TicketInfo {
    return ticketInfo(this, {
      id: this.#id,
      action: "publish",
      state: this.#end !== undefined
        ? "ended"
        : this.#publication === undefined
        ? "granted"
        : "live",
      ageMs: Math.round(this.#desk.clock.now() - this.#sinceMs),
      bytes: this.#publication?.statistics.bytes ?? 0,
    });
  }

  /** Where the stream is fetched from, when its publisher is at another hub. */
  get via(): string | undefined {
    return this.#via;
  }

  /** How well it publishes, as far as this hub sees; `undefined` before it has begun, and of a fallback. */
  get health(): StreamHealthReport | undefined {
    if (this.#publication === undefined || this.#isFallback) return undefined;
    return this.#health.report(this.#desk.clock.now());
  }

  /** The tracks, as far as they are known. */
  get tracks(): readonly Track[] {
    const publication = this.#publication;
    if (publication?.tracks === undefined) return this.#probe.tracks;
    const stream = this.#desk.hub.get(this.request.name);
    // While players see something else, those headers are of that.
    const units = stream?.publication === publication ? stream.headers.units : [];
    return units.reduce(tracksAfter, publication.tracks);
  }

  /** The hold on the stream, from `start` on. */
  get publication(): Publication | undefined {
    return this.#publication;
  }

  /**
   * Claims the name from the other hubs that share it, where there are any; resolves with how that is refused, if it
   * is. For doors whose clients ask first and begin later: it is to be called before `start`. May be called again.
   */
  async claim(): Promise<Refusal | undefined> {
    const { claims, hub, termsOf } = this.#desk;
    const { name } = this.request;
    if (claims === undefined || this.#via !== undefined || this.#lease !== undefined) {
      return undefined;
    }
    // Who has no place here must not send a publisher away elsewhere.
    const full = this.check();
    if (full !== undefined) return full;
    const answer = await claims.claim({
      name,
      identity: this.#identity,
      conflict: termsOf(name).conflict ?? hub.settingsOf(name).conflict,
      onLost: (end) => this.#endedByOther(end),
    });
    if (!("granted" in answer)) {
      const refusal: Refusal = "refused" in answer
        ? answer
        : { refused: "denied", why: "The name cannot be had" };
      return this.#refuse(refusal);
    }
    // The client may have gone meanwhile.
    if (this.#end !== undefined) {
      answer.granted.release();
      return refusalOfEnd(this.#end);
    }
    this.#lease = answer.granted;
    return undefined;
  }

  /**
   * How it would be refused if it began now, as far as this hub knows; it takes nothing. For doors whose clients have to
   * show what they are before they may replace another publisher.
   */
  check(): Refusal | undefined {
    if (this.#end !== undefined) return refusalOfEnd(this.#end);
    try {
      this.#desk.hub.checkFree(this.request.name, this.#bid(this.#desk.claims !== undefined));
      return undefined;
    } catch (error) {
      if (error instanceof HubError) return this.#refuse(refusalOf(error));
      throw error;
    }
  }

  /**
   * Takes the name, and tells the hooks. Where one of those, or whoever else hears of it, sends the publisher away
   * at once, that is the answer, and `onEnded` is not called.
   */
  start(start: PublishStart): Answer<Publication> {
    if (this.#end !== undefined) return refusalOfEnd(this.#end);
    if (this.#publication !== undefined) return { granted: this.#publication };
    const { hub } = this.#desk;
    const { request } = this;
    let publication: Publication;
    this.#isStarting = true;
    try {
      publication = hub.acquire(request.name, {
        ...this.#bid(this.#lease !== undefined),
        ...(start.tracks === undefined ? {} : { tracks: start.tracks }),
        ...(start.epochUnixUs === undefined ? {} : { epochUnixUs: start.epochUnixUs }),
        longestKeyIntervalUs: start.longestKeyIntervalUs,
        ...(start.backChannel === undefined ? {} : { backChannel: start.backChannel }),
        onEnded: (reason, message) =>
          this.#endedByOther(reason === "closed" ? STOPPED : { clean: false, reason, message }),
      });
    } catch (error) {
      this.#isStarting = false;
      this.#lease?.release();
      this.#lease = undefined;
      if (!(error instanceof HubError)) throw error;
      return this.#refuse(refusalOf(error));
    }
    // Those who were told of the change of publishers may have sent this one away.
    if (this.#end !== undefined) {
      publication.release();
      return refusalOfEnd(this.#end);
    }
    this.#publication = publication;
    this.#start = start;
    this.#startedMs = this.#desk.clock.now();
    this.#wiring.log.info(`${request.connection.protocol} publish started`, {
      connection: request.connection.id,
      stream: request.name,
      ...peerFields(this),
      ...start.fields,
    });
    this.#limitBitrate(publication);
    if (this.#via === undefined) {
      this.#desk.tell(({ onPublishStart }) => onPublishStart?.({ ...request, bytes: 0, units: 0 }));
    }
    this.#isStarting = false;
    // The hook may have sent it away.
    if (this.#end !== undefined) return refusalOfEnd(this.#end);
    return { granted: publication };
  }

  /** Adds a unit to the stream; false, and nothing is added, when the stream is no longer held. */
  write(unit: MediaUnit): boolean {
    if (this.#publication?.write(unit) !== true) return false;
    if (this.#isFallback) return true;
    const { hooks, caller, clock } = this.#desk;
    this.#health.take(unit, clock.now());
    this.#probe.take(unit);
    if (this.#via === undefined && hooks.onUnit !== undefined) {
      caller.tell(() => hooks.onUnit?.(this.request, unit));
    }
    return true;
  }

  /** Ends a batch of units: readers are woken as the flush policy says. */
  commit(): void {
    this.#publication?.commit();
  }

  /** Gives the name back, and tells the hooks; harmless when repeated. */
  end(end: ConnectionEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#watch.stop();
    this.#desk.forget(this);
    const publication = this.#publication;
    if (publication === undefined) return this.#lease?.release();
    const { request } = this;
    publication.commit();
    // Who sends a publisher away does not want to see the rest of it.
    if (end.reason === "kicked") publication.drop();
    else publication.release();
    this.#lease?.release();
    const { bytes, units } = publication.statistics;
    this.#wiring.log.info(`${request.connection.protocol} publish ended`, {
      connection: request.connection.id,
      stream: request.name,
      seconds: secondsSince(this.#startedMs, this.#desk.clock),
      bytes,
      units,
      reason: end.reason,
      ...this.#start?.endFields?.(),
    });
    if (this.#via === undefined) {
      this.#desk.tell(({ onPublishEnd }) => onPublishEnd?.({ ...request, bytes, units }, end));
    }
  }

  /** Ends the publisher, and has its client told why; one that has not begun loses its connection. */
  kick(why: string): void {
    if (this.#end !== undefined) return;
    const wasUsed = this.#publication !== undefined || this.#isStarting;
    this.#endedByOther(kickedEnd(why));
    if (!wasUsed) this.#wiring.kickGuest(why);
  }

  /** Sees whether it may stay by the rules and bounds of now, and ends it if not; resolves with whether it stays. */
  async review(): Promise<boolean> {
    if (this.isOwn) return true;
    const { request } = this;
    const { grounds } = this.#wiring;
    const why = await whyNotStay(this.#desk, { ...request, action: "publish", grounds });
    if (this.#end !== undefined) return true;
    if (why !== undefined) {
      this.kick(why);
      return false;
    }
    if (this.#publication !== undefined) this.#limitBitrate(this.#publication);
    return true;
  }

  /**
   * By what it has the name, or another: what is decided for all hubs is not decided here again; what is fetched gives
   * way to who is here.
   */
  #bid(isForAll: boolean): Pick<PublishOptions, "via" | "conflict" | "isFallback" | "identity"> {
    const identity = this.#identity === undefined ? {} : { identity: this.#identity };
    if (this.#isFallback) return { ...identity, isFallback: true };
    if (this.#via !== undefined) return { ...identity, via: this.#via, conflict: "reject" };
    if (isForAll) return { ...identity, conflict: "takeover" };
    const { conflict } = this.#desk.termsOf(this.request.name);
    return conflict === undefined ? identity : { ...identity, conflict };
  }

  /** Counts a refusal that comes after the client was let in, and tells those who listen. */
  #refuse(refusal: Refusal): Refusal {
    const { refused, why } = refusal;
    const { connection, name } = this.request;
    this.#desk.counts[refused]++;
    this.#desk.tell(({ onRefused }) =>
      onRefused?.({ connection, action: "publish", name, refused, why })
    );
    // Who has asked by a key has shown that instead of the name.
    return this.askedName === name ? refusal : { ...refusal, hidesName: true };
  }

  /** One that has not begun is told so when it wants to. */
  #expire(): void {
    this.#desk.counts.expired++;
    this.#endedByOther(EXPIRED);
  }

  #limitBitrate(publication: Publication): void {
    if (this.isOwn) return;
    const { limits, termsOf } = this.#desk;
    const limitBps = termsOf(this.request.name).maxPublisherBitrateBps ??
      limits.maxPublisherBitrateBps;
    this.#watch.limitBitrate(limitBps, {
      bytes: () => publication.statistics.bytes,
      onOver: () => {
        this.#desk.counts.bitrate++;
        this.#endedByOther(bitrateEnd({ action: "publish", limitBps }));
      },
    });
  }

  #endedByOther(end: ConnectionEnd): void {
    if (this.#end !== undefined) return;
    this.end(end);
    if (!this.#isStarting) this.#start?.onEnded(end);
  }
}

/** The end of a publisher when the hub is closed. */
const STOPPED: ConnectionEnd = {
  clean: false,
  reason: "stopped",
  message: "The server has stopped",
};

/** The refusal to start a publisher that has been ended before it began. */
function refusalOfEnd({ reason, message }: ConnectionEnd): Refusal {
  const isSentAway = reason === "kicked" || reason === EXPIRED.reason;
  const kind = isSentAway ? "denied" : reason === "replaced" ? "taken" : "absent";
  return { refused: kind, why: message };
}
