import {
  formatRtspUrl,
  parseRtspUrl,
  RtspError,
  type RtspRange,
  type RtspResponse,
  type RtspUrl,
} from "../rtsp/mod.ts";
import type { SdpMedia, SessionDescription } from "../sdp/mod.ts";
import type { Transport } from "../transport/mod.ts";
import { chooseTracks, withControls } from "./described_media.ts";
import {
  type RtspAnswer,
  RtspClientConnection,
  RtspRedirection,
  type RtspRequestOptions,
} from "./rtsp_client_connection.ts";
import { checkPlaybackBounds } from "./playback_bounds.ts";
import { backChannelOf } from "../transmux/mod.ts";
import type {
  RtspClientOptions,
  RtspClientStatistics,
  RtspDescribeOptions,
  RtspParameterOptions,
  RtspPlayOptions,
  RtspTalkOptions,
} from "./rtsp_client_options.ts";
import { connectRtsp, type RtspTarget } from "./rtsp_connect.ts";
import { type RtspLinkProtocol, setUpLinks } from "./rtsp_link.ts";
import { RtspPlayback } from "./rtsp_playback.ts";
import { RtspRecording } from "./rtsp_recording.ts";

/** Deadlines are looked at this often, milliseconds. */
const TICK_MS = 50;

/** How long the good-bye of a server (RTCP) may come behind the end of its connection, milliseconds. */
const GOODBYE_MS = 500;

/**
 * An RTSP client: it plays a stream or publishes one, over UDP, TCP or TLS.
 *
 * @example Publish a stream, and play it
 * ```ts
 * import { RtspClient } from "@weir/server/client";
 * import { buildRtpPacket } from "@weir/server/rtp";
 * import { parseSdp } from "@weir/server/sdp";
 * import { Server } from "@weir/server";
 *
 * const address = { hostname: "127.0.0.1", port: 0 };
 * await using server = new Server({ rtmp: false, rtsp: address, rtp: address });
 * await server.listen();
 * const { port } = server.addresses.find(({ protocol }) => protocol === "rtsp")!;
 * const url = `rtsp://127.0.0.1:${port}/live/radio`;
 *
 * await using publisher = await RtspClient.connect(url);
 * await publisher.announce(parseSdp("v=0\ns=radio\nm=audio 0 RTP/AVP 8\n"));
 * const writer = (await publisher.record()).tracks[0]!.getWriter();
 * const send = (sequenceNumber: number) =>
 *   writer.write(buildRtpPacket({
 *     payloadType: 8,
 *     sequenceNumber,
 *     timestamp: sequenceNumber * 160,
 *     ssrc: 1,
 *     payload: new Uint8Array(160),
 *   }));
 * await send(0);
 *
 * await using player = await RtspClient.connect(url);
 * const playback = await player.play();
 * await send(1);
 * for await (const unit of playback) {
 *   console.log(unit.kind, unit.payload.format); // audio rtp
 *   break;
 * }
 * ```
 */
export class RtspClient implements AsyncDisposable {
  /**
   * Resolves when `close` has closed the connection; rejects with an {@linkcode RtspError} when it
   * ended otherwise.
   */
  readonly closed: Promise<void>;
  readonly #options: RtspClientOptions;
  readonly #closed = Promise.withResolvers<void>();
  readonly #abort = new AbortController();
  readonly #timer: ReturnType<typeof setInterval>;
  #target: RtspTarget;
  #connection: RtspClientConnection | undefined;
  #description: SessionDescription | undefined;
  #announced: SessionDescription | undefined;
  #playback: RtspPlayback | undefined;
  #recording: RtspRecording | undefined;
  #range: RtspRange | undefined;
  /** Settled when the way from UDP to TCP is done. */
  #fallback: Promise<void> | undefined;
  /** The connection has gone; datagrams may still say that it was for good. */
  #lost: { readonly error: unknown; readonly atMs: number } | undefined;
  #end: { readonly error: unknown } | undefined;
  #closing: Promise<void> | undefined;

