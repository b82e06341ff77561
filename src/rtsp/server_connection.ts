import { formatSdp, type SessionDescription } from "../sdp/mod.ts";
import { parseAnnouncement, publishedMedia } from "./announcement.ts";
import { parseAuthorization, splitScheme } from "./authenticate.ts";
import {
  type RtspAuthenticationMethod,
  RtspServerAuthenticator,
  type RtspVerdict,
} from "./authentication.ts";
import { RtspError, type RtspErrorCode } from "./errors.ts";
import { RtspHeaders } from "./headers.ts";
import {
  encodeResponse,
  RTSP_REASONS,
  type RtspHeadersInit,
  type RtspInterleavedFrame,
  type RtspMessage,
  type RtspRequest,
} from "./message.ts";
import { formatRange, parseRange, type RtspRange } from "./range.ts";
import { formatRtpInfo } from "./rtp_info.ts";
import {
  announcedTrack,
  checkAggregate,
  checkCSeq,
  checkPortsFree,
  checkRequire,
  checkTrackFree,
  elsewhere,
  isCSeq,
  notFound,
  playedTrack,
  trackUrl,
} from "./request_checks.ts";
import type {
  RtspAnnounceEvent,
  RtspAuthorizeEvent,
  RtspDescribeEvent,
  RtspParameterEvent,
  RtspPlayEvent,
  RtspPresentedCredentials,
  RtspQuestionEvent,
  RtspRecordEvent,
  RtspServerEvent,
  RtspSetupEvent,
} from "./server_events.ts";
import { SessionBinding } from "./session_binding.ts";
import type { RtspServerSession } from "./server_session.ts";
import { type RtspSessionRegistry, tableOf } from "./session_registry.ts";
import { formatSessionHeader, isNoSession, parseSessionHeader } from "./session_header.ts";
import { hexadecimal, type ServerSession, type SessionTable } from "./session_table.ts";
import { RTSP_METHODS, type RtspMethod } from "./states.ts";
import { splitStreamUrl } from "./track_url.ts";
import { formatTransports, parseTransports } from "./transport.ts";
import { chooseTransport, type RtspTransportPolicy, transportReply } from "./transport_choice.ts";
import { httpBadRequestResponse } from "./tunnel.ts";
import { formatRtspUrl, parseRtspUrl } from "./url.ts";

/** Requests that may wait while one is decided: a client that pipelines sends a handful. More are answered 503. */
const MAX_WAITING_REQUESTS = 64;
/** Answers of 503 that may wait likewise, of a few bytes each; more end the connection. */
const MAX_WAITING_REFUSALS = 4096;
/** Frames for no channel before the connection ends: some are in flight after a PAUSE or TEARDOWN. */
const MAX_STRAY_FRAMES = 1000;
/** Characters of an explanation in a status line: clients read those into fixed room (FFmpeg: 256). */
const LONGEST_PHRASE = 200;
/** Time in which the first request must be there. */
const FIRST_REQUEST_MS = 10_000;
/** Time without a request after which a connection without session ends. */
const IDLE_MS = 60_000;

/** Faults after which nothing on the connection can be trusted, or the client would only repeat them. */
const FATAL: ReadonlySet<RtspErrorCode> = new Set<RtspErrorCode>([
  "cseq",
  "malformed-url",
  "malformed-description",
]);

/** Options of an {@linkcode RtspServerConnection}. */
export interface RtspServerConnectionOptions {
  /** The sessions of the server. */
  readonly sessions: RtspSessionRegistry;
  /** Address of the client, without port. */
  readonly address: string;
  /** Transports offered on this connection; interleaved frames alone by default. */
  readonly transports?: RtspTransportPolicy;
  /** Time of the connection, in milliseconds of the clock that later calls use. */
  readonly nowMs: number;
  /** Name in the `Server` header; `weir` by default. */
  readonly server?: string;
  /** Realm shown where credentials are asked for; `weir` by default. */
  readonly realm?: string;
  /** Authentication methods in the order they are offered. */
  readonly methods?: readonly RtspAuthenticationMethod[];
}

