import { HubError, type HubErrorCode, type Stream } from "../../hub/mod.ts";
import type { Track } from "../../media/mod.ts";
import {
  formatRtspUrl,
  parseRtspUrl,
  publishedMedia,
  type RtspAnnounceEvent,
  type RtspCredentials,
  RtspDecoderStream,
  type RtspDescribeEvent,
  type RtspMessage,
  type RtspParameterEvent,
  type RtspPlayEvent,
  type RtspQuestionEvent,
  type RtspRecordEvent,
  RtspServerConnection,
  type RtspServerEvent,
  type RtspServerSession,
  type RtspSetupEvent,
  type RtspTransportPolicy,
  type RtspVerdict,
  type SessionDescription,
  withRtspPath,
} from "../../rtsp/mod.ts";
import { tracksOfSdp } from "../../transmux/mod.ts";
import { closeGently, Outbox, type Transport } from "../../transport/mod.ts";
import {
  askHook,
  failureEnd,
  heldBytesEnd,
  ORDINARY_ENDS,
  type ServerContext,
  streamNameOf,
  tellHook,
} from "../mod.ts";
import type {
  ConnectionEnd,
  ConnectionInfo,
  HookResult,
  Redirected,
  Refused,
  StreamRequest,
} from "../../gate/mod.ts";
import type { ServerLog } from "../../log/mod.ts";
import type { RtspService } from "./rtsp_service.ts";
import { describeStream } from "../../wire/mod.ts";

/** A question about a stream. */
type StreamQuestion = RtspDescribeEvent | RtspAnnounceEvent | RtspSetupEvent;

/** What the server keeps with a session until it plays or records. */
interface SessionNotes {
  readonly request: StreamRequest;
  readonly tracks: readonly Track[];
  /** Of a publisher: which media of its description each track is. */
  readonly media?: readonly number[];
}

/** One RTSP connection, from its first request to the end. */
export class RtspConnection {
  /** Resolves when all is over. */
  readonly finished: Promise<ConnectionEnd>;
  readonly outbox: Outbox;
  readonly #context: ServerContext;
  readonly #log: ServerLog;
  readonly #service: RtspService;
  readonly #transport: Transport;
  readonly #connection: RtspServerConnection;
  readonly #abort = new AbortController();
  readonly #ended = Promise.withResolvers<void>();
  readonly #decoder: RtspDecoderStream;
  readonly #touched = new Set<RtspServerSession>();
  readonly #id: number;
  #info: ConnectionInfo | undefined;
  #end: ConnectionEnd | undefined;
  #closing: Promise<void> | undefined;
  #resume: (() => void) | undefined;
  /** Answers whose events are not handled yet: what the client says next comes after them. */
  #answering = 0;
  /** Since when a hook is thinking. */
  #askedAtMs = Infinity;