  private constructor(target: RtspTarget, options: RtspClientOptions) {
    this.#target = target;
    this.#options = options;
    this.closed = this.#closed.promise;
    // Whoever does not look at it hears of the end from the streams.
    this.closed.catch(() => {});
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /**
   * Connects, and asks what the server supports; follows up to 5 redirections.
   *
   * @throws {TypeError} (rejects) if UDP is asked for where only TCP can be
   * @throws {RtspError} (rejects) `malformed-url`; `unreachable`; `unauthorized`; `response-timeout`; or
   * what the server did wrong
   */
  static async connect(
    url: string | RtspUrl,
    options: RtspClientOptions = {},
  ): Promise<RtspClient> {
    const parsed = typeof url === "string" ? parseRtspUrl(url) : url;
    if (options.transport === "udp" && options.connection !== undefined) {
      throw new TypeError('Cannot connect as media goes over TCP only: current value is "udp"');
    }
    const withCredentials = { ...parsed, ...options.credentials };
    const target = { url: formatRtspUrl(withCredentials, { credentials: true }), redirects: 0 };
    const client = new RtspClient(target, options);
    await client.#connect(target, options);
    return client;
  }

  /** Where it is connected to, after redirections, with the credentials. */
  get url(): RtspUrl {
    return parseRtspUrl(this.#target.url);
  }

  /** Counts of now. */
  get statistics(): RtspClientStatistics {
    return this.#connection!.statistics;
  }

  /**
   * Asks for the description of the stream.
   *
   * @throws {RtspError} (rejects) what the server refused with, such as 404 as `status`;
   * `malformed-description`; or why the connection ended
   */
  async describe(options: RtspDescribeOptions = {}): Promise<SessionDescription> {
    const { backchannel = false, ...others } = options;
    try {
      return await this.#describe({ ...others, backChannel: backchannel });
    } catch (error) {
      if (!backchannel || !mayBeOfOption(error)) throw error;
      return await this.#describe(others);
    }
  }

  /**
   * Plays the stream, which is described before where it was not; resolves when the server has agreed.
   *
   * @throws {TypeError} (rejects) if the client plays or publishes already
   * @throws {RangeError} (rejects) if there is no such track, or a bound is negative or not a number
   * @throws {RtspError} (rejects) what the server refused with; `unsupported-transport`;
   * `tracks-missing` where there is nothing to play; or why the connection ended
   */
  async play(options: RtspPlayOptions = {}): Promise<RtspPlayback> {
    checkPlaybackBounds(options);
    this.#assertIdle("play");
    const description = this.#description ?? await this.describe(options);
    this.#assertIdle("play");
    const playback: RtspPlayback = new RtspPlayback({
      description,
      indexes: chooseTracks(description, options.tracks),
      ssrc: crypto.getRandomValues(new Uint32Array(1))[0]!,
      cname: this.#cname,
      bounds: options,
      control: {
        pause: async (request) =>
          void await this.#ask("done", (session) => session.pause(), request),
        play: async (range, request) => {
          this.#range = range ?? this.#range;
          return await this.#ask(
            "playing",
            (session) => range === undefined ? session.resume() : session.play(range),
            request,
          );
        },
        wanted: () => this.#connection?.wake(),
        cancelled: () => this.#stop(playback),
      },
    });
    this.#playback = playback;
    this.#range = options.range;
    try {
      await this.#start(playback, { ...options, protocols: this.#protocols(["udp", "tcp"]) });
    } catch (error) {
      this.#stop(playback, { error, always: options.signal?.aborted ?? false });
      throw error;
    }
    return playback;
  }

  /**
   * Talks to the server by its back channel (ONVIF Streaming Specification, 5.3), in a session of its own that plays
   * nothing; resolves when it has agreed. What it takes is in the formats of the one track that comes back: packets are
   * of one of their payload types, and are to be written at the pace at which they are to be heard.
   *
   * GStreamer's server, up to 1.22 at least, hears nothing now and then in a session that leaves out what it has described:
   * all of that is set up there, and dropped as it comes.
   *
   * @throws {TypeError} (rejects) if the client plays or publishes already
   * @throws {RtspError} (rejects) `tracks-missing` where the server describes no back channel, with status 551 where it
   * says so; what else the server refused with: 403 or 453, say, where somebody talks already; or why the connection
   * ended
   */
  async talk(options: RtspTalkOptions = {}): Promise<RtspRecording> {
    this.#assertIdle("talk");
    const description = await this.#describe({ ...options, backChannel: true });
    const back = backChannelOf(description);
    if (back === undefined) {
      throw new RtspError("tracks-missing", "The server describes no back channel");
    }
    this.#assertIdle("talk");
    const { isWhole = isOfGStreamer(description) } = options;
    return await this.#send([back.media], {
      ...options,
      isBackChannel: true,
      others: isWhole ? description.media.filter(({ direction }) => direction !== "sendonly") : [],
      // As in ONVIF's examples it has no range: GStreamer's server would seek.
      begin: (connection) => connection.ask("playing", (session) => session.resume(), options),
    });
  }

  /**
   * Announces what is to be published. Tracks without a `control` of their own get one.
   *
   * @throws {TypeError} (rejects) if the client plays or publishes already
   * @throws {RtspError} (rejects) what the server refused with, or why the connection ended
   */
  async announce(
    description: SessionDescription,
    options: RtspRequestOptions = {},
  ): Promise<void> {
    this.#assertIdle("announce");
    const announced = withControls(description);
    const ask = (connection: RtspClientConnection) =>
      connection.ask("done", (session) => session.announce(announced), options);
    await this.#follow(ask, options);
    this.#announced = announced;
    // Controls are below the URL itself now.
    this.#description = undefined;
  }

  /**
   * Publishes what was announced; resolves when the server has agreed.
   *
   * @throws {TypeError} (rejects) if nothing was announced, or the client plays or publishes already
   * @throws {RtspError} (rejects) what the server refused with; `unsupported-transport`; or why the
   * connection ended
   */
  async record(options: RtspRequestOptions = {}): Promise<RtspRecording> {
    this.#assertIdle("record");
    const announced = this.#announced;
    if (announced === undefined) throw new TypeError("Cannot record as nothing was announced");
    this.#announced = undefined;
    return await this.#send(announced.media, {
      ...options,
      begin: (connection) => connection.ask("done", (session) => session.record(), options),
    });
  }

  /** Sets up media that go to the server, and has it take them. */
  async #send(
    media: readonly SdpMedia[],
    options: RtspRequestOptions & {
      readonly isBackChannel?: boolean;
      /** Media that the server sends in the same session, and that nobody wants. */
      readonly others?: readonly SdpMedia[];
      readonly begin: (connection: RtspClientConnection) => Promise<unknown>;
    },
  ): Promise<RtspRecording> {
    const { isBackChannel = false, others = [], begin } = options;
    const connection = this.#connection!;
    const recording: RtspRecording = new RtspRecording({
      media,
      isBackChannel,
      cname: this.#cname,
      control: {
        drained: () => connection.drained(),
        finish: () => this.#stopRecording(recording),
      },
    });
    this.#recording = recording;
    try {
      const protocols = this.#protocols(["tcp", "udp"]);
      const unwanted = others.map((media) => ({ media, receive: () => {} }));
      const links = await setUpLinks(connection, [...recording.requests(), ...unwanted], {
        ...options,
        protocols,
        mode: isBackChannel ? "play" : "record",
        isEncrypted: this.url.scheme === "rtsps",
      });
      recording.begin(links);
      await begin(connection);
    } catch (error) {
      recording.fail(error);
      this.#recording = undefined;
      this.#tearDown({ always: options.signal?.aborted ?? false });
      throw error;
    }
    return recording;
  }

  /**
   * Asks or sets parameters, or asks what the server supports; resolves to its answer.
   *
   * @throws {RtspError} (rejects) what the server refused with, or why the connection ended
   */
  async request(
    method: "OPTIONS" | "GET_PARAMETER" | "SET_PARAMETER",
    options: RtspParameterOptions = {},
  ): Promise<RtspResponse> {
    const { headers = {}, body } = options;
    const content = { headers, ...(body === undefined ? {} : { body }) };
    const answer = await this.#ask("done", (session) => session.request(method, content), options);
    return answer.response;
  }

  /**
   * Ends what is played or published, what was written being sent before, and closes the connection;
   * takes about a second at most. May be called again.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Closes the client at the end of an `await using` block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #describe(
    options: RtspRequestOptions & { readonly backChannel?: boolean },
  ): Promise<SessionDescription> {
    const ask = (connection: RtspClientConnection) =>
      connection.ask("described", (session) => session.describe(options), options);
    const { description } = await this.#follow(ask, options);
    this.#description = description;
    return description;
  }

  get #cname(): string {
    return this.#options.userAgent?.slice(0, 60) ?? "weir";
  }

  /** Connects, here or where the server sends the client. */
  async #connect(target: RtspTarget, { signal }: RtspRequestOptions): Promise<void> {
    const signals = signal === undefined ? [] : [signal];
    try {
      await connectRtsp(target, {
        client: this.#options,
        signal: AbortSignal.any([this.#abort.signal, ...signals]),
        open: (transport, at) => this.#open(transport, at),
      });
    } catch (error) {
      this.#finish(error);
      throw this.#end!.error;
    }
  }

  #open(transport: Transport, target: RtspTarget): RtspClientConnection {
    const { timeoutMs = 10_000, userAgent, writeStallMs = 10_000 } = this.#options;
    const connection: RtspClientConnection = new RtspClientConnection(transport, {
      session: {
        url: target.url,
        redirects: target.redirects,
        cnonce: crypto.getRandomValues(new Uint8Array(8)).toHex(),
        requestTimeoutMs: timeoutMs,
        nowMs: performance.now(),
        ...(userAgent === undefined ? {} : { userAgent }),
      },
      writeStallMs,
      isHeldBack: () => this.#playback?.holdsBack ?? false,
      onMove: (url) => {
        if (this.#connection === connection) this.#options.onMove?.(parseRtspUrl(url));
      },
      onEnd: (error) => {
        if (this.#connection !== connection) return;
        this.#lost = { error, atMs: performance.now() };
        if (this.#playback?.protocol !== "udp") this.#finish(error);
      },
    });
    this.#target = target;
    this.#connection = connection;
    return connection;
  }

  /** Makes a request, and makes it again where the server sends the client. */
  async #follow<T>(
    ask: (connection: RtspClientConnection) => Promise<T>,
    options: RtspRequestOptions,
  ): Promise<T> {
    for (;;) {
      await this.#fallback;
      this.#throwIfEnded();
      const connection = this.#connection!;
      try {
        return await ask(connection);
      } catch (error) {
        const isBound = this.#options.connection !== undefined ||
          connection.sessionId !== undefined;
        if (isBound || !(error instanceof RtspRedirection)) throw error;
        connection.close(error);
        this.#description = undefined;
        await this.#connect(error, options);
      }
    }
  }

  async #ask<T extends RtspAnswer["type"]>(
    type: T,
    request: Parameters<RtspClientConnection["ask"]>[1],
    options: RtspRequestOptions,
  ): Promise<Extract<RtspAnswer, { readonly type: T }>> {
    await this.#fallback;
    this.#throwIfEnded();
    return await this.#connection!.ask(type, request, options);
  }

  #protocols(order: readonly RtspLinkProtocol[]): readonly RtspLinkProtocol[] {
    const { transport = "auto" } = this.#options;
    if (isTcpOnly(this.url, this.#options)) return [transport === "udp" ? "udp" : "tcp"];
    return transport === "auto" ? order : [transport];
  }

  /** Sets tracks up, and has them played. */
  async #start(
    playback: RtspPlayback,
    options: RtspRequestOptions & { readonly protocols: readonly RtspLinkProtocol[] },
  ): Promise<void> {
    const connection = this.#connection!;
    const links = await setUpLinks(connection, playback.requests(), {
      ...options,
      mode: "play",
      isEncrypted: this.url.scheme === "rtsps",
    });
    if (this.#playback !== playback) {
      for (const link of links) link.close();
      throw new RtspError("closed", "The playback was cancelled");
    }
    playback.begin(links);
    const range = this.#range;
    playback.started(await connection.ask("playing", (session) => session.play(range), options));
  }

  /** Nothing comes over UDP: some router keeps it back. A new connection, and TCP. */
  async #fallBack(playback: RtspPlayback): Promise<void> {
    try {
      // After a TEARDOWN some servers close the connection.
      await this.#connection!.retire(new RtspError("closed", "The stream goes on over TCP"));
      await this.#connect(this.#target, {});
      await this.#connection!.ask("described", (session) => session.describe());
      if (this.#playback === playback) await this.#start(playback, { protocols: ["tcp"] });
    } catch (error) {
      if (this.#playback === playback) this.#stop(playback, { error });
    } finally {
      this.#fallback = undefined;
      if (this.#playback === undefined) this.#tearDown();
    }
  }

  #tick(): void {
    const nowMs = performance.now();
    this.#connection?.tick(nowMs);
    this.#recording?.tick(nowMs);
    const playback = this.#playback;
    playback?.tick(nowMs);
    if (this.#lost !== undefined && (nowMs - this.#lost.atMs >= GOODBYE_MS || playback?.hasLeft)) {
      this.#finish(this.#lost.error);
    }
    if (playback === undefined || this.#playback !== playback) return;
    if (this.#fallback !== undefined) return;
    const { fallbackMs = 3000, mediaTimeoutMs = 10_000, transport = "auto" } = this.#options;
    const { ms, hasPackets } = playback.silence(nowMs);
    if (!hasPackets && playback.protocol === "udp" && transport === "auto") {
      if (ms >= fallbackMs) this.#fallback = this.#fallBack(playback);
    } else if (ms >= mediaTimeoutMs) {
      const error = new RtspError("media-timeout", `No packet for ${mediaTimeoutMs} ms`);
      this.#stop(playback, { error });
    }
  }

  #stop(playback: RtspPlayback, options: { error?: unknown; always?: boolean } = {}): void {
    if (this.#playback !== playback) return;
    this.#playback = undefined;
    playback.end(options.error);
    if (this.#fallback === undefined) this.#tearDown(options);
    this.#connection?.wake();
  }

  async #stopRecording(recording: RtspRecording): Promise<void> {
    if (this.#recording !== recording) return;
    this.#recording = undefined;
    recording.fail(new RtspError("closed", "The stream has been ended"));
    await this.#tearDown();
  }

  /** Ends the server's session; `always` where one may come with an answer that is under way. */
  async #tearDown({ always = false }: { readonly always?: boolean } = {}): Promise<void> {
    const connection = this.#connection;
    if (connection === undefined || connection.sessionId === undefined && !always) return;
    // It may have ended, or not know the session any more: both are as good.
    await connection.ask("done", (session) => session.teardown()).catch(() => {});
  }

  #assertIdle(verb: string): void {
    this.#throwIfEnded();
    const busy = this.#playback !== undefined ? "plays" : this.#recording && "publishes";
    if (busy !== undefined) throw new TypeError(`Cannot ${verb} as the client ${busy} already`);
  }

  #throwIfEnded(): void {
    if (this.#end !== undefined) throw this.#end.error;
    if (this.#closing !== undefined) throw new RtspError("closed", "The client is closed");
  }

  async #close(): Promise<void> {
    if (this.#end !== undefined) return;
    const closed = new RtspError("closed", "The client is closed");
    this.#playback?.end();
    this.#playback = undefined;
    this.#recording?.fail(closed);
    this.#recording = undefined;
    await this.#connection?.retire(closed);
    this.#finish(undefined);
  }

  /** Ends everything; the first reason counts. */
  #finish(error: unknown): void {
    if (this.#end !== undefined) return;
    const isClosed = this.#closing !== undefined;
    const reason = isClosed ? new RtspError("closed", "The client is closed") : error;
    this.#end = { error: reason };
    clearInterval(this.#timer);
    this.#connection?.close(reason);
    this.#playback?.end(isClosed ? undefined : reason);
    this.#recording?.fail(reason);
    this.#playback = undefined;
    this.#recording = undefined;
    this.#abort.abort(reason);
    if (isClosed) this.#closed.resolve();
    else this.#closed.reject(reason);
  }
}

/**
 * Whether a server may have refused what it does not know: 551 by RFC 2326, 12.32, and with older cameras whatever else
 * says nothing of the stream or of the client.
 */
function mayBeOfOption(error: unknown): boolean {
  return error instanceof RtspError && error.code === "refused" &&
    ![403, 404, 503].includes(error.status);
}

/** Whether GStreamer's server has described it, as it says itself. */
function isOfGStreamer({ attributes = [] }: SessionDescription): boolean {
  return attributes.some(({ name, value }) => name === "tool" && value === "GStreamer");
}

/** Whether packets go over the connection where nothing else is asked for. */
function isTcpOnly(url: RtspUrl, options: RtspClientOptions): boolean {
  return url.scheme === "rtsps" || options.connection !== undefined;
}
