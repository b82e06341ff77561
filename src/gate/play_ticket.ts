import { HubError, type Stream } from "../hub/mod.ts";
import type { LogFields } from "../log/mod.ts";
import { LATE, within } from "../time/mod.ts";
import { type Answer, type ConnectionEnd, type NotGranted, refusalOf } from "./answer.ts";
import type { Admitted } from "./authentication.ts";
import type { Desk } from "./desk.ts";
import { FROM_PARAMETER, type PastStream } from "./past_streams.ts";
import type { PeerPass } from "./peers.ts";
import { sentTo } from "./publisher_place.ts";
import type { StreamRequest } from "./stream_request.ts";
import type { TicketWiring } from "./publish_ticket.ts";
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

/** The facts that a door states when its player begins. */
export interface PlayStart {
  /** Called once when the player is kicked; its client is to be told. */
  readonly onEnded: (end: ConnectionEnd) => void;
  /** Further fields of the log line of the start, beside connection and stream. */
  readonly fields?: LogFields;
  /** Further fields of the log line of the end, beside those that the desk fills in. */
  readonly endFields?: () => LogFields;
  /** Bytes that it was sent so far, which the bound of its bitrate is about. */
  readonly bytes?: () => number;
}

/** How long a player waits at least where names are shared with other hubs, milliseconds. */
const LEAST_FETCH_MS = 1000;

/** Nearly nobody talks. */
const NOT_TALKING: readonly Admitted[] = [];

/** The leave to play a stream, which need not be published yet. */
export class PlayTicket implements Ticket {
  /** The request that was granted. */
  readonly request: StreamRequest;
  /** The user that the player has proved to be. */
  readonly user: string | undefined;
  /** The name that was asked for: a secret, where it is another than that of the request. */
  readonly askedName: string;
  /** Whether it is one of the server's own. */
  readonly isOwn: boolean;
  /** The leave of another machine, where the player is one. */
  readonly peer: PeerPass | undefined;
  readonly #desk: Desk;
  readonly #wiring: TicketWiring;
  readonly #watch: TicketWatch;
  readonly #id: number;
  readonly #sinceMs: number;
  /** The functions that answer the questions for the stream that still wait. */
  #waiting: Set<(answer: Answer<Stream>) => void> | undefined;
  /** What it was let in for to talk, where it does. */
  #talks: readonly Admitted[] = NOT_TALKING;
  #past: PastStream | undefined;
  #start: PlayStart | undefined;
  #startedMs = 0;
  #ended = false;
  /** How it was sent away, if it was. */
  #sentAway: ConnectionEnd | undefined;

  /** Made by {@linkcode Guest.play}. */
  constructor(desk: Desk, wiring: TicketWiring) {
    this.#desk = desk;
    this.#wiring = wiring;
    this.request = wiring.request;
    this.user = wiring.user;
    this.askedName = wiring.askedName;
    this.isOwn = wiring.isOwn;
    this.peer = wiring.peer;
    this.#sinceMs = desk.clock.now();
    this.#id = desk.register(this);
    this.#watch = new TicketWatch(desk.clock);
    this.#watch.expire(wiring.expiresInMs, () => this.#expire());
  }

