import { HubError, type Stream } from "../../hub/mod.ts";
import { RtpError, type SrtpMasterKey } from "../../rtp/mod.ts";
import type { Track } from "../../media/mod.ts";
import {
  formatRtspUrl,
  parseRtspUrl,
  publishedMedia,
  RTSP_BACK_CHANNEL,
  type RtspAnnounceEvent,
  type RtspDescribeEvent,
  RtspError,
  type RtspParameterEvent,
  type RtspPlayEvent,
  type RtspQuestionEvent,
  type RtspRecordEvent,
  type RtspServerConnection,
  type RtspServerEvent,
  type RtspServerSession,
  type RtspSetupEvent,
  type RtspVerdict,
  type SessionDescription,
  withRtspPath,
} from "../../rtsp/mod.ts";
import { describeBackChannel, tracksOfSdp } from "../../transmux/mod.ts";
import { type Shell, streamNameOf } from "../mod.ts";
import type { Transport } from "../../transport/mod.ts";
import {
  type Answer,
  type Ask,
  type ConnectionEnd,
  type Guest,
  type NotGranted,
  type PlayTicket,
  type PublishTicket,
  type RefusalKind,
  refusalOf,
  type SameElsewhere,
} from "../../gate/mod.ts";
import type { ServerLog } from "../../log/mod.ts";
import { describeStream, trackChoiceOf } from "../../wire/mod.ts";
import type { RtspCarrier } from "./media_session.ts";
import type { PlayingSession } from "./playing_session.ts";
import type { RtspService } from "./rtsp_service.ts";
import {
  type ClientKey,
  clientKeyOf,
  newMasterKey,
  protect,
  protectedDescription,
  protectionOf,
  SessionProtection,
} from "./session_protection.ts";
import { shownCredentials } from "./shown_credentials.ts";

/** A question about a stream. */
type StreamQuestion = RtspDescribeEvent | RtspAnnounceEvent | RtspSetupEvent;

/** Where a stream is, as a client has written it. */
type StreamPlace = Pick<StreamQuestion, "path" | "query">;

/** What the server keeps with a session until it plays or records. */
interface SessionNotes {
  readonly ticket: PlayTicket | PublishTicket;
  readonly tracks: readonly Track[];
  /** Of a publisher: which media of its description each track is. */
  readonly media?: readonly number[];
}

/** Streams that a client may have described to it before it sets one up. */
const MAX_DESCRIBED = 16;

/** What {@linkcode RtspAnswers} need. */
export interface RtspAnswersOptions {
  readonly connection: RtspServerConnection;
  readonly guest: Guest;
  readonly service: RtspService;
  /** Carries the sessions that the answers open. */
  readonly carrier: RtspCarrier;
  readonly transport: Transport;
  /** Whether packets that SRTP protects are offered on the connection. */
  readonly isProtectable: boolean;
}

/** Answers the questions of one RTSP connection, as the gate wants it. */
export class RtspAnswers {
  /** How the connection ends once the answer under way is out; `undefined` where it goes on. */
  endAfter: ConnectionEnd | undefined = undefined;
  readonly #shell: Shell;
  readonly #connection: RtspServerConnection;
  readonly #guest: Guest;
  readonly #service: RtspService;
  readonly #carrier: RtspCarrier;
  readonly #transport: Transport;
  readonly #isProtectable: boolean;
  /** The key that the descriptions of this connection have told, for the session that follows. */
  #describedKey: SrtpMasterKey | undefined;
  readonly #log: ServerLog;
  /**
   * Who may play what was described, by name and query, until a session takes the ticket: a player is asked about
   * once, and with another query it is another player.
   */
  readonly #described = new Map<string, PlayTicket>();

  /** Asks the gate nothing yet. */
  constructor(shell: Shell, options: RtspAnswersOptions) {
    this.#shell = shell;
    this.#connection = options.connection;
    this.#guest = options.guest;
    this.#service = options.service;
    this.#carrier = options.carrier;
    this.#transport = options.transport;
    this.#isProtectable = options.isProtectable;
    this.#log = shell.peers.of(options.transport.remoteAddress);
  }

