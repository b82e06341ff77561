import { HubError, type Stream } from "../../hub/mod.ts";
import type { Track } from "../../media/mod.ts";
import {
  formatRtspUrl,
  parseRtspUrl,
  publishedMedia,
  type RtspAnnounceEvent,
  RtspDecoderStream,
  type RtspDescribeEvent,
  type RtspParameterEvent,
  type RtspPlayEvent,
  type RtspQuestionEvent,
  type RtspRecordEvent,
  RtspServerConnection,
  type RtspServerEvent,
  type RtspServerSession,
  RtspSessionSink,
  type RtspSetupEvent,
  type RtspTransportPolicy,
  type RtspVerdict,
  type SessionDescription,
  withRtspPath,
} from "../../rtsp/mod.ts";
import { tracksOfSdp } from "../../transmux/mod.ts";
import {
  failureEnd,
  heldBytesEnd,
  ORDINARY_ENDS,
  type ServedConnection,
  type Shell,
  streamNameOf,
} from "../mod.ts";
import { closeGently, Outbox, type Transport } from "../../transport/mod.ts";
import {
  type Ask,
  type ConnectionEnd,
  type Guest,
  kickedEnd,
  type NotGranted,
  type PlayTicket,
  type PublishTicket,
  type RefusalKind,
  refusalOf,
} from "../../gate/mod.ts";
import { shownCredentials } from "./shown_credentials.ts";
import type { ServerLog } from "../../log/mod.ts";
import type { RtspService } from "./rtsp_service.ts";
import { describeStream } from "../../wire/mod.ts";

/** A question about a stream. */
type StreamQuestion = RtspDescribeEvent | RtspAnnounceEvent | RtspSetupEvent;

/** What the server keeps with a session until it plays or records. */
interface SessionNotes {
  readonly ticket: PlayTicket | PublishTicket;
  readonly tracks: readonly Track[];
  /** Of a publisher: which media of its description each track is. */
  readonly media?: readonly number[];
}

/** Streams that a client may have described to it before it sets one up. */
const MAX_DESCRIBED = 16;

/** Serves one RTSP connection as a guest of the gate, from its first request to the end. */
export class RtspVisitor implements ServedConnection {
  /** Resolves when all is over. */
  readonly finished: Promise<ConnectionEnd>;
  readonly outbox: Outbox;
  readonly #shell: Shell;
  readonly #guest: Guest;
  /** Who may play what was described, until a session takes the ticket: a player is asked about once. */
  readonly #described = new Map<string, PlayTicket>();
  readonly #log: ServerLog;
  readonly #service: RtspService;
  readonly #transport: Transport;
  readonly #connection: RtspServerConnection;
  readonly #sink: RtspSessionSink<RtspServerEvent>;
  readonly #abort = new AbortController();
  readonly #ended = Promise.withResolvers<void>();
  readonly #decoder: RtspDecoderStream;
  readonly #touched = new Set<RtspServerSession>();
  #end: ConnectionEnd | undefined;
  #closing: Promise<void> | undefined;
  #hasToldOfGarbage = false;
  /** How the connection ends once the answer under way is out. */
  #endAfter: ConnectionEnd | undefined;

