import type { AmfValue } from "../amf/mod.ts";
import {
  ChunkDecoderStream,
  type ConnectedEvent,
  type EnhancedCapabilities,
  formatTcUrl,
  MessageParserStream,
  type PlayingEvent,
  type PublishingEvent,
  type RedirectEvent,
  type ResultEvent,
  RtmpClientHandshake,
  RtmpClientSession,
  RtmpError,
  RtmpHandshakeStream,
  type RtmpPlayOptions,
  type RtmpPublishOptions,
  RtmpSessionSink,
  type RtmpStatus,
  type RtmpUrl,
} from "../rtmp/mod.ts";
import type { RtmpClientEvent } from "../rtmp/mod.ts";
import { Deadline } from "../time/mod.ts";
import { isDisconnect, Outbox, systemClock, type Transport } from "../transport/mod.ts";
import { MessageFeed } from "./message_feed.ts";
import { checkPlaybackBounds, type PlaybackBounds } from "./playback_bounds.ts";
import type { RtmpClientOptions, RtmpClientStatistics } from "./rtmp_client_options.ts";
import { movedBy } from "./rtmp_redirection.ts";
import { connectRtmp, RTMP_SHAKEN, type RtmpAttempt } from "./rtmp_connect.ts";
import { RtmpPlayback, type RtmpRequestOptions } from "./rtmp_playback.ts";
import { asPublished, type RtmpMedia, RtmpPublication } from "./rtmp_publication.ts";
import { type RtmpAnswer, RtmpRequests } from "./rtmp_requests.ts";

/** Deadlines are looked at this often, milliseconds. */
const TICK_MS = 100;

/** How long a closing client lets the server read what it was told, milliseconds. */
const CLOSE_MS = 1000;

/**
 * An RTMP client: it publishes and plays, any number of streams on one connection.
 *
 * @example Publish a stream, and play it
 * ```ts
 * import { RtmpClient } from "@weir/server/client";
 * import { Server } from "@weir/server";
 *
 * await using server = new Server({ rtmp: { hostname: "127.0.0.1", port: 0 } });
 * await server.listen();
 * const url = `rtmp://127.0.0.1:${server.addresses[0]!.port}/live/cam`;
 *
 * await using publisher = await RtmpClient.connect(url);
 * const writer = (await publisher.publish()).getWriter();
 * await writer.write({
 *   kind: "audio",
 *   timestampMs: 0,
 *   body: new Uint8Array([0xaf, 0, 0x12, 0x10]),
 * });
 * await writer.write({ kind: "audio", timestampMs: 0, body: new Uint8Array([0xaf, 1, 0x21]) });
 *
 * await using player = await RtmpClient.connect(url);
 * for await (const unit of await player.play()) {
 *   console.log(unit.kind, unit.role); // audio config
 *   break;
 * }
 * ```
 */
export class RtmpClient {
  /** Where it is connected to, after redirections. */
  readonly url: RtmpUrl;
  /**
   * Resolves when `close` has closed the connection; rejects with an {@linkcode RtmpError} when it
   * ended otherwise.
   */
  readonly closed: Promise<void>;
  readonly #options: RtmpClientOptions;
  readonly #transport: Transport;
  readonly #abort = new AbortController();
  readonly #session: RtmpClientSession;
  readonly #handshake: RtmpHandshakeStream;
  readonly #chunks: ChunkDecoderStream;
  readonly #outbox: Outbox;
  /** What publications have to say. */
  readonly #media = new MessageFeed();
  readonly #requests: RtmpRequests;
  readonly #playbacks = new Map<number, RtmpPlayback>();
  readonly #publications = new Map<number, RtmpPublication>();
  readonly #closed = Promise.withResolvers<void>();
  readonly #shaken = Promise.withResolvers<void>();
  /** Whether the server has asked for the credentials when it connected. */
  readonly #isAuthenticated: boolean;
  /** Settled when the server sends nothing more. */
  readonly #readEnd = Promise.withResolvers<void>();
  readonly #timer: ReturnType<typeof setInterval>;
  #connection: ConnectedEvent | undefined;
  #redirect: RedirectEvent | undefined;
  #room: (() => void) | undefined;
  #end: { readonly error: unknown } | undefined;
  #closing: Promise<void> | undefined;