  /** Answers a question; resolves with the events that follow. */
  to(event: RtspQuestionEvent): Promise<RtspServerEvent[]> {
    return Promise.try(() => this.#decide(event)).catch((error) => this.#refuse(event, error));
  }

  #decide(event: RtspQuestionEvent): RtspServerEvent[] | Promise<RtspServerEvent[]> {
    switch (event.type) {
      case "describe":
        return this.#describe(event);
      case "announce":
        return this.#announce(event);
      case "setup":
        return this.#setUp(event);
      case "play":
        return this.#play(event);
      case "record":
        return this.#record(event);
      case "parameter":
        return this.#answerParameter(event);
      case "authorize":
        return this.#authorize(event);
    }
  }

  #refuse(event: RtspQuestionEvent, error: unknown): RtspServerEvent[] {
    if (error instanceof HubError) return this.#turnAway(event, refusalOf(error));
    this.#log.error("rtsp request failed", {
      connection: this.#guest.id,
      error: String(error),
    });
    return this.#connection.reject(event, 500, { reason: "Internal error", close: true });
  }

  async #describe(event: RtspDescribeEvent): Promise<RtspServerEvent[]> {
    const { clock, log, timing } = this.#shell;
    const asked = await this.#mayPlay(event);
    if (!("ticket" in asked)) return asked.events;
    const { ticket } = asked;
    const found = await ticket.stream({ waitMs: timing.describeWaitMs });
    if (!("granted" in found)) return this.#turnAway(event, found);
    const { name, query } = ticket.request;
    const described = await describeStream(found.granted, {
      clock,
      log,
      waitMs: timing.describeWaitMs,
      choice: trackChoiceOf(query),
    });
    if (described === undefined) return this.#rejectStream(event, found.granted, query);
    let plain = { ...described.description, ...this.#multicastConnection(event, name) };
    if (event.wantsBackChannel) {
      const withBack = await this.#withBackChannel(event, { ticket, stream: found.granted, plain });
      if (!("description" in withBack)) return withBack.events;
      plain = withBack.description;
    }
    const description = this.#isProtectable
      ? protectedDescription(plain, this.#describedKey ??= newMasterKey())
      : plain;
    return this.#connection.acceptDescribe(event, { description, identity: ticket.user });
  }

  /**
   * The description with the back channel behind it (ONVIF Streaming Specification, 5.3.2). Who cannot be shown one is
   * told 551, and then asks for the stream alone.
   */
  async #withBackChannel(
    event: RtspDescribeEvent,
    from: {
      readonly ticket: PlayTicket;
      readonly stream: Stream;
      readonly plain: SessionDescription;
    },
  ): Promise<
    { readonly description: SessionDescription } | { readonly events: RtspServerEvent[] }
  > {
    const { ticket, stream, plain } = from;
    const { backChannel } = stream.publication ?? {};
    const unsupported = (reason: string) => {
      const headers = { Unsupported: RTSP_BACK_CHANNEL };
      return { events: this.#connection.reject(event, 551, { headers, reason }) };
    };
    if (backChannel === undefined) {
      return unsupported(`The publisher of ${stream.name} cannot be talked to`);
    }
    const leave = await this.#guest.talk(withQueryOf(ticket, { ask: this.#askOf(event), event }));
    // Who might show more is asked for it; who may not plays all the same.
    if ("refused" in leave && leave.close === undefined) return unsupported(leave.why);
    if (!("granted" in leave)) return { events: this.#turnAway(event, leave) };
    const media = plain.media.map((one) => ({ ...one, direction: "recvonly" as const }));
    const back = describeBackChannel(backChannel.formats, media.length);
    return { description: { ...plain, media: [...media, back] } };
  }

  /** R092: VLC asks for multicast by the query, and sets it up only where the description has a group. */
  #multicastConnection(
    event: RtspDescribeEvent,
    name: string,
  ): Pick<SessionDescription, "connection"> {
    const isAsked = new URLSearchParams(event.query ?? "").has("vlcmulticast");
    const group = isAsked ? this.#service.datagrams.multicast?.groups.of(name, 0) : undefined;
    if (group === undefined) return {};
    const { address, ttl } = group;
    return { connection: { addressType: "IP4", address, ttl } };
  }

  async #announce(event: RtspAnnounceEvent): Promise<RtspServerEvent[]> {
    const away = await this.#enter(event, event);
    if (away !== undefined) return away;
    // The name is claimed by RECORD, which may never come.
    const asked = await this.#guest.publish({ ...this.#askOf(event), isLater: true });
    if (!("granted" in asked)) return this.#turnAway(event, asked);
    const ticket = asked.granted;
    const media = publishedMedia(event.description);
    const tracks = tracksOfSdp({ media: media.map((index) => event.description.media[index]!) });
    // A publisher that announces twice means what it says last.
    endAnnounced(event.session);
    event.session.data = { ticket, tracks, media } satisfies SessionNotes;
    return this.#connection.acceptAnnounce(event, { identity: ticket.user });
  }

  async #setUp(event: RtspSetupEvent): Promise<RtspServerEvent[]> {
    const fault = this.#protect(event);
    if (fault !== undefined) return fault;
    if (event.mode === "record") {
      return this.#connection.acceptSetup(event, { headers: keyHeader(event, undefined) });
    }
    const { clock, log, timing } = this.#shell;
    let identity: string | undefined;
    if (event.session.data === undefined) {
      const asked = await this.#mayPlay(event);
      if (!("ticket" in asked)) return asked.events;
      const { ticket } = asked;
      const found = await ticket.stream({ waitMs: timing.describeWaitMs });
      if (!("granted" in found)) return this.#turnAway(event, found);
      const stream = found.granted;
      const described = await describeStream(stream, {
        clock,
        log,
        waitMs: timing.describeWaitMs,
        choice: trackChoiceOf(ticket.request.query),
      });
      if (described === undefined) return this.#rejectStream(event, stream, ticket.request.query);
      const most = described.tracks.length - (stream.publication?.backChannel ? 0 : 1);
      if (event.track > most) return this.#rejectTrack(event);
      const group = event.transport.kind === "multicast" ? event.transport.address : undefined;
      // From here on the ticket is the session's.
      this.#forget(ticket);
      const { format } = this.#service.openPlayer(event.session, {
        stream,
        group,
        tracks: described.tracks,
        ticket,
        carrier: this.#carrier,
      });
      // The log that other players share may have been described a little differently.
      event.session.data = { ticket, tracks: format.tracks } satisfies SessionNotes;
      identity = ticket.user;
    }
    const { tracks, ticket } = event.session.data as SessionNotes;
    const playing = this.#service.playing(event.session);
    if (event.track === tracks.length && playing !== undefined) {
      const events = await this.#setUpTalk(event, { ticket: ticket as PlayTicket, playing });
      this.#service.dropUnregistered(event.session);
      return events;
    }
    const format = playing?.format;
    const events = event.track >= tracks.length || format === undefined
      ? this.#rejectTrack(event)
      : this.#connection.acceptSetup(event, {
        ssrc: format.senders[event.track]!.ssrc,
        headers: keyHeader(event, format.senders[event.track]!.ssrc),
        ...(identity === undefined ? {} : { identity }),
      });
    this.#service.dropUnregistered(event.session);
    return events;
  }

  /** Lets a client talk that may, where nobody else does: the camera is asked for that now. */
  async #setUpTalk(
    event: RtspSetupEvent,
    { ticket, playing }: { readonly ticket: PlayTicket; readonly playing: PlayingSession },
  ): Promise<RtspServerEvent[]> {
    const { session, track, transport } = event;
    if (transport.kind === "multicast") {
      return this.#connection.reject(event, 461, { reason: "Nobody talks by multicast" });
    }
    if (playing.stream.publication?.backChannel === undefined) return this.#rejectTrack(event);
    if (transport.isProtected && event.request.headers.get("KeyMgmt") === undefined) {
      return this.#connection.reject(event, 400, { reason: "The key of the packets is not told" });
    }
    const leave = await this.#guest.talk(withQueryOf(ticket, { ask: this.#askOf(event), event }));
    if (!("granted" in leave)) return this.#turnAway(event, leave);
    const talk = this.#service.openTalk(playing, {
      connection: this.#guest.id,
      address: session.address,
      track,
      ordered: transport.kind === "tcp",
      expiresInMs: leave.granted.expiresInMs,
    });
    try {
      await talk.take();
    } catch (error) {
      if (error instanceof HubError) return this.#turnAway(event, refusalOf(error));
      const reason = error instanceof Error ? error.message : String(error);
      return this.#connection.reject(event, 502, { reason: `It cannot be talked to: ${reason}` });
    }
    playing.hear(talk);
    ticket.talks(leave.granted);
    const identity = ticket.user;
    const events = this.#connection.acceptSetup(event, {
      isBackChannel: true,
      headers: keyHeader(event, undefined),
      ...(identity === undefined ? {} : { identity }),
    });
    // The session, or its connection, may have ended meanwhile.
    const isSetUp = session.tracks.some((one) => one.track === track);
    if (!isSetUp || this.#service.playing(session) !== playing) talk.close("refused");
    return events;
  }

  /** Takes the key that the client tells where packets are protected; the answer where it cannot be used. */
  #protect(event: RtspSetupEvent): RtspServerEvent[] | undefined {
    const { session, transport, track } = event;
    if (transport.kind === "multicast" || transport.isProtected !== true) return undefined;
    let key: ClientKey | undefined;
    try {
      const { description } = session;
      key = clientKeyOf(event.request.headers.get("KeyMgmt"), { description, track });
    } catch (error) {
      if (!(error instanceof RtpError || error instanceof RtspError)) throw error;
      return this.#connection.reject(event, 400, { reason: error.message });
    }
    if (event.mode === "record" && key === undefined) {
      return this.#connection.reject(event, 400, { reason: "The key of the packets is not told" });
    }
    let protection = protectionOf(session);
    if (protection === undefined) {
      // A publisher by SDES is told no key: its own is for both directions.
      const isTold = event.request.headers.get("KeyMgmt") !== undefined;
      const own = event.mode === "play"
        ? this.#describedKey ?? newMasterKey()
        : isTold
        ? newMasterKey()
        : key!.master;
      // A session of its own has a key of its own.
      if (event.mode === "play") this.#describedKey = undefined;
      protection = new SessionProtection(own);
      protect(session, protection);
    }
    protection.expect(track, key);
    return undefined;
  }

  /** Nothing could be described: the stream has nothing that RTSP carries, or has ended meanwhile. */
  #rejectStream(
    event: RtspDescribeEvent | RtspSetupEvent,
    { name, isLive }: Stream,
    query: URLSearchParams,
  ): RtspServerEvent[] {
    const [status, reason] = isLive
      ? [
        415,
        `The stream ${name} has nothing that RTSP players can be sent${ofChoice(query)}`,
      ] as const
      : [404, `There is no stream ${name}`] as const;
    return this.#connection.reject(event, status, { reason });
  }

  #rejectTrack(event: RtspSetupEvent): RtspServerEvent[] {
    return this.#connection.reject(event, 404, { reason: `There is no track ${event.track}` });
  }

  /**
   * There is no parameter that could be set (RFC 2326, 10.9); a client that asks for one wants to know whether
   * the server lives.
   */
  #answerParameter(event: RtspParameterEvent): RtspServerEvent[] {
    return event.request.method === "SET_PARAMETER"
      ? this.#connection.reject(event, 451)
      : this.#connection.acceptParameter(event);
  }

  async #play(event: RtspPlayEvent): Promise<RtspServerEvent[]> {
    const { range, session, request } = event;
    const asked = await this.#takeOver(event, (ask) => this.#guest.play(ask));
    if (!("ticket" in asked)) return asked.events;
    const ticket = asked.ticket as PlayTicket;
    const fault = range?.unit === "clock" && range.start !== undefined
      ? await this.#moveTo(event, { ticket, fromUnixMs: range.start })
      : undefined;
    if (fault !== undefined) return fault;
    const playing = this.#service.playing(session);
    const { startUnixMs } = ticket;
    playing?.present(ticket, this.#carrier);
    return this.#connection.acceptPlay(event, {
      rtpInfo: playing?.trackStarts ?? [],
      range: startUnixMs === undefined
        ? LIVE
        : { unit: "clock", start: startUnixMs, end: undefined },
      // It is as fast as it was (RFC 2326, 12.34).
      ...(request.headers.get("Scale") === undefined ? {} : { headers: { Scale: "1" } }),
    });
  }

  /** Has a session that was set up play from another time on (RFC 2326, 3.7); the answer where it cannot. */
  async #moveTo(
    event: RtspPlayEvent,
    { ticket, fromUnixMs }: { readonly ticket: PlayTicket; readonly fromUnixMs: number },
  ): Promise<RtspServerEvent[] | undefined> {
    const playing = this.#service.playing(event.session);
    if (playing === undefined) return undefined;
    const refuse = (reason: string): RtspServerEvent[] =>
      this.#connection.reject(event, 457, { reason });
    if (ticket.isStarted) return refuse("A session that has begun to play stays at its time");
    const found = await ticket.past({ fromUnixMs });
    if (!("granted" in found)) return refuse("refused" in found ? found.why : "Not allowed");
    if (playing.moveTo(found.granted)) return undefined;
    return refuse("A multicast is at the time that it is at for all");
  }

  /**
   * The ticket by which a session begins. A session over UDP is bound to no connection (RFC 2326, 3): the one that has
   * set it up may have gone, and with it what it was allowed, and another go on; then that one is asked about.
   */
  async #takeOver(
    event: RtspPlayEvent | RtspRecordEvent,
    ask: (ask: Ask) => Promise<Answer<PlayTicket | PublishTicket>>,
  ): Promise<
    { readonly ticket: PlayTicket | PublishTicket } | { readonly events: RtspServerEvent[] }
  > {
    const notes = event.session.data as SessionNotes;
    const { ticket } = notes;
    if (ticket.info.state !== "ended") return { ticket };
    const { path = "", query } = event.session;
    const place = { path, query };
    const away = await this.#enter(event, place);
    if (away !== undefined) return { events: away };
    const asked = await ask({
      name: ticket.askedName,
      query: ticket.request.query,
      credentials: shownCredentials(event),
      locate: (redirect) => locate(redirect, event),
      elsewhere: this.#elsewhere(place),
    });
    if (!("granted" in asked)) return { events: this.#turnAway(event, asked) };
    event.session.data = { ...notes, ticket: asked.granted } satisfies SessionNotes;
    return { ticket: asked.granted };
  }

  async #record(event: RtspRecordEvent): Promise<RtspServerEvent[]> {
    const { tracks, media = [] } = event.session.data as SessionNotes;
    const asked = await this.#takeOver(
      event,
      (ask) => this.#guest.publish({ ...ask, isLater: true }),
    );
    if (!("ticket" in asked)) return asked.events;
    const { ticket } = asked;
    const away = await (ticket as PublishTicket).claim();
    if (away !== undefined) return this.#turnAway(event, away);
    const refused = this.#service.openPublisher(event.session, {
      tracks,
      media,
      ticket: ticket as PublishTicket,
      carrier: this.#carrier,
    });
    if (refused !== undefined) return this.#turnAway(event, refused);
    const events = this.#connection.acceptRecord(event);
    // Another connection may have ended the session since the client asked.
    this.#service.dropUnregistered(event.session);
    return events;
  }

  async #authorize(
    event: Extract<RtspQuestionEvent, { type: "authorize" }>,
  ): Promise<RtspServerEvent[]> {
    const notes = event.session.data as SessionNotes | undefined;
    if (notes === undefined) return this.#connection.reject(event, 454);
    const action = event.session.description === undefined ? "play" : "publish";
    const { askedName, request: { query } } = notes.ticket;
    const proved = await this.#guest.prove(action, {
      name: askedName,
      query,
      credentials: shownCredentials(event),
    });
    if (!("granted" in proved)) return this.#turnAway(event, proved);
    return this.#connection.acceptAuthorize(event, {
      identity: proved.granted ?? this.#transport.remoteAddress,
    });
  }

  /**
   * The ticket of a player, asked for once: at its DESCRIBE or, without one, its first SETUP. Who it is has to be
   * shown with each request.
   */
  async #mayPlay(
    event: RtspDescribeEvent | RtspSetupEvent,
  ): Promise<{ readonly ticket: PlayTicket } | { readonly events: RtspServerEvent[] }> {
    const away = await this.#enter(event, event);
    if (away !== undefined) return { events: away };
    const ask = this.#askOf(event);
    const known = this.#knownTicket(event, ask.name);
    if (known !== undefined && known.info.state !== "ended") {
      const proved = await this.#guest.prove("play", withQueryOf(known, { ask, event }));
      if (!("granted" in proved)) return { events: this.#turnAway(event, proved) };
      if (proved.granted === known.user) return { ticket: known };
    }
    const asked = await this.#guest.play(
      known === undefined ? ask : withQueryOf(known, { ask, event }),
    );
    if (!("granted" in asked)) return { events: this.#turnAway(event, asked) };
    this.#remember(asked.granted);
    return { ticket: asked.granted };
  }

  /** The ticket of what was described; a client that leaves the query out at SETUP means what it was given last. */
  #knownTicket({ type, query }: StreamQuestion, name: string): PlayTicket | undefined {
    const ticket = this.#described.get(describedKey({ name, query: new URLSearchParams(query) }));
    if (ticket !== undefined || type !== "setup" || query !== undefined) return ticket;
    return [...this.#described.values()].findLast(({ askedName }) => askedName === name);
  }

  #remember(ticket: PlayTicket): void {
    const key = keyOfTicket(ticket);
    this.#described.get(key)?.end();
    this.#described.delete(key);
    this.#described.set(key, ticket);
    const [oldest] = this.#described.values();
    if (this.#described.size <= MAX_DESCRIBED || oldest === undefined) return;
    this.#forget(oldest);
    oldest.end();
  }

  #forget(ticket: PlayTicket): void {
    this.#described.delete(keyOfTicket(ticket));
  }

  /** Introduces the client, once; returns the answer that turns it away. */
  async #enter(
    event: RtspQuestionEvent,
    place: StreamPlace,
  ): Promise<RtspServerEvent[] | undefined> {
    const userAgent = event.request.headers.get("User-Agent") ?? "";
    if (this.#guest.info === undefined) {
      this.#log.debug(`rtsp connect from ${this.#transport.remoteName}`, {
        connection: this.#guest.id,
        userAgent,
      });
    }
    const entered = await this.#guest.enter({
      userAgent,
      locate: (redirect) => locate(redirect, event),
      elsewhere: this.#elsewhere(place),
    });
    // Nobody asks about the connection a second time.
    return "granted" in entered ? undefined : this.#turnAway(event, entered, { close: true });
  }

  #askOf(event: StreamQuestion): Ask {
    return {
      name: streamNameOf(event.path),
      query: new URLSearchParams(event.query ?? ""),
      credentials: shownCredentials(event),
      locate: (redirect) => locate(redirect, event),
      elsewhere: this.#elsewhere(event),
    };
  }

  /** The same stream at another server. */
  #elsewhere({ path, query }: StreamPlace): SameElsewhere {
    return {
      scheme: this.#guest.protocol,
      urlAt: (base) => base + path + (query === undefined ? "" : `?${query}`),
    };
  }

  /** Refuses a question, asks for credentials, or sends the client elsewhere, as the gate wants it. */
  #turnAway(
    event: RtspQuestionEvent,
    answer: NotGranted,
    options: { readonly close?: boolean } = {},
  ): RtspServerEvent[] {
    if ("challenge" in answer) return this.#connection.challenge(event, verdictOn(event));
    if ("refused" in answer) {
      this.endAfter = answer.close;
      const reason = answer.why;
      return this.#connection.reject(event, STATUS[answer.refused], { ...options, reason });
    }
    const headers = { Location: answer.redirect };
    // The log gets no credentials, and no query, which may hold some.
    const [target] = formatRtspUrl(parseRtspUrl(answer.redirect)).split("?", 1);
    const reason = `Redirected to ${target}`;
    return this.#connection.reject(event, 302, { ...options, reason, headers });
  }
}