/** What every acceptance may say. */
export interface RtspAcceptance {
  /** Who the client has shown to be: the connection's and the session's identity from now on. */
  readonly identity?: string | undefined;
}

/** What a track's `RTP-Info` says. */
export interface RtspTrackStart {
  /** Index of the track. */
  readonly track: number;
  /** Sequence number of the first packet that will be sent. */
  readonly sequence?: number;
  /** Its RTP timestamp; left out while no packet was ever sent. */
  readonly rtpTime?: number;
}

type Handler = (request: RtspRequest, events: RtspServerEvent[]) => void;

/**
 * The server's side of one RTSP connection, without its socket.
 *
 * Messages go in through {@linkcode RtspServerConnection.receive}, bytes to write come out of
 * {@linkcode RtspServerConnection.takeOutput}. What needs a decision comes out as an event, and waits,
 * with all later requests, until an `accept…` method, {@linkcode RtspServerConnection.reject} or
 * {@linkcode RtspServerConnection.challenge} answers it; so answers keep the order of the requests. Each of these
 * returns the events that follow. Time comes in with `receive` and `tick`.
 *
 * @example
 * ```ts
 * import {
 *   encodeRequest,
 *   RtspDecoder,
 *   RtspServerConnection,
 *   RtspSessionRegistry,
 * } from "@weir/server/rtsp";
 *
 * const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));
 * const sessions = new RtspSessionRegistry({ random });
 * const connection = new RtspServerConnection({ sessions, address: "192.0.2.1", nowMs: 0 });
 * const bytes = encodeRequest({ method: "DESCRIBE", url: "rtsp://h/cam", headers: { CSeq: "1" } });
 * for (const event of connection.receive(new RtspDecoder().push(bytes), 1)) {
 *   if (event.type === "describe") connection.reject(event, 404);
 * }
 * console.log(new TextDecoder().decode(connection.takeOutput()[0]).split("\r\n")[0]);
 * // RTSP/1.0 404 Not Found
 * ```
 */
export class RtspServerConnection {
  /** Address of the client, without port. */
  readonly address: string;
  /** Who the client has shown to be, as the owner named it. */
  identity: string | undefined = undefined;
  /** Whatever the owner keeps with the connection. */
  data: unknown = undefined;
  /** Interleaved frames that were dropped because no channel of a session takes them. */
  strayFrames = 0;

  readonly #table: SessionTable;
  readonly #policy: RtspTransportPolicy;
  readonly #authenticator: RtspServerAuthenticator;
  readonly #server: string;
  readonly #handlers: Readonly<Record<RtspMethod, Handler>>;
  readonly #binding: SessionBinding;
  #output: Uint8Array[] = [];
  readonly #waiting = new WaitingRequests();
  #pending: RtspQuestionEvent | undefined;
  #error: RtspError | undefined;
  #nowMs: number;
  #lastRequestMs: number | undefined;
  readonly #openedMs: number;

