import { formatSdp, type SessionDescription } from "../sdp/mod.ts";
import { ConnectionDeadlines } from "./connection_deadlines.ts";
import { RtspServerAuthenticator, type RtspVerdict } from "./authentication.ts";
import { RtspError, type RtspErrorCode } from "./errors.ts";
import type { RtspHeadersInit, RtspInterleavedFrame, RtspMessage, RtspRequest } from "./message.ts";
import { formatRange, type RtspRange } from "./range.ts";
import { formatRtpInfo } from "./rtp_info.ts";
import {
  checkCSeq,
  checkPortsFree,
  checkRequire,
  checkTrackFree,
  elsewhere,
  notFound,
  trackUrl,
} from "./request_checks.ts";
import { presentedCredentials } from "./presented_credentials.ts";
import { REQUEST_HANDLERS, type RequestTurn } from "./request_handlers.ts";
import { ResponseWriter } from "./response_writer.ts";
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
import { ServerRequests } from "./server_requests.ts";
import { SessionBinding } from "./session_binding.ts";
import type {
  RtspAcceptance,
  RtspServerConnectionOptions,
  RtspTrackStart,
} from "./server_connection_options.ts";
import type { RtspServerSession } from "./server_session.ts";
import { tableOf } from "./session_registry.ts";
import { isNoSession, parseSessionHeader } from "./session_header.ts";
import { hexadecimal, type ServerSession, type SessionTable } from "./session_table.ts";
import { RTSP_METHODS, type RtspMethod } from "./states.ts";
import { formatTransports } from "./transport_header.ts";
import { type RtspTransportPolicy, transportReply } from "./transport_choice.ts";
import { httpBadRequestResponse } from "./tunnel.ts";
import { contentBase } from "./described_url.ts";
import { formatRtspUrl, parseRtspUrl } from "./url.ts";
import { tooMany, WaitingRequests } from "./waiting_requests.ts";