  /**
   * Starts to serve; `id` is the connection's number in log lines and hooks, `openedMs` when it began, and
   * `first` what was read of it already.
   */
  constructor(
    context: ServerContext,
    transport: Transport,
    options: {
      readonly id: number;
      readonly service: RtspService;
      readonly policy: RtspTransportPolicy;
      readonly openedMs: number;
      readonly first?: Uint8Array;
    },
  ) {
    this.#context = context;
    this.#log = context.peers.of(transport.remoteAddress);
    this.#transport = transport;
    this.#service = options.service;
    this.#id = options.id;
    this.#connection = new RtspServerConnection({
      sessions: options.service.sessions,
      address: transport.remoteAddress,
      transports: options.policy,
      nowMs: options.openedMs,
    });
    this.outbox = new Outbox(transport);
    this.outbox.onError = (error) => this.#finish(failureEnd(error));
    const { first } = options;
    this.#decoder = new RtspDecoderStream({}, first === undefined ? {} : { first });
    this.finished = this.#run();
  }

  /** Passes time on. */
  tick(): void {
    if (this.#end !== undefined) return;
    this.#handle(this.#connection.tick(this.#context.clock.now()));
    const { writeStallMs } = this.#context.timing;
    if (this.outbox.stalledMs(this.#context.clock.now()) >= writeStallMs) {
      this.#finish({
        clean: false,
        reason: "write-timeout",
        message: `The peer has taken nothing for ${writeStallMs} ms`,
      });
    }
    const { hookMs } = this.#context.timing;
    if (this.#context.clock.now() - this.#askedAtMs >= hookMs) {
      this.#finish({
        clean: false,
        reason: "hook-timeout",
        message: `A hook has not answered for ${hookMs} ms`,
      });
    }
  }

  /** Bytes that came so far. */
  get bytesReceived(): number {
    return this.#decoder.bytesReceived;
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
    const { closeReason } = this.#connection;
    if (closeReason === undefined) return;
    this.outbox.send(this.#connection.takeOutput());
    this.#finish(failureEnd(closeReason));
  }

  /** Closes since the server stops. */
  stop(): void {
    this.#finish({ clean: true, reason: "stopped", message: "The server has stopped" });
  }

  async #run(): Promise<ConnectionEnd> {
    const sink = new WritableStream<RtspMessage[]>({
      write: (messages) => this.#receive(messages),
    }, { highWaterMark: 1 });
    const { signal } = this.#abort;
    try {
      await this.#transport.readable
        .pipeThrough(this.#decoder, { signal })
        .pipeTo(sink, { signal });
      this.#finish({ clean: true, reason: "closed", message: "The peer has closed" });
    } catch (error) {
      const end = failureEnd(error);
      if (this.#end === undefined && end.reason === "internal") {
        this.#log.error("rtsp connection failed", {
          connection: this.#id,
          error: String(error),
        });
      }
      this.#finish(end);
    }
    this.#ended.resolve();
    await this.#closing;
    return this.#end!;
  }

  #receive(messages: readonly RtspMessage[]): void | Promise<void> {
    if (this.#end !== undefined) return;
    this.#handle(this.#connection.receive(messages, this.#context.clock.now()));
    // Until the question is answered, nothing more is read; interleaved media of a publisher is never
    // behind a question for long.
    if (this.#isDeciding && this.#end === undefined) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#resume = resolve;
      return promise.then(() => this.outbox.room());
    }
    return this.outbox.room();
  }

  /** Whether the client has to wait. */
  get #isDeciding(): boolean {
    return this.#connection.busy || this.#answering > 0;
  }

  #handle(events: readonly RtspServerEvent[]): void {
    for (const event of events) this.#handleOne(event);
    for (const session of this.#touched) this.#service.commit(session);
    this.#touched.clear();
    this.outbox.send(this.#connection.takeOutput());
    // Media follows the answer.
    for (const event of events) if (event.type === "playing") this.#service.play(event.session);
    if (!this.#isDeciding) this.#release();
    this.checkClosed();
  }

  #handleOne(event: RtspServerEvent): void {
    switch (event.type) {
      case "frame":
        this.#service.takeFrame(event);
        this.#touched.add(event.session);
        break;
      case "describe":
        this.#answer(event, () => this.#describe(event));
        break;
      case "announce":
        this.#answer(event, () => this.#announce(event));
        break;
      case "setup":
        this.#answer(event, () => this.#setUp(event));
        break;
      case "play":
        this.#answer(event, () => this.#play(event));
        break;
      case "record":
        this.#answer(event, () => this.#record(event));
        break;
      case "parameter":
        this.#answer(event, () => this.#answerParameter(event));
        break;
      case "authorize":
        this.#answer(event, () => this.#authorize(event));
        break;
      case "recording":
        this.#service.record(event.session);
        break;
      case "paused":
        this.#service.pause(event.session);
        break;
      case "session-closed":
        this.#service.closed(event.session, event.reason);
        break;
      case "refused":
        this.#log.info("rtsp request refused", {
          connection: this.#id,
          method: event.request.method,
          status: event.error.status,
          reason: event.error.message,
        });
        break;
      case "close":
      case "playing":
      case "keepalive":
    }
  }

  #answer(
    event: RtspQuestionEvent,
    decide: () => RtspServerEvent[] | Promise<RtspServerEvent[]>,
  ): void {
    this.#answering++;
    Promise.try(decide).catch((error) => {
      if (error instanceof HubError) {
        const status = HUB_STATUS[error.code];
        return this.#connection.reject(event, status, { reason: error.message });
      }
      this.#log.error("rtsp request failed", {
        connection: this.#id,
        error: String(error),
      });
      return this.#connection.reject(event, 500, { reason: "Internal error", close: true });
    }).then((events) => {
      this.#answering--;
      if (this.#end === undefined) return this.#handle(events);
      // A session that a later request of the client has ended is given up in any case.
      for (const event of events) if (event.type === "session-closed") this.#handleOne(event);
    }).catch((error) => {
      // A mistake of this program ends this connection alone.
      this.#log.error("rtsp connection failed", {
        connection: this.#id,
        error: String(error),
      });
      this.#finish(failureEnd(error));
    });
  }

  async #describe(event: RtspDescribeEvent): Promise<RtspServerEvent[]> {
    const { clock, log, timing } = this.#context;
    const request = await this.#permitted(event, "play");
    if (!("request" in request)) return request.events;
    const stream = await this.#liveStream(request.request.name);
    const described = stream &&
      await describeStream(stream, { clock, log, waitMs: timing.describeWaitMs });
    if (described === undefined) {
      return this.#connection.reject(event, 404, {
        reason: `There is no stream ${request.request.name}`,
      });
    }
    const connection = this.#multicastConnection(event, request.request.name);
    return this.#connection.acceptDescribe(event, {
      description: { ...described.description, ...connection },
      identity: request.identity,
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
    const request = await this.#permitted(event, "publish");
    if (!("request" in request)) return request.events;
    const media = publishedMedia(event.description);
    const tracks = tracksOfSdp({ media: media.map((index) => event.description.media[index]!) });
    event.session.data = { request: request.request, tracks, media } satisfies SessionNotes;
    return this.#connection.acceptAnnounce(event, { identity: request.identity });
  }

  async #setUp(event: RtspSetupEvent): Promise<RtspServerEvent[]> {
    if (event.mode === "record") return this.#connection.acceptSetup(event);
    const { clock, log, timing } = this.#context;
    let identity: string | undefined;
    if (event.session.data === undefined) {
      const request = await this.#permitted(event, "play");
      if (!("request" in request)) return request.events;
      const { name } = request.request;
      const stream = await this.#liveStream(name);
      const described = stream &&
        await describeStream(stream, { clock, log, waitMs: timing.describeWaitMs });
      if (stream === undefined || described === undefined) {
        return this.#connection.reject(event, 404, { reason: `There is no stream ${name}` });
      }
      if (event.track >= described.tracks.length) return this.#rejectTrack(event);
      const group = event.transport.kind === "multicast" ? event.transport.address : undefined;
      const format = this.#service.openPlayer(event.session, {
        stream,
        group,
        tracks: described.tracks,
        request: request.request,
        carrier: this,
      });
      // The log that other players share may have been described a little differently.
      event.session.data = {
        request: request.request,
        tracks: format.tracks,
      } satisfies SessionNotes;
      identity = request.identity;
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
    const { request, tracks, media = [] } = event.session.data as SessionNotes;
    this.#service.openPublisher(event.session, {
      tracks,
      media,
      request,
      identity: this.#connection.identity ?? this.#transport.remoteAddress,
      carrier: this,
    });
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
    const { verdict, identity } = await this.#verify(event, notes.request, action);
    if (verdict !== "granted") return this.#connection.challenge(event, verdict);
    return this.#connection.acceptAuthorize(event, {
      identity: identity ?? this.#transport.remoteAddress,
    });
  }

  /** The request of a question when all who are asked allow it; else the events of its refusal. */
  async #permitted(
    event: StreamQuestion,
    action: "publish" | "play",
  ): Promise<
    | { readonly request: StreamRequest; readonly identity: string | undefined }
    | { readonly events: RtspServerEvent[] }
  > {
    const { hooks } = this.#context;
    const turnedAway = await this.#introduce(event);
    // Nobody asks about the connection a second time.
    if (turnedAway !== undefined) return this.#turnAway(event, turnedAway, { close: true });
    if (this.#end !== undefined) return { events: [] };
    const request = this.#request(event);
    const { verdict, identity } = await this.#verify(event, request, action);
    if (verdict !== "granted") return { events: this.#connection.challenge(event, verdict) };
    if (this.#end !== undefined) return { events: [] };
    const hook = action === "publish" ? hooks.onPublish : hooks.onPlay;
    // A player is asked about once, at its DESCRIBE or, without one, its first SETUP.
    const answer = await this.#ask(event, () => hook?.(request));
    return answer === undefined ? { request, identity } : this.#turnAway(event, answer);
  }

  /** Refuses a question, or sends its client elsewhere, as a hook wants it. */
  #turnAway(
    event: StreamQuestion,
    answer: Refused | Redirected,
    options: { readonly close?: boolean } = {},
  ): { readonly events: RtspServerEvent[] } {
    if ("refuse" in answer) {
      const reason = answer.refuse;
      return { events: this.#connection.reject(event, 403, { ...options, reason }) };
    }
    const headers = { Location: answer.redirect };
    // The log gets no credentials, and no query, which may hold some.
    const [target] = formatRtspUrl(parseRtspUrl(answer.redirect)).split("?", 1);
    const reason = `Redirected to ${target}`;
    return { events: this.#connection.reject(event, 302, { ...options, reason, headers }) };
  }

  /** Asks a hook whether the client may go on, and keeps the time. */
  #ask(event: StreamQuestion, ask: () => HookResult): Promise<Refused | Redirected | undefined> {
    return this.#asked(askHook(this.#log, ask, (redirect) => {
      // A hook may have put in what the client wrote, and a header ends at a line end.
      if (/[\0-\x20\x7f]/.test(redirect)) {
        throw new TypeError(
          `Cannot redirect as a URL has no blank: current value is ${JSON.stringify(redirect)}`,
        );
      }
      const url = redirect.startsWith("/")
        ? withRtspPath(parseRtspUrl(event.request.url), redirect)
        : parseRtspUrl(redirect);
      return formatRtspUrl(url, { credentials: true });
    }));
  }

  /** Waits for a hook's answer, and keeps the time. */
  async #asked<T>(answer: T | Promise<T>): Promise<T> {
    this.#askedAtMs = this.#context.clock.now();
    try {
      return await answer;
    } finally {
      this.#askedAtMs = Infinity;
    }
  }

  /** Tells the connect hook of the client, once; returns how it turns it away. */
  async #introduce(event: StreamQuestion): Promise<Refused | Redirected | undefined> {
    if (this.#info !== undefined) return undefined;
    const log = this.#log;
    const { hooks } = this.#context;
    const info: ConnectionInfo = {
      id: this.#id,
      protocol: "rtsp",
      remoteAddress: this.#transport.remoteAddress,
      app: "",
      userAgent: event.request.headers.get("User-Agent") ?? "",
    };
    log.debug(`rtsp connect from ${this.#transport.remoteName}`, {
      connection: this.#id,
      userAgent: info.userAgent,
    });
    // Known from now on, so that its end is told too if it comes before the answer.
    this.#info = info;
    return await this.#ask(event, () => hooks.onConnect?.(info));
  }

  async #verify(
    event: RtspQuestionEvent,
    request: StreamRequest,
    action: "publish" | "play",
  ): Promise<{ readonly verdict: RtspVerdict; readonly identity: string | undefined }> {
    const { credentials } = event;
    const { hooks } = this.#context;
    const known: RtspCredentials | undefined = await this.#asked(
      hooks.credentials?.({ ...request, action, username: credentials.username }),
    );
    // A name that nobody has verified is nobody's: it must not take over the stream of its owner.
    if (known === undefined) return { verdict: "granted", identity: undefined };
    return { verdict: credentials.verify(known), identity: known.username };
  }

  /** The stream of that name once it is live, waited for within bounds. */
  async #liveStream(name: string): Promise<Stream | undefined> {
    const { hub, clock, timing } = this.#context;
    const stream = hub.stream(name);
    if (stream.isLive) return stream;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const unwatch = stream.watch(() => resolve(stream.isLive));
    const timer = clock.setTimer(() => resolve(false), timing.describeWaitMs);
    const onAbort = (): void => resolve(false);
    this.#abort.signal.addEventListener("abort", onAbort);
    const isLive = await promise;
    this.#abort.signal.removeEventListener("abort", onAbort);
    timer.cancel();
    unwatch();
    return isLive ? hub.get(name) : undefined;
  }

  #request(event: StreamQuestion): StreamRequest {
    const name = streamNameOf(event.path);
    return { connection: this.#info!, name, query: new URLSearchParams(event.query ?? "") };
  }

  #release(): void {
    this.#resume?.();
    this.#resume = undefined;
  }

  #finish(end: ConnectionEnd): void {
    if (this.#end !== undefined) return;
    const log = this.#log;
    const { hooks } = this.#context;
    this.#end = end;
    const events = this.#connection.end();
    for (const event of events) this.#handleOne(event);
    const hadPublisher = events.some((event) =>
      event.type === "session-closed" && event.session.state === "recording"
    );
    const line = `rtsp ${this.#transport.remoteName} closed`;
    const fields = { connection: this.#id, reason: end.reason, message: end.message };
    // Players leave by closing their window, which may well reset the connection.
    const isOrdinary = ORDINARY_ENDS.has(end.reason) ||
      (end.reason === "reset" && !hadPublisher);
    if (isOrdinary) log.debug(line, fields);
    else log.warn(line, fields);
    const info = this.#info;
    if (info !== undefined) tellHook(log, () => hooks.onDisconnect?.(info, end));
    this.#release();
    this.#closing = closeGently(this.#context, {
      transport: this.#transport,
      outbox: this.outbox,
      peerEnded: this.#ended.promise,
      abort: this.#abort,
    });
  }
}

/** What a refusal of the hub is in RTSP. */
const HUB_STATUS: Readonly<Record<HubErrorCode, number>> = {
  "bad-name": 400,
  "name-taken": 403,
  "too-many-streams": 503,
  "too-many-waited": 503,
  "too-many-readers": 503,
  "closed": 404,
};

/** A live stream has no beginning or end that could be told. */
const LIVE = { unit: "npt", start: "now", end: undefined } as const;