  /** Makes the state of a connection that was just accepted. */
  constructor(options: RtspServerConnectionOptions) {
    this.address = options.address;
    this.#table = tableOf(options.sessions);
    this.#policy = options.transports ?? {};
    this.#server = options.server ?? "weir";
    this.#openedMs = this.#nowMs = options.nowMs;
    this.#authenticator = new RtspServerAuthenticator({
      nonce: hexadecimal(this.#table.random(16)),
      issuedMs: options.nowMs,
      ...(options.realm === undefined ? {} : { realm: options.realm }),
      ...(options.methods === undefined ? {} : { methods: options.methods }),
    });
    this.#binding = new SessionBinding(this.#table, {
      address: options.address,
      close: (error) => this.#error ??= error,
    });
    this.#handlers = {
      OPTIONS: (request, events) => this.#handleOptions(request, events),
      DESCRIBE: (request, events) => this.#handleDescribe(request, events),
      ANNOUNCE: (request, events) => this.#handleAnnounce(request, events),
      SETUP: (request, events) => this.#handleSetup(request, events),
      PLAY: (request, events) => this.#handlePlay(request, events),
      PAUSE: (request, events) => this.#handlePause(request, events),
      RECORD: (request, events) => this.#handleRecord(request, events),
      TEARDOWN: (request, events) => this.#handleTeardown(request, events),
      GET_PARAMETER: (request, events) => this.#handleParameter(request, events),
      SET_PARAMETER: (request, events) => this.#handleParameter(request, events),
    };
  }

  /** Why the connection is to be closed once its output is written; `undefined` while it is not. */
  get closeReason(): RtspError | undefined {
    return this.#error;
  }

  /** Whether requests wait for an answer of the owner: time to stop reading. */
  get busy(): boolean {
    return this.#pending !== undefined;
  }

  /** Takes messages in; what they are about comes out as events. */
  receive(messages: readonly RtspMessage[], nowMs: number): RtspServerEvent[] {
    this.#nowMs = Math.max(this.#nowMs, nowMs);
    const events: RtspServerEvent[] = [];
    for (const message of messages) {
      if (this.#error !== undefined) break;
      if (message.kind === "frame") this.#receiveFrame(message, events);
      else if (message.kind === "request") this.#receiveRequest(message, events);
      else if (message.kind === "malformed") this.#receiveMalformed(message.error, events);
      else this.#fail(new RtspError("unexpected-response", "a response to a server"), events);
    }
    return events;
  }

  /** Removes and returns the bytes that are to be written, in order. */
  takeOutput(): Uint8Array[] {
    const output = this.#output;
    this.#output = [];
    return output;
  }

  /** Carries out what is due. Run it about once a second. */
  tick(nowMs: number): RtspServerEvent[] {
    this.#nowMs = Math.max(this.#nowMs, nowMs);
    const events: RtspServerEvent[] = [];
    if (this.#error !== undefined || this.busy) return events;
    const quiet = this.#nowMs - (this.#lastRequestMs ?? this.#openedMs);
    const limit = this.#lastRequestMs === undefined ? FIRST_REQUEST_MS : IDLE_MS;
    // R124: while a session lives, its own timeouts rule.
    if (this.#binding.count === 0 && quiet >= limit) {
      const message = `no request for ${Math.round(quiet)} ms`;
      this.#fail(new RtspError("idle-timeout", message), events);
    }
    return events;
  }

  /**
   * Says that the socket has ended. Sessions over UDP that play or record live on, all others of the
   * connection end with it (R026, R029).
   */
  end(): RtspServerEvent[] {
    this.#error ??= new RtspError("closed", "the connection has ended");
    this.#pending = undefined;
    this.#waiting.clear();
    return this.#binding.end(this.#nowMs);
  }

  /** Asks for the connection to be closed; does nothing the second time. */
  close(reason: RtspError = new RtspError("closed", "closed by the server")): void {
    this.#error ??= reason;
  }

  /** Answers a DESCRIBE with a description: formatted strictly, or a text as it is. */
  acceptDescribe(
    event: RtspDescribeEvent,
    answer: RtspAcceptance & { readonly description: SessionDescription | string },
  ): RtspServerEvent[] {
    const { description } = answer;
    const body = typeof description === "string" ? description : formatSdp(description);
    return this.#answer(event, answer, () => {
      const base = formatRtspUrl(parseRtspUrl(event.request.url));
      this.#respond(event.request, 200, {
        headers: {
          "Content-Base": base.endsWith("/") ? base : `${base}/`,
          "Content-Type": "application/sdp",
        },
        body,
      });
    });
  }

  /** Accepts what a publisher announced. */
  acceptAnnounce(event: RtspAnnounceEvent, answer: RtspAcceptance = {}): RtspServerEvent[] {
    return this.#answer(event, answer, (events, session) => {
      if (session === undefined) return;
      session.path = event.path;
      session.query = event.query;
      session.description = event.description;
      session.announced = parseRtspUrl(event.request.url);
      this.#binding.open(session, "ANNOUNCE");
      this.#respond(event.request, 200, { session });
      this.#keepAlive(session, events);
    });
  }

  /** Accepts the SETUP of a track; `ssrc` is that of the packets to come, if it is known. */
  acceptSetup(
    event: RtspSetupEvent,
    answer: RtspAcceptance & { readonly ssrc?: number } = {},
  ): RtspServerEvent[] {
    return this.#answer(event, answer, (events, session) => {
      if (session === undefined) return;
      const { track, transport, request } = event;
      checkTrackFree(session, track);
      checkPortsFree(transport, (port) => this.#table.portInUse(this.address, port));
      session.require("SETUP");
      session.path ??= event.path;
      session.query ??= event.query;
      const url = trackUrl(parseRtspUrl(request.url), track, event.mode);
      this.#table.addTrack(session, { track, transport, ssrc: answer.ssrc, url });
      this.#binding.open(session, "SETUP");
      if (transport.kind === "tcp") this.#binding.carry(session);
      const reply = formatTransports([transportReply(transport, answer.ssrc)]);
      this.#respond(request, 200, { session, headers: { Transport: reply } });
      this.#keepAlive(session, events);
    });
  }

  /** Lets a session play: the 200 stands in the output when this returns, so media may follow. */
  acceptPlay(
    event: RtspPlayEvent,
    answer: RtspAcceptance & {
      readonly rtpInfo?: readonly RtspTrackStart[];
      readonly range?: RtspRange;
    } = {},
  ): RtspServerEvent[] {
    return this.#answer(event, answer, (events, session) => {
      if (session === undefined) return;
      session.follow("PLAY");
      const info = formatRtpInfo((answer.rtpInfo ?? []).flatMap(({ track, ...start }) => {
        const url = session.tracks.find((one) => one.track === track)?.url;
        return url === undefined ? [] : [{ url, ...start }];
      }));
      const headers: Record<string, string> = {};
      if (answer.range !== undefined) headers["Range"] = formatRange(answer.range);
      if (info !== "") headers["RTP-Info"] = info;
      this.#respond(event.request, 200, { session, headers });
      this.#keepAlive(session, events);
      events.push({ type: "playing", session });
    });
  }

  /** Lets a publisher begin. */
  acceptRecord(event: RtspRecordEvent, answer: RtspAcceptance = {}): RtspServerEvent[] {
    return this.#answer(event, answer, (events, session) => {
      if (session === undefined) return;
      session.follow("RECORD");
      session.notePacket(this.#nowMs);
      this.#respond(event.request, 200, { session });
      this.#keepAlive(session, events);
      events.push({ type: "recording", session });
    });
  }

  /** Answers GET_PARAMETER or SET_PARAMETER. */
  acceptParameter(
    event: RtspParameterEvent,
    answer: RtspAcceptance & {
      readonly body?: Uint8Array | string;
      readonly contentType?: string;
    } = {},
  ): RtspServerEvent[] {
    return this.#answer(event, answer, (_, session) => {
      this.#respond(event.request, 200, {
        ...(session === undefined ? {} : { session }),
        ...(answer.body === undefined ? {} : {
          headers: { "Content-Type": answer.contentType ?? "text/parameters" },
          body: answer.body,
        }),
      });
    });
  }

  /** Lets this connection use the session, if `identity` is the session's. */
  acceptAuthorize(
    event: RtspAuthorizeEvent,
    answer: { readonly identity: string },
  ): RtspServerEvent[] {
    return this.#answer(event, answer, (events, session) => {
      if (session?.identity === answer.identity) this.#handle(event.request, events);
      else this.#refuse(event.request, elsewhere("a session of someone else"), events);
    });
  }

  /** Answers a question with an error status, or a redirection (`Location` in `headers`). */
  reject(
    event: RtspQuestionEvent,
    status: number,
    options: {
      readonly headers?: Readonly<Record<string, string>>;
      /** Whether to close the connection after the answer. */
      readonly close?: boolean;
      readonly reason?: string;
    } = {},
  ): RtspServerEvent[] {
    return this.#answer(event, undefined, (events) => {
      const reason = options.reason ?? `${event.type} rejected with ${status}`;
      const code = status < 400 ? "redirect" : "refused";
      const error = new RtspError(code, reason, { status });
      this.#refuse(event.request, error, events, options.headers);
      if (options.close) this.#fail(error, events);
    });
  }

  /**
   * Answers a question with 401. Wrong credentials close the connection (R041); missing ones, which every
   * client's first request has, and a stale nonce do not.
   */
  challenge(event: RtspQuestionEvent, verdict: Exclude<RtspVerdict, "granted">): RtspServerEvent[] {
    return this.#answer(event, undefined, (events) => {
      const error = new RtspError("unauthorized", `credentials are ${verdict}`, { status: 401 });
      const challenges = this.#authenticator.challenges({ stale: verdict === "stale" });
      const headers = challenges.map((value) => ["WWW-Authenticate", value] as const);
      this.#refuse(event.request, error, events, headers);
      if (verdict === "wrong") this.#fail(error, events);
    });
  }

  #answer(
    event: RtspQuestionEvent,
    answer: RtspAcceptance | undefined,
    act: (events: RtspServerEvent[], session: ServerSession | undefined) => void,
  ): RtspServerEvent[] {
    const events: RtspServerEvent[] = [];
    // The client, or its session, may have gone while the owner thought about it.
    if (this.#error !== undefined) return events;
    if (this.#pending !== event) {
      throw new TypeError(
        `Cannot answer as the event is not pending: current value is ${event.type}`,
      );
    }
    this.#pending = undefined;
    const session = "session" in event ? event.session as ServerSession | undefined : undefined;
    if (answer !== undefined && session?.closed) {
      this.#refuse(event.request, notFound("the session has ended"), events);
    } else {
      if (answer?.identity !== undefined) {
        this.identity = answer.identity;
      }
      if (session !== undefined && answer !== undefined) session.identity ??= this.identity;
      this.#attempt(event.request, events, () => act(events, session));
    }
    this.#drain(events);
    return events;
  }

  #drain(events: RtspServerEvent[]): void {
    while (!this.busy && this.#error === undefined) {
      const next = this.#waiting.take();
      if (next === undefined) return;
      if (next.isRefused) this.#refuse(next.request, tooMany(), events);
      else this.#handle(next.request, events);
    }
  }

  #receiveMalformed(error: RtspError, events: RtspServerEvent[]): void {
    // With an answer outstanding this one would come before its turn.
    if (!this.busy) this.#output.push(this.#encode(error.status, { reason: reasonOf(error) }));
    this.#fail(error, events);
  }

  #receiveRequest(request: RtspRequest, events: RtspServerEvent[]): void {
    this.#lastRequestMs = this.#nowMs;
    if (!this.busy) {
      this.#handle(request, events);
    } else if (!this.#waiting.add(request)) {
      const message = `over ${MAX_WAITING_REFUSALS} requests before an answer`;
      this.#fail(new RtspError("pipeline-overflow", message), events);
    }
  }

  #receiveFrame(frame: RtspInterleavedFrame, events: RtspServerEvent[]): void {
    const session = this.#binding.interleaved;
    if (session === undefined && !this.#binding.everInterleaved) {
      const message = "received unexpected interleaved frame";
      return this.#fail(new RtspError("unexpected-frame", message), events);
    }
    const found = this.#binding.channel(frame.channel);
    const taken = session?.state === "recording" || (session?.state === "playing" && found?.rtcp);
    if (session !== undefined && found !== undefined && taken) {
      session.notePacket(this.#nowMs);
      const { payload } = frame;
      events.push({ type: "frame", session, track: found.track.track, rtcp: found.rtcp, payload });
    } else if (found?.rtcp) {
      // A player goes on to report while it pauses, for hours maybe.
      session?.noteActivity(this.#nowMs);
    } else if (++this.strayFrames > MAX_STRAY_FRAMES) {
      const message = `over ${MAX_STRAY_FRAMES} frames for no channel`;
      this.#fail(new RtspError("stray-frames", message), events);
    }
  }

  #handle(request: RtspRequest, events: RtspServerEvent[]): void {
    if (request.protocol.startsWith("HTTP")) {
      this.#output.push(httpBadRequestResponse());
      return this.#fail(new RtspError("malformed-tunnel", "HTTP that opens no tunnel"), events);
    }
    this.#attempt(request, events, () => {
      checkCSeq(request);
      if (request.protocol !== "RTSP/1.0") {
        const message = `version "${request.protocol}"`;
        throw new RtspError("version", message, { status: 505 });
      }
      const { method } = request;
      if (!isKnown(method)) {
        throw new RtspError("not-implemented", `method "${method}"`, { status: 501 });
      }
      checkRequire(request);
      this.#handlers[method](request, events);
    });
  }

  #attempt(request: RtspRequest, events: RtspServerEvent[], act: () => void): void {
    try {
      act();
    } catch (error) {
      if (!(error instanceof RtspError)) throw error;
      this.#refuse(request, error, events);
      if (FATAL.has(error.code)) this.#fail(error, events);
    }
  }

  #handleOptions(request: RtspRequest, events: RtspServerEvent[]): void {
    this.#withSession(request, events, (session) => {
      const headers = { Public: RTSP_METHODS.join(", ") };
      this.#respond(request, 200, { headers, ...(session === undefined ? {} : { session }) });
    });
  }

  #handleParameter(request: RtspRequest, events: RtspServerEvent[]): void {
    this.#withSession(request, events, (session) => {
      if (request.body.length === 0) {
        this.#respond(request, 200, session === undefined ? {} : { session });
      } else {
        this.#ask({ type: "parameter", session, ...this.#question(request) }, events);
      }
    });
  }

  #handleDescribe(request: RtspRequest, events: RtspServerEvent[]): void {
    const url = parseRtspUrl(request.url);
    const accept = request.headers.get("Accept") ?? "*/*";
    if (!/application\/sdp|application\/\*|\*\/\*/i.test(accept)) {
      const message = `Accept "${accept.slice(0, 60)}" without application/sdp`;
      throw new RtspError("not-acceptable", message, { status: 406 });
    }
    this.#withSession(request, events, () => {
      const question = this.#question(request);
      this.#ask({ type: "describe", ...splitStreamUrl(url), ...question }, events);
    });
  }

  #handleAnnounce(request: RtspRequest, events: RtspServerEvent[]): void {
    const url = parseRtspUrl(request.url);
    this.#withSession(request, events, (found) => {
      const session = found ?? this.#binding.interleaved ?? this.#binding.create(this.#nowMs);
      session.require("ANNOUNCE");
      const description = parseAnnouncement(request);
      const question = this.#question(request);
      this.#ask(
        { type: "announce", session, description, ...splitStreamUrl(url), ...question },
        events,
      );
    });
  }

  #handleSetup(request: RtspRequest, events: RtspServerEvent[]): void {
    const url = parseRtspUrl(request.url);
    const offered = parseTransports(request.headers.getAll("Transport").join());
    this.#withSession(request, events, (found) => {
      const session = found ?? this.#binding.impliedForSetup() ??
        this.#binding.create(this.#nowMs);
      session.require("SETUP");
      const mode = session.state === "ready-to-record" ? "record" : "play";
      const named = mode === "record" ? announcedTrack(session, url) : playedTrack(session, url);
      checkTrackFree(session, named.track);
      const transport = chooseTransport(offered, {
        policy: this.#policy,
        session,
        mode,
        path: named.path,
        track: named.track,
        address: this.address,
        portInUse: (port) => this.#table.portInUse(this.address, port),
      });
      if (transport.kind === "tcp") this.#binding.checkCarry(session);
      const question = this.#question(request);
      this.#ask({ type: "setup", session, mode, transport, ...named, ...question }, events);
    });
  }

  #handlePlay(request: RtspRequest, events: RtspServerEvent[]): void {
    const url = parseRtspUrl(request.url);
    const header = request.headers.get("Range");
    this.#withOwnSession(request, events, (session) => {
      session.require("PLAY");
      checkAggregate(session, url);
      const range = header === undefined ? undefined : readRange(header);
      this.#ask({ type: "play", session, range, ...this.#question(request) }, events);
    });
  }

  #handleRecord(request: RtspRequest, events: RtspServerEvent[]): void {
    const url = parseRtspUrl(request.url);
    this.#withOwnSession(request, events, (session) => {
      session.require("RECORD");
      checkAggregate(session, url);
      const { description, tracks } = session;
      const published = description === undefined ? [] : publishedMedia(description);
      const missing = published.filter((index) => tracks.every(({ track }) => track !== index));
      if (missing.length > 0) {
        const count = published.length - missing.length;
        const message = `${count} of ${published.length} announced media are set up`;
        throw new RtspError("tracks-missing", message);
      }
      this.#ask({ type: "record", session, ...this.#question(request) }, events);
    });
  }

  #handlePause(request: RtspRequest, events: RtspServerEvent[]): void {
    this.#withOwnSession(request, events, (session) => {
      session.require("PAUSE");
      const { flowing } = session;
      session.follow("PAUSE");
      this.#respond(request, 200, { session });
      if (flowing) events.push({ type: "paused", session });
    });
  }

  #handleTeardown(request: RtspRequest, events: RtspServerEvent[]): void {
    this.#withOwnSession(request, events, (session) => {
      events.push(...this.#table.remove(session, "teardown"));
      this.#respond(request, 200);
    });
  }

  #withOwnSession(
    request: RtspRequest,
    events: RtspServerEvent[],
    act: (session: ServerSession) => void,
  ): void {
    this.#withSession(request, events, (found) => {
      // Who forgets the header can only mean the one session of the connection.
      const session = found ?? this.#binding.implied;
      if (session === undefined) throw notFound("a request without session");
      act(session);
    });
  }

  /** Goes on with the session that the request names, once it may use it. */
  #withSession(
    request: RtspRequest,
    events: RtspServerEvent[],
    act: (session: ServerSession | undefined) => void,
  ): void {
    const header = request.headers.get("Session");
    // Some clients send an empty header before they have a session.
    if (header === undefined || isNoSession(header)) return act(undefined);
    const session = this.#table.sessions.get(parseSessionHeader(header).id);
    if (session === undefined) throw notFound("an unknown session");
    this.#binding.checkUse(session);
    if (session.identity !== undefined && session.identity !== this.identity) {
      // Accepted, the request comes here again.
      return this.#ask({ type: "authorize", session, ...this.#question(request) }, events);
    }
    this.#binding.use(session);
    this.#keepAlive(session, events);
    act(session);
  }

  #keepAlive(session: RtspServerSession, events: RtspServerEvent[]): void {
    session.noteActivity(this.#nowMs);
    events.push({ type: "keepalive", session });
  }

  #question(request: RtspRequest): {
    readonly request: RtspRequest;
    readonly credentials: RtspPresentedCredentials;
  } {
    const authorization = request.headers.get("Authorization");
    const { method, url } = request;
    const shown = presented(authorization);
    const credentials: RtspPresentedCredentials = {
      scheme: authorization === undefined ? undefined : splitScheme(authorization).scheme,
      realm: this.#authenticator.realm,
      username: shown?.username,
      password: shown?.scheme === "basic" ? shown.password : undefined,
      verify: (known) =>
        this.#authenticator.verify({ method, url, authorization }, {
          credentials: known,
          nowMs: this.#nowMs,
        }),
    };
    return { request, credentials };
  }

  #ask(event: RtspQuestionEvent, events: RtspServerEvent[]): void {
    this.#pending = event;
    events.push(event);
  }

  #respond(
    request: RtspRequest,
    status: number,
    options: {
      readonly session?: ServerSession;
      readonly headers?: RtspHeadersInit;
      readonly body?: Uint8Array | string;
      readonly reason?: string;
    } = {},
  ): void {
    const { session, body, reason } = options;
    const headers: [string, string][] = [];
    const cseq = request.headers.get("CSeq");
    if (cseq !== undefined && isCSeq(cseq)) headers.push(["CSeq", cseq]);
    if (session !== undefined) {
      const timeoutS = this.#table.advertisedTimeoutS;
      headers.push(["Session", formatSessionHeader({ id: session.id, timeoutS })]);
    }
    const { headers: more = [] } = options;
    headers.push(...(Symbol.iterator in more ? more : Object.entries(more)) as [string, string][]);
    this.#output.push(
      this.#encode(status, {
        headers,
        ...(body === undefined ? {} : { body }),
        ...(reason === undefined ? {} : { reason }),
      }),
    );
  }

  #encode(
    status: number,
    options: {
      headers?: readonly (readonly [string, string])[];
      body?: Uint8Array | string;
      reason?: string;
    },
  ): Uint8Array {
    const headers = [...(options.headers ?? []), ["Server", this.#server] as const];
    return encodeResponse({ status, ...options, headers });
  }

  #refuse(
    request: RtspRequest,
    error: RtspError,
    events: RtspServerEvent[],
    headers: RtspHeadersInit = {},
  ): void {
    let more = headers;
    if (error.code === "wrong-state") {
      more = { Allow: error.allow.join(", ") };
    } else if (error.code === "unsupported-option") {
      more = { Unsupported: request.headers.get("Require") ?? "" };
    }
    this.#respond(request, error.status, { headers: more, reason: reasonOf(error) });
    events.push({ type: "refused", request, error });
  }

  #fail(error: RtspError, events: RtspServerEvent[]): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    this.#waiting.clear();
    this.#pending = undefined;
    events.push({ type: "close", error });
  }
}