/** Frames for no channel before the connection ends: some are in flight after a PAUSE or TEARDOWN. */
const MAX_STRAY_FRAMES = 1000;
/** Faults after which nothing on the connection can be trusted, or the client would only repeat them. */
const FATAL: ReadonlySet<RtspErrorCode> = new Set<RtspErrorCode>([
  "cseq",
  "malformed-url",
  "malformed-description",
]);

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
  /** The identity that the client has proved, as the owner has named it. */
  identity: string | undefined = undefined;
  /** Any value that the owner keeps with the connection. */
  data: unknown = undefined;
  /** Interleaved frames that were dropped because no channel of a session takes them. */
  strayFrames = 0;

  readonly #table: SessionTable;
  readonly #policy: RtspTransportPolicy;
  readonly #authenticator: RtspServerAuthenticator;
  readonly #binding: SessionBinding;
  readonly #responses: ResponseWriter;
  readonly #requests: ServerRequests;
  readonly #waiting = new WaitingRequests();
  #pending: RtspQuestionEvent | undefined;
  #error: RtspError | undefined;
  #nowMs: number;
  readonly #deadlines: ConnectionDeadlines;

  /** Makes the state of a connection that was just accepted. */
  constructor(options: RtspServerConnectionOptions) {
    this.address = options.address;
    this.#table = tableOf(options.sessions);
    this.#policy = options.transports ?? {};
    this.#responses = new ResponseWriter({ server: options.server ?? "weir" });
    this.#requests = new ServerRequests((bytes) => this.#responses.add(bytes));
    this.#deadlines = new ConnectionDeadlines(options.nowMs);
    this.#nowMs = options.nowMs;
    this.#authenticator = new RtspServerAuthenticator({
      nonce: hexadecimal(this.#table.random(16)),
      issuedMs: options.nowMs,
      ...(options.realm === undefined ? {} : { realm: options.realm }),
      ...(options.methods === undefined ? {} : { methods: options.methods }),
    });
    this.#binding = new SessionBinding(this.#table, {
      address: options.address,
      close: (error) => this.#error ??= error,
      closeSoon: (error) => this.#deadlines.endSoon(error, this.#nowMs),
    });
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
      else if (this.#requests.takeAnswer()) continue;
      else this.#fail(new RtspError("unexpected-response", "a response to a server"), events);
    }
    return events;
  }

  /**
   * Tells the client another description of what a session plays (RFC 2326, 10.3). Whatever it answers is taken
   * for an answer: many clients know no such request.
   */
  announce(session: RtspServerSession, description: SessionDescription): void {
    if (this.#error !== undefined) return;
    this.#requests.add(session, {
      method: "ANNOUNCE",
      headers: { "Content-Type": "application/sdp" },
      body: formatSdp(description),
    });
  }

  /**
   * Tells the client to go on at another URL, as soon as it can (RFC 2326, 10.10). As with `announce`, one that knows
   * no such request may answer so, and its session goes on.
   */
  redirect(session: RtspServerSession, location: string): void {
    if (this.#error !== undefined) return;
    this.#requests.add(session, { method: "REDIRECT", headers: { Location: location } });
  }

  /** Removes and returns the bytes that are to be written, in order. */
  takeOutput(): Uint8Array[] {
    return this.#responses.take();
  }

  /** Carries out what is due. Run it about once a second. */
  tick(nowMs: number): RtspServerEvent[] {
    this.#nowMs = Math.max(this.#nowMs, nowMs);
    const events: RtspServerEvent[] = [];
    if (this.#error !== undefined || this.busy) return events;
    const due = this.#deadlines.due(this.#nowMs, { hasSessions: this.#binding.count > 0 });
    if (due !== undefined) this.#fail(due, events);
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
      const base = contentBase(parseRtspUrl(event.request.url));
      this.#responses.respond(event.request, 200, {
        headers: {
          "Content-Base": formatRtspUrl(base),
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
      this.#responses.respond(event.request, 200, { session });
      this.#keepAlive(session, events);
    });
  }

  /** Accepts the SETUP of a track; `ssrc` is that of the packets to come, if it is known. */
  acceptSetup(
    event: RtspSetupEvent,
    answer: RtspAcceptance & {
      readonly ssrc?: number;
      /** Further headers of the answer: `KeyMgmt`. */
      readonly headers?: Readonly<Record<string, string>>;
      /** Whether the client of a session that plays sends this track: its packets come as frames too. */
      readonly isBackChannel?: boolean;
    } = {},
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
      this.#table.addTrack(session, {
        track,
        transport,
        ssrc: answer.ssrc,
        url,
        ...(answer.isBackChannel === true ? { isBackChannel: true } : {}),
      });
      this.#binding.open(session, "SETUP");
      if (transport.kind === "tcp") this.#binding.carry(session);
      const reply = formatTransports([transportReply(transport, answer.ssrc)]);
      this.#responses.respond(request, 200, {
        session,
        headers: { Transport: reply, ...answer.headers },
      });
      this.#keepAlive(session, events);
    });
  }

  /** Lets a session play: the 200 stands in the output when this returns, so media may follow. */
  acceptPlay(
    event: RtspPlayEvent,
    answer: RtspAcceptance & {
      readonly rtpInfo?: readonly RtspTrackStart[];
      readonly range?: RtspRange;
      /** Further headers of the answer. */
      readonly headers?: Readonly<Record<string, string>>;
    } = {},
  ): RtspServerEvent[] {
    return this.#answer(event, answer, (events, session) => {
      if (session === undefined) return;
      session.follow("PLAY");
      const info = formatRtpInfo((answer.rtpInfo ?? []).flatMap(({ track, ...start }) => {
        const url = session.tracks.find((one) => one.track === track)?.url;
        return url === undefined ? [] : [{ url, ...start }];
      }));
      const headers: Record<string, string> = { ...answer.headers };
      if (answer.range !== undefined) headers["Range"] = formatRange(answer.range);
      if (info !== "") headers["RTP-Info"] = info;
      this.#responses.respond(event.request, 200, { session, headers });
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
      this.#responses.respond(event.request, 200, { session });
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
      this.#responses.respond(event.request, 200, {
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
      else this.#refuse(event.request, elsewhere("a session of someone else"), { events });
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
      this.#refuse(event.request, error, { events, headers: options.headers });
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
      this.#refuse(event.request, error, { events, headers });
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
      this.#refuse(
        event.request,
        notFound(this.#table.whyEnded(session.id) ?? "the session has ended"),
        { events },
      );
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
      if (next.isRefused) this.#refuse(next.request, tooMany(), { events });
      else this.#handle(next.request, events);
    }
  }

  #receiveMalformed(error: RtspError, events: RtspServerEvent[]): void {
    // With an answer outstanding this one would come before its turn.
    if (!this.busy) this.#responses.answerMalformed(error);
    this.#fail(error, events);
  }

  #receiveRequest(request: RtspRequest, events: RtspServerEvent[]): void {
    this.#deadlines.noteRequest(this.#nowMs);
    if (!this.busy) {
      this.#handle(request, events);
      return;
    }
    try {
      this.#waiting.add(request);
    } catch (error) {
      if (!(error instanceof RtspError)) throw error;
      this.#fail(error, events);
    }
  }

  #receiveFrame(frame: RtspInterleavedFrame, events: RtspServerEvent[]): void {
    const session = this.#binding.interleaved;
    if (session === undefined && !this.#binding.everInterleaved) {
      const message = "received unexpected interleaved frame";
      return this.#fail(new RtspError("unexpected-frame", message), events);
    }
    const found = this.#binding.channel(frame.channel);
    const isOfClient = found?.rtcp === true || found?.track.isBackChannel === true;
    const taken = session?.state === "recording" || (session?.state === "playing" && isOfClient);
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
      this.#responses.add(httpBadRequestResponse());
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
      REQUEST_HANDLERS[method](this.#turn(request, events));
    });
  }

  #attempt(request: RtspRequest, events: RtspServerEvent[], act: () => void): void {
    try {
      act();
    } catch (error) {
      if (!(error instanceof RtspError)) throw error;
      this.#refuse(request, error, { events });
      if (FATAL.has(error.code)) this.#fail(error, events);
    }
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
    const { id } = parseSessionHeader(header);
    const session = this.#table.sessions.get(id);
    if (session === undefined) throw notFound(this.#table.whyEnded(id) ?? "an unknown session");
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
    const nowMs = (): number => this.#nowMs;
    return {
      request,
      credentials: presentedCredentials(request, { authenticator: this.#authenticator, nowMs }),
    };
  }

  #ask(event: RtspQuestionEvent, events: RtspServerEvent[]): void {
    this.#pending = event;
    events.push(event);
  }

  #turn(request: RtspRequest, events: RtspServerEvent[]): RequestTurn {
    return {
      request,
      events,
      nowMs: this.#nowMs,
      address: this.address,
      policy: this.#policy,
      table: this.#table,
      binding: this.#binding,
      respond: (status, options) => this.#responses.respond(request, status, options),
      ask: (question) => this.#ask({ ...question, ...this.#question(request) }, events),
      withSession: (act) => this.#withSession(request, events, act),
    };
  }

  #refuse(
    request: RtspRequest,
    error: RtspError,
    to: { readonly events: RtspServerEvent[]; readonly headers?: RtspHeadersInit | undefined },
  ): void {
    this.#responses.refuse(request, error, to.headers);
    to.events.push({ type: "refused", request, error });
  }

  #fail(error: RtspError, events: RtspServerEvent[]): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    this.#waiting.clear();
    this.#pending = undefined;
    events.push({ type: "close", error });
  }
}

function isKnown(method: string): method is RtspMethod {
  return (RTSP_METHODS as readonly string[]).includes(method);
}
