import { HubError, type Stream } from "../../hub/mod.ts";
import { RtpError, type SrtpMasterKey } from "../../rtp/mod.ts";
import type { Track } from "../../media/mod.ts";
import {
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
  type SessionDescription,
  type ToldSrtpKey,
  toldSrtpKey,
} from "../../rtsp/mod.ts";
import { describeBackChannel, tracksOfSdp } from "../../transmux/mod.ts";
import type { Shell } from "../mod.ts";
import type { Transport } from "../../transport/mod.ts";
import {
  type Answer,
  type Ask,
  type ConnectionEnd,
  type Guest,
  type PlayTicket,
  type PublishTicket,
  type Refusal,
  refusalOf,
} from "../../gate/mod.ts";
import { reasonOf, type ServerLog } from "../../log/mod.ts";
import { describeStream, trackChoiceOf } from "../../wire/mod.ts";
import type { RtspCarrier } from "./media_session.ts";
import type { PlayingSession } from "./playing_session.ts";
import type { RtspService } from "./rtsp_service.ts";
import {
  newMasterKey,
  protect,
  protectedDescription,
  protectionOf,
  SessionProtection,
} from "./session_protection.ts";
import { shownCredentials } from "./shown_credentials.ts";
import { RtspAdmission, withQueryOf } from "./rtsp_admission.ts";

/** What the server keeps with a session until it plays or records. */
interface SessionNotes {
  readonly ticket: PlayTicket | PublishTicket;
  readonly tracks: readonly Track[];
  /** Of a publisher: which media of its description each track is. */
  readonly media?: readonly number[];
}

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
  /** Whether a page of another host has opened the connection: see {@linkcode RtspConnectionRole}. */
  readonly isOfForeignPage: boolean;
}

/** Answers the questions of one RTSP connection, as the gate wants it. */
export class RtspAnswers {
  readonly #shell: Shell;
  readonly #connection: RtspServerConnection;
  readonly #guest: Guest;
  readonly #service: RtspService;
  readonly #carrier: RtspCarrier;
  readonly #transport: Transport;
  readonly #admission: RtspAdmission;
  readonly #isProtectable: boolean;
  readonly #isOfForeignPage: boolean;
  /** The key that the descriptions of this connection have told, for the session that follows. */
  #describedKey: SrtpMasterKey | undefined;
  readonly #log: ServerLog;
  /** Asks the gate nothing yet. */
  constructor(shell: Shell, options: RtspAnswersOptions) {
    this.#shell = shell;
    this.#connection = options.connection;
    this.#guest = options.guest;
    this.#service = options.service;
    this.#carrier = options.carrier;
    this.#transport = options.transport;
    this.#isProtectable = options.isProtectable;
    this.#isOfForeignPage = options.isOfForeignPage;
    this.#log = shell.peers.of(options.transport.remoteAddress);
    this.#admission = new RtspAdmission({ ...options, log: this.#log });
  }

  /** How the connection ends once the answer under way is out; `undefined` where it goes on. */
  get endAfter(): ConnectionEnd | undefined {
    return this.#admission.endAfter;
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
    if (error instanceof HubError) return this.#admission.turnAway(event, refusalOf(error));
    this.#log.error("rtsp request failed", {
      connection: this.#guest.id,
      error: String(error),
    });
    return this.#connection.reject(event, 500, { reason: "Internal error", close: true });
  }

  async #describe(event: RtspDescribeEvent): Promise<RtspServerEvent[]> {
    const { clock, log, timing } = this.#shell;
    const asked = await this.#admission.mayPlay(event);
    if (!("ticket" in asked)) return asked.events;
    const { ticket } = asked;
    const found = await ticket.stream({ waitMs: timing.describeWaitMs });
    if (!("granted" in found)) return this.#admission.turnAway(event, found);
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
    const leave = await this.#guest.talk(
      withQueryOf(ticket, { ask: this.#admission.askOf(event), event }),
    );
    // Who might show more is asked for it; who may not plays all the same.
    if ("refused" in leave && leave.close === undefined) return unsupported(leave.why);
    if (!("granted" in leave)) return { events: this.#admission.turnAway(event, leave) };
    if (!this.#mayChangeAnything(leave.granted)) return unsupported(FOREIGN_PAGE.why);
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

  /**
   * Whether the client may do more than play: a page of another host only as a user whose credentials it has shown
   * itself, since what the address of its visitor may do was not allowed to the page.
   */
  #mayChangeAnything({ user }: { readonly user: string | undefined }): boolean {
    return !this.#isOfForeignPage || user !== undefined;
  }

  async #announce(event: RtspAnnounceEvent): Promise<RtspServerEvent[]> {
    const away = await this.#admission.enter(event, event);
    if (away !== undefined) return away;
    // The name is claimed by RECORD, which may never come.
    const asked = await this.#guest.publish({ ...this.#admission.askOf(event), isLater: true });
    if (!("granted" in asked)) return this.#admission.turnAway(event, asked);
    const ticket = asked.granted;
    if (!this.#mayChangeAnything(ticket)) {
      ticket.end({ clean: false, reason: "refused", message: FOREIGN_PAGE.why });
      return this.#admission.turnAway(event, FOREIGN_PAGE);
    }
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
      const asked = await this.#admission.mayPlay(event);
      if (!("ticket" in asked)) return asked.events;
      const { ticket } = asked;
      const found = await ticket.stream({ waitMs: timing.describeWaitMs });
      if (!("granted" in found)) return this.#admission.turnAway(event, found);
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
      this.#admission.forget(ticket);
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
    const leave = await this.#guest.talk(
      withQueryOf(ticket, { ask: this.#admission.askOf(event), event }),
    );
    if (!("granted" in leave)) return this.#admission.turnAway(event, leave);
    if (!this.#mayChangeAnything(leave.granted)) {
      return this.#admission.turnAway(event, FOREIGN_PAGE);
    }
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
      if (error instanceof HubError) return this.#admission.turnAway(event, refusalOf(error));
      const reason = reasonOf(error);
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
    let key: ToldSrtpKey | undefined;
    try {
      const { description } = session;
      const header = event.request.headers.get("KeyMgmt");
      // Who publishes may have told it in what it has announced.
      key = toldSrtpKey(header, [description?.media[track] ?? {}, description ?? {}]);
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
    const away = await this.#admission.enter(event, place);
    if (away !== undefined) return { events: away };
    const asked = await ask({
      name: ticket.askedName,
      query: ticket.request.query,
      credentials: shownCredentials(event),
      ...this.#admission.elsewhereOf(event, place),
    });
    if (!("granted" in asked)) return { events: this.#admission.turnAway(event, asked) };
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
    if (away !== undefined) return this.#admission.turnAway(event, away);
    const refused = this.#service.openPublisher(event.session, {
      tracks,
      media,
      ticket: ticket as PublishTicket,
      carrier: this.#carrier,
    });
    if (refused !== undefined) return this.#admission.turnAway(event, refused);
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
    if (!("granted" in proved)) return this.#admission.turnAway(event, proved);
    return this.#connection.acceptAuthorize(event, {
      identity: proved.granted ?? this.#transport.remoteAddress,
    });
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

/** A live stream has no beginning or end that could be told. */
const LIVE = { unit: "npt", start: "now", end: undefined } as const;

const FOREIGN_PAGE: Refusal = {
  refused: "denied",
  why: "A page of another host may publish and talk by credentials alone",
};