/** A request whose turn has not come; of one that is refused only what its answer needs is kept. */
interface WaitingRequest {
  readonly request: RtspRequest;
  readonly isRefused: boolean;
}

/** Requests behind one that is being decided, within bounds. */
class WaitingRequests {
  #requests: WaitingRequest[] = [];
  /** The next; those before it are taken. */
  #at = 0;

  /** Keeps a request for its turn; `false` where there is no room even for a refusal. */
  add(request: RtspRequest): boolean {
    const count = this.#requests.length - this.#at;
    if (count >= MAX_WAITING_REQUESTS + MAX_WAITING_REFUSALS) return false;
    const isRefused = count >= MAX_WAITING_REQUESTS;
    this.#requests.push({ request: isRefused ? withoutContent(request) : request, isRefused });
    return true;
  }

  take(): WaitingRequest | undefined {
    const next = this.#requests[this.#at++];
    if (next === undefined) this.clear();
    return next;
  }

  clear(): void {
    this.#requests = [];
    this.#at = 0;
  }
}

/** Method and number of a request, in as little memory as that takes. */
function withoutContent(request: RtspRequest): RtspRequest {
  const cseq = request.headers.get("CSeq");
  const headers = new RtspHeaders(cseq === undefined ? [] : [["CSeq", cseq]]);
  return { ...request, url: "*", headers, body: new Uint8Array(0) };
}