/** Tells the client the key of what it will be sent, where that is protected. */
function keyHeader(
  event: RtspSetupEvent,
  ssrc: number | undefined,
): Readonly<Record<string, string>> {
  const protection = protectionOf(event.session);
  return protection === undefined ? {} : { KeyMgmt: protection.keyMgmt(event.request.url, ssrc) };
}

/** That a player has chosen tracks, in words. */
function ofChoice(query: URLSearchParams): string {
  const choice = trackChoiceOf(query);
  return choice === undefined ? "" : ` of video ${choice.video} and audio ${choice.audio}`;
}

/** What a refusal of the gate is in RTSP. */
const STATUS: Readonly<Record<RefusalKind, number>> = {
  invalid: 400,
  denied: 403,
  taken: 403,
  full: 503,
  leaving: 503,
  absent: 404,
};

function describedKey(
  { name, query }: { readonly name: string; readonly query: URLSearchParams },
): string {
  return `${name}?${query}`;
}

/** A client that leaves the query out at SETUP means what it was given last: tokens and signatures stand in it. */
function withQueryOf(
  known: PlayTicket,
  { ask, event }: { readonly ask: Ask; readonly event: StreamQuestion },
): Ask {
  return event.query === undefined ? { ...ask, query: known.request.query } : ask;
}