  /**
   * Starts to serve the connection of `guest`; `openedMs` is when it began, and `first` what was read of it
   * already.
   */
  constructor(
    shell: Shell,
    transport: Transport,
    options: {
      readonly guest: Guest;
      readonly service: RtspService;
      readonly policy: RtspTransportPolicy;
      readonly openedMs: number;
      readonly first?: Uint8Array;
    },
  ) {
    this.#shell = shell;
    this.#guest = options.guest;
    this.#log = shell.peers.of(transport.remoteAddress);
    this.#transport = transport;
    this.#service = options.service;
    this.#connection = new RtspServerConnection({
      sessions: options.service.sessions,
      address: transport.remoteAddress,
      transports: options.service.withoutOwnPorts(options.policy, transport.localAddress),
      nowMs: options.openedMs,
    });
    this.outbox = new Outbox(transport);
    this.outbox.onError = (error) => this.#finish(failureEnd(error));
    const { first } = options;
    this.#decoder = new RtspDecoderStream({}, first === undefined ? {} : { first });
    this.#sink = new RtspSessionSink<RtspServerEvent>(this.#connection, {
      now: () => shell.clock.now(),
      owner: {
        handle: (event) => this.#handle(event),
        write: (output) => this.outbox.send(output),
        handled: (events) => this.#handled(events),
        room: () => this.outbox.room(),
        close: (reason) => this.#finish(failureEnd(reason)),
      },
    });
    this.finished = this.#run();
  }

  /** Passes time on. */
  tick(): void {
    if (this.#end !== undefined) return;
    this.#sink.tick();
    this.#tellOfGarbage();
    const { writeStallMs } = this.#shell.timing;
    if (this.outbox.stalledMs(this.#shell.clock.now()) >= writeStallMs) {
      this.#finish({
        clean: false,
        reason: "write-timeout",
        message: `The peer has taken nothing for ${writeStallMs} ms`,
      });
    }
  }

  /** Bytes that came so far. */
  get bytesReceived(): number {
    return this.#decoder.bytesReceived;
  }

  /** Bytes sent so far. */
  get bytesSent(): number {
    return this.outbox.bytes;
  }

  /** Bytes that the peer makes this server hold: answers that it does not read. */
  get heldBytes(): number {
    // One that is being closed gives them back by itself.
    return this.#end === undefined ? this.outbox.waitingBytes : 0;
  }

  /** Closes since all connections together make the server hold too much, and this one most of it. */
  shed(): void {
    this.#finish(heldBytesEnd(this.heldBytes));
  }

  /** Ends the connection if its state asks for that: a session of it was closed, say. */
  checkClosed(): void {
    if (this.#connection.closeReason !== undefined) this.#sink.settle();
  }

  /** Whether a session of it plays or records. */
  get hasRole(): boolean {
    return this.#service.hasRole(this);
  }

  /** Closes since it was kicked: its sessions end first, whose clients are told so. */
  kick(why: string): void {
    this.#service.closeAll(this, "kicked");
    this.#finish(kickedEnd(why));
  }

  /** Closes since the server stops. */
  stop(): void {
    this.#finish({ clean: true, reason: "stopped", message: "The server has stopped" });
  }

  async #run(): Promise<ConnectionEnd> {
    const { signal } = this.#abort;
    try {
      await this.#transport.readable
        .pipeThrough(this.#decoder, { signal })
        .pipeTo(this.#sink, { signal });
      this.#finish({ clean: true, reason: "closed", message: "The peer has closed" });
    } catch (error) {
      const end = failureEnd(error);
      // A mistake of this program ends this connection alone.
      if (this.#end === undefined && end.reason === "internal") {
        this.#log.error("rtsp connection failed", {
          connection: this.#guest.id,
          error: String(error),
        });
      }
      this.#finish(end);
    }
    this.#ended.resolve();
    await this.#closing;
    return this.#end!;
  }

  /** Ends the batch of packets, and lets media follow the answers to PLAY, which are written. */
  #handled(events: readonly RtspServerEvent[]): void {
    for (const session of this.#touched) this.#service.commit(session);
    this.#touched.clear();
    for (const event of events) if (event.type === "playing") this.#service.play(event.session);
  }

  #handle(event: RtspServerEvent): void | Promise<RtspServerEvent[]> {
    switch (event.type) {
      case "frame":
        this.#service.takeFrame(event);
        this.#touched.add(event.session);
        return;
      case "describe":
        return this.#answer(event, () => this.#describe(event));
      case "announce":
        return this.#answer(event, () => this.#announce(event));
      case "setup":
        return this.#answer(event, () => this.#setUp(event));
      case "play":
        return this.#answer(event, () => this.#play(event));
      case "record":
        return this.#answer(event, () => this.#record(event));
      case "parameter":
        return this.#answer(event, () => this.#answerParameter(event));
      case "authorize":
        return this.#answer(event, () => this.#authorize(event));
      case "recording":
        return this.#service.record(event.session);
      case "paused":
        return this.#service.pause(event.session);
      case "session-closed":
        this.#service.closed(event.session, event.reason);
        return endAnnounced(event.session);
      case "refused":
        this.#log.info("rtsp request refused", {
          connection: this.#guest.id,
          method: event.request.method,
          status: event.error.status,
          reason: event.error.message,
        });
        return;
      case "close":
      case "playing":
      case "keepalive":
    }
  }

  async #answer(
    event: RtspQuestionEvent,
    decide: () => RtspServerEvent[] | Promise<RtspServerEvent[]>,
  ): Promise<RtspServerEvent[]> {
    const events = await Promise.try(decide).catch((error) => this.#refuse(event, error));
    if (this.#end === undefined && this.#endAfter !== undefined) {
      this.#sink.settle(events);
      this.#finish(this.#endAfter);
      return [];
    }
    if (this.#end === undefined) return events;
    // A session that a later request of the client has ended is given up in any case.
    for (const one of events) if (one.type === "session-closed") this.#handle(one);
    return [];
  }

  #refuse(event: RtspQuestionEvent, error: unknown): RtspServerEvent[] {
    if (error instanceof HubError) return this.#turnAway(event, refusalOf(error));
    this.#log.error("rtsp request failed", {
      connection: this.#guest.id,
      error: String(error),
    });
    return this.#connection.reject(event, 500, { reason: "Internal error", close: true });
  }

  /** Says once that the peer sends bytes between its messages that belong to none. */
  #tellOfGarbage(): void {
    const bytes = this.#decoder.garbageBytes;
    if (bytes === 0 || this.#hasToldOfGarbage) return;
    this.#hasToldOfGarbage = true;
    this.#log.info("rtsp bytes that belong to no message are skipped", {
      connection: this.#guest.id,
      bytes,
    });
  }

  async #describe(event: RtspDescribeEvent): Promise<RtspServerEvent[]> {
    const { clock, log, timing } = this.#shell;
    const asked = await this.#mayPlay(event);
    if (!("ticket" in asked)) return asked.events;
    const { ticket } = asked;
    const found = await ticket.stream({ waitMs: timing.describeWaitMs });
    if (!("granted" in found)) return this.#turnAway(event, found);
    const described = await describeStream(found.granted, {
      clock,
      log,
      waitMs: timing.describeWaitMs,
    });
    const { name } = ticket.request;
    if (described === undefined) return this.#rejectStream(event, found.granted);
    return this.#connection.acceptDescribe(event, {
      description: { ...described.description, ...this.#multicastConnection(event, name) },
      identity: ticket.user,
    });
  }

  /** R092: VLC asks for multicast by the query, and sets it up only where the description has a group. */
  #multicastConnection(
    event: RtspDescribeEvent,
    name: string,
  ): Pick<SessionDescription, "connection"> {
    const isAsked = new URLSearchParams(event.query ?? "").has("vlcmulticast");
    const group = isAsked ? this.#service.multicast?.groups.of(name, 0) : undefined;
    if (group === undefined) return {};
    const { address, ttl } = group;
    return { connection: { addressType: "IP4", address, ttl } };
  }

  async #announce(event: RtspAnnounceEvent): Promise<RtspServerEvent[]> {
    const away = await this.#enter(event);
    if (away !== undefined) return away;
    const asked = await this.#guest.publish(this.#askOf(event));
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
    if (event.mode === "record") return this.#connection.acceptSetup(event);
    const { clock, log, timing } = this.#shell;
    let identity: string | undefined;
    if (event.session.data === undefined) {
      const asked = await this.#mayPlay(event);
      if (!("ticket" in asked)) return asked.events;
      const { ticket } = asked;
      const { name } = ticket.request;
      const found = await ticket.stream({ waitMs: timing.describeWaitMs });
      if (!("granted" in found)) return this.#turnAway(event, found);
      const stream = found.granted;
      const described = await describeStream(stream, {
        clock,
        log,
        waitMs: timing.describeWaitMs,
      });
      if (described === undefined) return this.#rejectStream(event, stream);
      if (event.track >= described.tracks.length) return this.#rejectTrack(event);
      const group = event.transport.kind === "multicast" ? event.transport.address : undefined;
      // From here on the ticket is the session's.
      this.#described.delete(name);
      const format = this.#service.openPlayer(event.session, {
        stream,
        group,
        tracks: described.tracks,
        ticket,
        carrier: this,
      });
      // The log that other players share may have been described a little differently.
      event.session.data = { ticket, tracks: format.tracks } satisfies SessionNotes;
      identity = ticket.user;
    }
    const { tracks } = event.session.data as SessionNotes;
    const format = this.#service.formatOf(event.session);
    const events = event.track >= tracks.length || format === undefined
      ? this.#rejectTrack(event)
      : this.#connection.acceptSetup(event, {
        ssrc: format.senders[event.track]!.ssrc,
        ...(identity === undefined ? {} : { identity }),
      });
    this.#service.dropUnregistered(event.session);
    return events;
  }

  /** Nothing could be described: the stream has nothing that RTSP carries, or has ended meanwhile. */
  #rejectStream(
    event: RtspDescribeEvent | RtspSetupEvent,
    { name, isLive }: Stream,
  ): RtspServerEvent[] {
    const [status, reason] = isLive
      ? [415, `The stream ${name} has nothing that RTSP players can be sent`] as const
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

  #play(event: RtspPlayEvent): RtspServerEvent[] {
    const rtpInfo = this.#service.trackStarts(event.session);
    return this.#connection.acceptPlay(event, { rtpInfo, range: LIVE });
  }

  #record(event: RtspRecordEvent): RtspServerEvent[] {
    const { ticket, tracks, media = [] } = event.session.data as SessionNotes;
    const refused = this.#service.openPublisher(event.session, {
      tracks,
      media,
      ticket: ticket as PublishTicket,
      carrier: this,
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
    const { name, query } = notes.ticket.request;
    const proved = await this.#guest.prove(action, {
      name,
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
    const away = await this.#enter(event);
    if (away !== undefined) return { events: away };
    const ask = this.#askOf(event);
    const known = this.#described.get(ask.name);
    if (known !== undefined && known.info.state !== "ended") {
      const proved = await this.#guest.prove("play", ask);
      if (!("granted" in proved)) return { events: this.#turnAway(event, proved) };
      if (proved.granted === known.user) return { ticket: known };
    }
    const asked = await this.#guest.play(ask);
    if (!("granted" in asked)) return { events: this.#turnAway(event, asked) };
    this.#remember(asked.granted);
    return { ticket: asked.granted };
  }

  #remember(ticket: PlayTicket): void {
    const { name } = ticket.request;
    this.#described.get(name)?.end();
    this.#described.delete(name);
    this.#described.set(name, ticket);
    const [oldest] = this.#described;
    if (this.#described.size <= MAX_DESCRIBED || oldest === undefined) return;
    this.#described.delete(oldest[0]);
    oldest[1].end();
  }

  /** Introduces the client, once; returns the answer that turns it away. */
  async #enter(event: StreamQuestion): Promise<RtspServerEvent[] | undefined> {
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
      this.#endAfter = answer.close;
      const reason = answer.why;
      return this.#connection.reject(event, STATUS[answer.refused], { ...options, reason });
    }
    const headers = { Location: answer.redirect };
    // The log gets no credentials, and no query, which may hold some.
    const [target] = formatRtspUrl(parseRtspUrl(answer.redirect)).split("?", 1);
    const reason = `Redirected to ${target}`;
    return this.#connection.reject(event, 302, { ...options, reason, headers });
  }

  #finish(end: ConnectionEnd): void {
    if (this.#end !== undefined) return;
    const log = this.#log;
    this.#end = end;
    const events = this.#connection.end();
    for (const event of events) this.#handle(event);
    const hadPublisher = events.some((event) =>
      event.type === "session-closed" && event.session.state === "recording"
    );
    const line = `rtsp ${this.#transport.remoteName} closed`;
    const fields = { connection: this.#guest.id, reason: end.reason, message: end.message };
    // Players leave by closing their window, which may well reset the connection.
    const isOrdinary = ORDINARY_ENDS.has(end.reason) ||
      (end.reason === "reset" && !hadPublisher);
    if (isOrdinary) log.debug(line, fields);
    else log.warn(line, fields);
    this.#guest.leave(end);
    this.#sink.stop();
    this.#closing = closeGently(this.#shell, {
      transport: this.#transport,
      outbox: this.outbox,
      peerEnded: this.#ended.promise,
      abort: this.#abort,
    });
  }
}

/** What a refusal of the gate is in RTSP. */
const STATUS: Readonly<Record<RefusalKind, number>> = {
  invalid: 400,
  denied: 403,
  taken: 403,
  full: 503,
  absent: 404,
};

/** Gives up what a publisher was allowed and has not begun; what it has begun is the service's to end. */
function endAnnounced({ data }: RtspServerSession): void {
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
function locate(redirect: string, { request }: StreamQuestion): string {
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