function tooMany(): RtspError {
  const message = `over ${MAX_WAITING_REQUESTS} requests before an answer`;
  return new RtspError("pipeline-overflow", message, { status: 503 });
}

/**
 * The reason phrase that tells an error, which a server may word (RFC 2326, 7.1.1): FFmpeg, for one, shows it to
 * its user. What the peer wrote may be in it.
 */
function reasonOf({ status, message }: RtspError): string {
  // deno-lint-ignore no-control-regex
  const words = message.slice(0, LONGEST_PHRASE).replace(/[\0-\x1f\x7f]/g, " ");
  return `${RTSP_REASONS[status] ?? "Error"}: ${words}`;
}

/** A live stream has one range; clients write what they like (`0.000-`, `npt=`), and mean it. */
function readRange(header: string): RtspRange | undefined {
  try {
    return parseRange(header);
  } catch (error) {
    if (error instanceof RtspError) return undefined;
    throw error;
  }
}

function isKnown(method: string): method is RtspMethod {
  return (RTSP_METHODS as readonly string[]).includes(method);
}

function presented(
  authorization: string | undefined,
): ReturnType<typeof parseAuthorization> | undefined {
  try {
    return authorization === undefined ? undefined : parseAuthorization(authorization);
  } catch {
    return undefined;
  }
}