/** A client asks again by the name that it has asked by. */
function keyOfTicket({ askedName, request }: PlayTicket): string {
  return describedKey({ name: askedName, query: request.query });
}

/** Gives up what a publisher was allowed and has not begun; what it has begun is the service's to end. */
export function endAnnounced({ data }: RtspServerSession): void {
  const { ticket } = data as SessionNotes | undefined ?? {};
  if (ticket?.info.action !== "publish" || ticket.info.state !== "granted") return;
  (ticket as PublishTicket).end({
    clean: true,
    reason: "unused",
    message: "The session has ended before it was recorded",
  });
}

/** What is wrong with the credentials that the gate wants to see. */
function verdictOn(event: RtspQuestionEvent): Exclude<RtspVerdict, "granted"> {
  const shown = shownCredentials(event);
  // Who shows a token has not been told yet what to show.
  if (shown.kind === "none" || shown.kind === "token") return "missing";
  return shown.kind === "digest" && shown.isStale?.() ? "stale" : "wrong";
}

/** The URL that a client is told of a redirection's: an RTSP URL, or a path of the server that it has asked. */
function locate(redirect: string, { request }: RtspQuestionEvent): string {
  // A hook may have put in what the client wrote, and a header ends at a line end.
  if (/[\0-\x20\x7f]/.test(redirect)) {
    throw new TypeError(
      `Cannot redirect as a URL has no blank: current value is ${JSON.stringify(redirect)}`,
    );
  }
  const url = redirect.startsWith("/")
    ? withRtspPath(parseRtspUrl(request.url), redirect)
    : parseRtspUrl(redirect);
  return formatRtspUrl(url, { credentials: true });
}

/** A live stream has no beginning or end that could be told. */
const LIVE = { unit: "npt", start: "now", end: undefined } as const;