  /** Its description as of now. */
  get info(): TicketInfo {
    return ticketInfo(this, {
      id: this.#id,
      action: "play",
      state: this.#ended
        ? "ended"
        : this.#start !== undefined
        ? "live"
        : this.#waiting !== undefined
        ? "waiting"
        : "granted",
      ageMs: Math.round(this.#desk.clock.now() - this.#sinceMs),
      bytes: this.#start?.bytes?.() ?? 0,
    });
  }

  /** Whether the player is being served. */
  get isStarted(): boolean {
    return this.#start !== undefined;
  }

  /**
   * Resolves with the stream once it is live: at once where it is, else within `waitMs` or not at all (`absent`).
   * Names that are waited for are counted by address, apart from streams; over the bound it is `full`. `onWait` is
   * called where there is something to wait for. To end the ticket ends the waiting.
   */
  async stream(
    options: { readonly waitMs: number; readonly onWait?: () => void },
  ): Promise<Answer<Stream>> {
    const { hub, clock, limits, waited, counts, claims } = this.#desk;
    const { name, connection: { remoteAddress } } = this.request;
    const absent = { refused: "absent", why: `There is no stream ${name}` } as const;
    if (this.#ended) return absent;
    if (this.request.query.has(FROM_PARAMETER)) return await this.past();
    const live = hub.get(name);
    if (live?.isLive) return { granted: live };
    const most = limits.maxWaitedNamesPerAddress;
    const isOver = waited.of(remoteAddress) >= most && !waited.has(remoteAddress, name);
    if (isOver && remoteAddress !== "") {
      counts.full++;
      return { refused: "full", why: `Players of this address wait for ${most} streams already` };
    }
    let stream: Stream;
    try {
      stream = hub.stream(name);
    } catch (error) {
      if (!(error instanceof HubError)) throw error;
      counts.full++;
      return refusalOf(error);
    }
    const { promise, resolve } = Promise.withResolvers<Answer<Stream>>();
    const giveBack = waited.take(remoteAddress, name);
    (this.#waiting ??= new Set()).add(resolve);
    // What is at another hub is there too, and takes a moment to come.
    const waitMs = claims === undefined ? options.waitMs : Math.max(options.waitMs, LEAST_FETCH_MS);
    const unwatch = stream.watch(() => resolve({ granted: stream }));
    options.onWait?.();
    const waitedFor = await within(promise, { clock, ms: waitMs });
    const answer = waitedFor === LATE ? absent : waitedFor;
    unwatch();
    this.#waiting?.delete(resolve);
    if (this.#waiting?.size === 0) this.#waiting = undefined;
    giveBack();
    if ("granted" in answer) return this.#ended ? absent : answer;
    if (!this.#ended) counts.absent++;
    return answer;
  }

  /** When what it is shown begins, milliseconds since 1970, where that is not live. */
  get startUnixMs(): number | undefined {
    return this.#past?.startUnixMs;
  }

  /**
   * Resolves with the stream as it was, from the time on that the query of its request says, or from `fromUnixMs` on:
   * the player's own, which goes with the ticket.
   */
  async past(from?: { readonly fromUnixMs: number }): Promise<Answer<Stream>> {
    const { past } = this.#desk;
    if (this.#past !== undefined && from === undefined) return { granted: this.#past.stream };
    const answer: Answer<PastStream> = past === undefined
      ? { refused: "absent", why: `Nothing is kept of ${this.request.name}` }
      : await past.open(this.request, from);
    if (!("granted" in answer)) return await this.#pastElsewhere(answer);
    if (this.#ended) {
      answer.granted.close();
      return { refused: "absent", why: "The player has gone meanwhile" };
    }
    this.#past?.close();
    this.#past = answer.granted;
    return { granted: this.#past.stream };
  }

  /** What is not kept here is kept by the machine that has the publisher, if by any. */
  async #pastElsewhere(away: NotGranted): Promise<NotGranted> {
    const { nodes, counts } = this.#desk;
    const isAbsent = "refused" in away && away.refused === "absent";
    const place = isAbsent ? await nodes?.placeOf(this.request.name) : undefined;
    const { elsewhere } = this.#wiring;
    const answer = isAbsent && place !== undefined
      ? sentTo(place, { why: away.why, elsewhere })
      : away;
    if ("redirect" in answer) counts.redirected++;
    else if ("refused" in answer) counts[answer.refused]++;
    return answer;
  }

  /** The player is being served from now on: the hooks are told. False where it has been ended, or is at once. */
  start(start: PlayStart): boolean {
    if (this.#ended) return false;
    if (this.#start !== undefined) return true;
    this.#start = start;
    this.#startedMs = this.#desk.clock.now();
    const { request } = this;
    this.#wiring.log.info(`${request.connection.protocol} play started`, {
      connection: request.connection.id,
      stream: request.name,
      ...peerFields(this),
      ...start.fields,
    });
    if (start.bytes !== undefined) this.#limitBitrate(start.bytes);
    if (this.peer === undefined) this.#desk.tell(({ onPlayStart }) => onPlayStart?.(request));
    return !this.#ended;
  }

  /** The player is no longer served, or never will be; `fields` are for the log. Harmless when repeated. */
  end(fields: LogFields = {}): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#watch.stop();
    this.#desk.forget(this);
    const why = `There is no stream ${this.request.name}`;
    for (const answer of this.#waiting ?? []) answer({ refused: "absent", why });
    this.peer?.release();
    this.#past?.close();
    if (this.#start === undefined) return;
    const { request } = this;
    this.#wiring.log.info(`${request.connection.protocol} play ended`, {
      connection: request.connection.id,
      stream: request.name,
      seconds: secondsSince(this.#startedMs, this.#desk.clock),
      reason: "closed",
      ...fields,
      ...this.#start.endFields?.(),
      ...(this.#sentAway === undefined ? {} : { reason: this.#sentAway.reason }),
    });
    if (this.peer === undefined) this.#desk.tell(({ onPlayEnd }) => onPlayEnd?.(request));
  }

  /**
   * Ends the player, and has its client told why. One that has not begun loses its connection; one that waits is
   * told first.
   */
  kick(why: string): void {
    if (this.#ended || this.#sentAway !== undefined) return;
    const hasWaited = this.#waiting !== undefined;
    this.#sendAway(kickedEnd(why));
    if (this.#start === undefined && !hasWaited) this.#wiring.kickGuest(why);
  }

  /** The player talks to who publishes, too: it is ended when it may not do that any more. */
  talks(
    { user, grounds }: { readonly user: string | undefined; readonly grounds?: unknown },
  ): void {
    const request = { ...this.request, ...(user === undefined ? {} : { user }) };
    this.#talks = [{ ...request, action: "talk", grounds }];
  }

  /** Sees whether it may stay by the rules and bounds of now, and ends it if not; resolves with whether it stays. */
  async review(): Promise<boolean> {
    if (this.isOwn || this.peer !== undefined) return true;
    const { request } = this;
    const { grounds } = this.#wiring;
    const asked = [{ ...request, action: "play", grounds } as const, ...this.#talks];
    const answers = await Promise.all(asked.map((admitted) => whyNotStay(this.#desk, admitted)));
    const why = answers.find((answer) => answer !== undefined);
    if (this.#ended || this.#sentAway !== undefined) return true;
    if (why !== undefined) {
      this.kick(why);
      return false;
    }
    if (this.#start?.bytes !== undefined) this.#limitBitrate(this.#start.bytes);
    return true;
  }

  /** One that has not begun cannot any more. */
  #expire(): void {
    this.#desk.counts.expired++;
    this.#sendAway(EXPIRED);
  }

  #limitBitrate(bytes: () => number): void {
    if (this.isOwn) return;
    const { limits, termsOf, counts } = this.#desk;
    const limitBps = termsOf(this.request.name).maxPlayerBitrateBps ?? limits.maxPlayerBitrateBps;
    this.#watch.limitBitrate(limitBps, {
      bytes,
      onOver: () => {
        counts.bitrate++;
        this.#sendAway(bitrateEnd({ action: "play", limitBps }));
      },
    });
  }

  #sendAway(end: ConnectionEnd): void {
    if (this.#ended || this.#sentAway !== undefined) return;
    this.#sentAway = end;
    const why = end.message;
    for (const answer of this.#waiting ?? []) answer({ refused: "denied", why, close: end });
    try {
      // The door ends it, and says what it has had.
      this.#start?.onEnded(end);
    } finally {
      this.end();
    }
  }
}