  private constructor(url: RtmpUrl, transport: Transport, options: RtmpAttempt) {
    const { app, isAsked } = options.authentication;
    this.url = url;
    this.#isAuthenticated = isAsked;
    this.#options = options;
    this.#transport = transport;
    const { timeoutMs, connectParameters, connectArgs } = options;
    this.#session = new RtmpClientSession({
      ...options.session,
      app,
      tcUrl: formatTcUrl({ ...url, app }),
      redirects: options.redirects,
      ...(timeoutMs === undefined ? {} : { requestTimeoutMs: timeoutMs }),
      ...(connectParameters === undefined ? {} : { connectParameters }),
      ...(connectArgs === undefined ? {} : { connectArgs }),
      nowMs: performance.now(),
    });
    this.#requests = new RtmpRequests({
      cancel: (id) => this.#session.cancel(id),
      flush: () => this.#flush(),
    });
    this.closed = this.#closed.promise;
    // Whoever does not look at it hears of the end from the streams.
    this.closed.catch(() => {});
    this.#outbox = new Outbox(transport);
    this.#outbox.onError = (error) => this.#finish(endOf(error));
    this.#outbox.mediaRoom = () =>
      this.#media.wholeRoom(() =>
        this.#session.mediaRoom(this.#outbox.bytes - this.#handshake.bytesSent)
      );
    this.#handshake = new RtmpHandshakeStream(
      new RtmpClientHandshake({
        random: (length) => crypto.getRandomValues(new Uint8Array(length)),
        nowMs: 0,
        scheme: options.handshake === "simple" ? "simple" : "digest-0",
      }),
      { send: (bytes) => this.#outbox.send([bytes]), onDone: () => this.#shaken.resolve() },
    );
    this.#outbox.add(this.#media);
    this.#chunks = new ChunkDecoderStream({ ...options.chunks, mayOverwrite: true });
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  /** What the server has said in its answer to connect that it can take of Enhanced RTMP. */
  get capabilities(): EnhancedCapabilities {
    return this.#connection!.capabilities;
  }

  /**
   * Connects, shakes hands and asks for the URL's application; follows up to 5 redirections.
   *
   * User name and password go to a server that asks for them when it connects (`authmod=adobe`,
   * `authmod=llnw`) as the answer to its challenge, on up to three connections; else, as `user` and `pass`,
   * into the query of the stream names. A redirection takes them to the same host alone; one from `rtmps` to
   * `rtmp` is not followed.
   *
   * Where a server leaves the connect command unanswered, or closes at it, as some do that cannot read a strict
   * array, a second connection asks once without the lists of Enhanced RTMP.
   *
   * @throws {RtmpError} (rejects) `url`; `unreachable`; `connect-rejected` with the server's status;
   * `unauthorized` when the credentials are wrong or missing; `timeout`; or what the server did wrong
   */
  static async connect(
    url: string | RtmpUrl,
    options: RtmpClientOptions = {},
  ): Promise<RtmpClient> {
    return await connectRtmp(url, options, async (transport, { target, attempt, onShaken }) => {
      const client = new RtmpClient(target, transport, attempt);
      const redirection = await client.#open(attempt.signal, onShaken);
      return redirection ?? client;
    });
  }

  /** What the server said when it accepted the connection. */
  get connection(): ConnectedEvent {
    return this.#connection!;
  }

  /** Counts of now. */
  get statistics(): RtmpClientStatistics {
    return {
      ...this.#session.statistics,
      bytesReceived: this.#chunks.decoder.bytesReceived,
      bytesSent: this.#outbox.bytes,
    };
  }

  /**
   * Publishes `name`, that of the URL where not given; resolves when the server has agreed.
   *
   * @throws {RtmpError} (rejects) `publish-rejected` with the server's status, `timeout`, or why the
   * connection ended
   */
  async publish(
    name: string = this.url.key,
    options: RtmpPublishOptions & RtmpRequestOptions = {},
  ): Promise<RtmpPublication> {
    const key = this.#nameWithCredentials(name);
    let publication: RtmpPublication;
    await this.#ask<PublishingEvent>(
      () => this.#session.publish(key, options),
      options,
      (event) => {
        publication = this.#openPublication(event.streamId);
      },
    );
    return publication!;
  }

  /**
   * Plays `name`, that of the URL where not given; resolves when the server has agreed. `options` say too what
   * becomes of units that are not read in time.
   *
   * @throws {RangeError} (rejects) if a bound is negative or not a number
   * @throws {RtmpError} (rejects) `play-rejected` with the server's status, `timeout`, or why the
   * connection ended
   */
  async play(
    name: string = this.url.key,
    options: RtmpPlayOptions & RtmpRequestOptions & PlaybackBounds = {},
  ): Promise<RtmpPlayback> {
    checkPlaybackBounds(options);
    const key = this.#nameWithCredentials(name);
    let playback: RtmpPlayback;
    await this.#ask<PlayingEvent>(() => this.#session.play(key, options), options, (event) => {
      playback = this.#openPlayback(event, options);
    });
    return playback!;
  }

  /**
   * Calls a procedure of the server; resolves to its result: the values behind the command object.
   *
   * @throws {RtmpError} (rejects) `call-failed` with the server's status, `timeout`, or why the
   * connection ended
   */
  async call(
    name: string,
    args: readonly AmfValue[] = [],
    options: RtmpRequestOptions & { readonly object?: AmfValue } = {},
  ): Promise<readonly AmfValue[]> {
    const { object = null } = options;
    const result = await this.#ask<ResultEvent>(
      () => this.#session.call(name, args, { object }),
      options,
    );
    return result.args;
  }

  /**
   * Calls a procedure of the server, and waits for no answer; `streamId` is that of a playback or publication.
   *
   * @throws {RtmpError} why the connection ended
   */
  notify(
    name: string,
    args: readonly AmfValue[] = [],
    options: { readonly streamId?: number } = {},
  ): void {
    if (this.#end !== undefined || this.#closing !== undefined) throw this.#endError();
    this.#session.notify(name, args, options);
    this.#flush();
  }

  /**
   * Ends all streams, what was written to publications being sent before, and closes the connection;
   * takes a second at most. May be called again.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Closes the client at the end of an `await using` block. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Handshake and connect; returns where the server sends the client, if it does. */
  async #open(signal: AbortSignal, onShaken: () => void): Promise<string | undefined> {
    const onAbort = (): void => this.#finish(signal.reason);
    signal.addEventListener("abort", onAbort);
    try {
      signal.throwIfAborted();
      void this.#serve();
      // What ends the connection before rejects.
      await Promise.race([this.#shaken.promise, this.closed]);
      onShaken();
      await this.#requests.ask(() => this.#session.connect());
    } catch (error) {
      if (this.#redirect !== undefined) return this.#redirect.tcUrl;
      this.#finish(endOf(error));
      throw this.#end!.error;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
    return undefined;
  }

  /** The pipeline of the connection: handshake, chunks, messages, session. It ends with the connection. */
  async #serve(): Promise<void> {
    const sink = new RtmpSessionSink(this.#session, {
      now: () => performance.now(),
      bytesReceived: () => this.#chunks.decoder.bytesReceived,
      send: (output) => this.#outbox.send(output),
      handle: (events) => this.#handle(events),
      ready: () => this.#isReady(),
    });
    try {
      await this.#transport.readable
        .pipeThrough(this.#handshake)
        .pipeThrough(this.#chunks)
        .pipeThrough(new MessageParserStream())
        .pipeTo(sink, { signal: this.#abort.signal });
      const where = this.#connection === undefined ? `: ${RTMP_SHAKEN}` : "";
      this.#finish(new RtmpError("closed", `The server has closed the connection${where}`));
    } catch (error) {
      this.#finish(endOf(error));
    } finally {
      this.#readEnd.resolve();
    }
  }

  /** Whether more is to be read, or when. */
  #isReady(): Promise<void> | undefined {
    // An acknowledgement makes room.
    if (this.#session.limitsMedia) this.#outbox.pump();
    const room = this.#outbox.room();
    return room === undefined && !this.#isHeldBack ? undefined : this.#hasRoom(room);
  }

  /** Waits while a reader is behind, or the server asks faster than it takes answers. */
  async #hasRoom(room: Promise<void> | undefined): Promise<void> {
    await room;
    while (this.#end === undefined && this.#closing === undefined && this.#isHeldBack) {
      await new Promise<void>((resolve) => this.#room = resolve);
    }
  }

  get #isHeldBack(): boolean {
    return this.#playbacks.values().some((playback) => playback.isFull);
  }

  #wake(): void {
    this.#room?.();
    this.#room = undefined;
  }

  #tick(): void {
    const now = performance.now();
    // That nothing is read is then not the server's doing.
    if (this.#isHeldBack) this.#session.receive([], now);
    const { limitsMedia } = this.#session;
    this.#handle(this.#session.tick(now));
    this.#flush();
    // A limit that was given up makes room.
    if (limitsMedia) this.#outbox.pump();
    const { writeStallMs = 10_000 } = this.#options;
    if (this.#outbox.stalledMs(now) >= writeStallMs) {
      this.#finish(
        new RtmpError("write-timeout", `The server has taken nothing for ${writeStallMs} ms`),
      );
    }
  }

  #flush(): void {
    const output = this.#session.takeOutput();
    if (output.length > 0) this.#outbox.send(output);
  }

  #handle(events: readonly RtmpClientEvent[]): void {
    for (const event of events) {
      switch (event.type) {
        case "media":
          this.#playbacks.get(event.message.streamId)?.push(event.message);
          break;
        case "connected":
          this.#connection = event;
          this.#requests.answered(event);
          break;
        case "publishing":
        case "playing":
        case "result":
          this.#requests.answered(event);
          break;
        case "failed":
          this.#requests.failed(event.request, event.error);
          break;
        case "stopped":
          this.#stopped(event.streamId, event.error, event.status);
          break;
        case "status":
          this.#hear(event.status);
          break;
        case "call":
          this.#options.onCall?.(event.name, event.args);
          break;
        case "redirect":
          this.#redirect = event;
          this.#finish(new RtmpError("closed", "The server has redirected the client"));
          break;
        case "close":
          this.#finish(event.error);
      }
    }
  }

  #hear(status: RtmpStatus): void {
    const { onMove, onStatus } = this.#options;
    const to = onMove && movedBy(status, this.url);
    if (to !== undefined) onMove!(to);
    onStatus?.(status);
  }

  #stopped(streamId: number, error: RtmpError | undefined, status: RtmpStatus): void {
    this.#playbacks.get(streamId)?.end(error);
    this.#publications.get(streamId)?.fail(error);
    this.#forget(streamId);
    this.#options.onStatus?.(status);
  }

  #openPlayback(event: PlayingEvent, bounds: PlaybackBounds): RtmpPlayback {
    const { streamId } = event;
    const playback = new RtmpPlayback(event, {
      request: async (kind, positionMs, options) => {
        await this.#ask<ResultEvent>(() => {
          if (!this.#playbacks.has(streamId)) {
            throw new RtmpError("closed", `Stream ${streamId} has ended`);
          }
          return this.#session[kind](streamId, positionMs);
        }, options);
      },
      receive: (kind, enabled) => {
        this.#session.receiveKind(streamId, kind, { enabled });
        this.#flush();
      },
      wanted: () => this.#wake(),
      cancelled: () => this.#forget(streamId),
    }, bounds);
    this.#playbacks.set(streamId, playback);
    return playback;
  }

  #openPublication(streamId: number): RtmpPublication {
    const publication = new RtmpPublication(streamId, {
      send: (media) => this.#send(streamId, media),
      finish: async (how) => {
        if (how === "flush") await this.#outbox.drained();
        this.#forget(streamId);
        if (how === "flush") await this.#outbox.drained();
      },
    });
    this.#publications.set(streamId, publication);
    return publication;
  }

  #send(streamId: number, media: RtmpMedia): Promise<void> | undefined {
    const bytes = this.#session.encodeMedia({ ...asPublished(media), streamId });
    if (bytes === undefined) throw this.#endError();
    return this.#media.push(bytes);
  }

  /** Ends a NetStream towards the server. */
  #forget(streamId: number): void {
    this.#playbacks.delete(streamId);
    this.#publications.delete(streamId);
    this.#session.closeStream(streamId);
    this.#flush();
    this.#wake();
  }

  /** A server that has asked for the credentials before is not given the password itself. */
  #nameWithCredentials(name: string): string {
    return this.#isAuthenticated ? name : withCredentials(name, this.url);
  }

  /** Makes a request; see {@linkcode RtmpRequests.ask}. */
  #ask<T extends RtmpAnswer>(
    request: () => number,
    options: RtmpRequestOptions,
    onAnswer?: (answer: T) => void,
  ): Promise<T> {
    return this.#requests.ask(
      () => {
        if (this.#end !== undefined || this.#closing !== undefined) throw this.#endError();
        return request();
      },
      options,
      onAnswer,
    );
  }

  #endError(): unknown {
    return this.#end?.error ?? new RtmpError("closed", "The client is closed");
  }

  async #close(): Promise<void> {
    if (this.#end !== undefined) return;
    this.#wake();
    using deadline = new Deadline(systemClock, CLOSE_MS);
    await deadline.before(this.#outbox.drained());
    const closed = new RtmpError("closed", "The client is closed");
    for (const publication of this.#publications.values()) publication.fail(closed);
    for (const playback of this.#playbacks.values()) playback.end();
    for (const id of [...this.#playbacks.keys(), ...this.#publications.keys()]) this.#forget(id);
    await deadline.before(this.#outbox.drained());
    // The server is let read the last words: closing on bytes that were not read would take them away.
    await deadline.before(this.#transport.closeWrite().catch(() => {}));
    await deadline.before(this.#readEnd.promise);
    this.#finish(undefined);
  }

  /** Ends everything; the first reason counts. */
  #finish(error: unknown): void {
    if (this.#end !== undefined) return;
    const isClosed = this.#closing !== undefined;
    this.#end = { error: isClosed ? new RtmpError("closed", "The client is closed") : error };
    const reason = this.#end.error;
    clearInterval(this.#timer);
    this.#outbox.end();
    this.#media.end();
    this.#transport.close();
    this.#abort.abort(reason);
    this.#requests.failAll(reason);
    for (const playback of this.#playbacks.values()) playback.end(isClosed ? undefined : reason);
    for (const publication of this.#publications.values()) publication.fail(reason);
    this.#playbacks.clear();
    this.#publications.clear();
    this.#wake();
    if (isClosed) this.#closed.resolve();
    else this.#closed.reject(reason);
  }
}

/** MediaMTX and weir take credentials in the query of the stream's name. */
function withCredentials(name: string, { username, password }: RtmpUrl): string {
  if (username === undefined) return name;
  const query = new URLSearchParams({ user: username, pass: password ?? "" });
  return `${name}${name.includes("?") ? "&" : "?"}${query}`;
}

/** What a lost connection is called, whatever the system calls it. */
function endOf(error: unknown): unknown {
  if (!isDisconnect(error)) return error;
  return new RtmpError("closed", "The connection was lost", { cause: error });
}
