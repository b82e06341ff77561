import {
  amfNumberProperty,
  amfProperties,
  amfStringProperty,
  type AmfValue,
  encodeAmf0,
} from "../amf/mod.ts";
import { withoutConnectProof } from "./authenticator.ts";
import {
  type CommandContent,
  type CommandMessage,
  encodeCommandMessage,
} from "./command_message.ts";
import { UserControlEvent } from "./control_message.ts";
import { enhancedAnswer, parseEnhancedCapabilities } from "./enhanced_capabilities.ts";
import { RtmpError, type RtmpErrorCode } from "./errors.ts";
import type { MediaMessage, RtmpMessage } from "./message.ts";
import { ProtocolControl } from "./protocol_control.ts";
import { MessageType } from "./raw_message.ts";
import type {
  ConnectEvent,
  PlayEvent,
  PublishEvent,
  RtmpRequestEvent,
  RtmpServerEvent,
} from "./server_event.ts";
import { resolveStreamPath, type StreamPath } from "./stream_path.ts";

/** Bounds and times of a server session, all with defaults. */
export interface RtmpServerSessionOptions {
  /** Chunk size of what is sent, bytes. Default 65 536. */
  readonly chunkSize?: number;
  /** Window that the peer is told to acknowledge by, bytes. Default 2 500 000. */
  readonly windowSize?: number;
  /** NetStreams at one time. Default 16: encoders use one, players with several views a few. */
  readonly maxNetStreams?: number;
  /** From the start, and after a role has ended or there was no stream, to publish or play. Default 10 000 ms. */
  readonly roleTimeoutMs?: number;
  /** How long a player may go on asking for streams that there are not. Default 600 000 ms. */
  readonly retryTimeoutMs?: number;
  /** Longest silence of a publisher. Default 10 000 ms. */
  readonly publisherTimeoutMs?: number;
  /** Silence after which the peer is pinged. Default 30 000 ms. */
  readonly pingAfterMs?: number;
  /** How long an answer to the ping may take. Default 10 000 ms. */
  readonly pingTimeoutMs?: number;
}

/** What a session has counted. */
export interface RtmpServerSessionStatistics {
  /** Media that came in a state that does not allow it, and was dropped. */
  readonly droppedMedia: number;
  /** Messages of types that are not acted upon. */
  readonly ignoredMessages: number;
}

/** How a request is refused. */
export interface Refusal {
  /**
   * What the client is told: for publish `NetStream.Publish.BadName` (taken) or
   * `NetStream.Publish.Denied`; for play `NetStream.Play.StreamNotFound` or
   * `NetStream.Play.Failed`. A refused connect is always `NetConnection.Connect.Rejected`.
   */
  readonly code?: string;
  /** The reason in words, which the client may show. */
  readonly description: string;
  /** For a connect: the tcUrl of where to connect instead (`ex.redirect`, as SRS has it). */
  readonly redirect?: string;
  /** For a connect: the description asks the client who it is, which then connects anew. */
  readonly isQuestion?: boolean;
}

type NetStreamState = "idle" | "publish-pending" | "publishing" | "play-pending" | "playing";

interface NetStream {
  readonly id: number;
  state: NetStreamState;
  path: StreamPath | undefined;
  lastMediaAt: number;
  /** What is to be sent when it plays. */
  readonly receives: Record<"audio" | "video", boolean>;
}

const COMMAND_CSID = 3;
const STATUS_CSID = 5;
const DATA_CSID = 6;

/**
 * The server's end of an RTMP connection after the handshake, as a state machine: messages go in,
 * events come out, and bytes to write wait in `takeOutput`. It knows no sockets, no time of its own,
 * and no streams; its owner answers the requests (RTMP 1.0, chapter 7.2).
 *
 * While a connect or publish is unanswered, what the client sends after it waits, in order, and its
 * events are returned by `accept` or `reject`. Media of a NetStream that does not publish is counted
 * and dropped.
 *
 * @example
 * ```ts
 * import { RtmpServerSession } from "@weir/server/rtmp";
 *
 * const session = new RtmpServerSession({ nowMs: 0 });
 * const events = session.receive([{
 *   kind: "command",
 *   streamId: 0,
 *   name: "connect",
 *   transactionId: 1,
 *   object: { app: "live", tcUrl: "rtmp://localhost/live" },
 *   args: [],
 *   amf3: false,
 * }], 5);
 * const [connect] = events;
 * if (connect?.type === "connect") session.accept(connect);
 * console.log(session.takeOutput().length > 0); // true
 * ```
 */
export class RtmpServerSession {
  readonly #options: Required<RtmpServerSessionOptions>;
  readonly #protocol: ProtocolControl;
  readonly #streams = new Map<number, NetStream>();
  #connection: ConnectEvent | undefined;
  /** Where it has connected to, without what it said of who it is. */
  #place: { readonly app: string; readonly tcUrl: string } | undefined;
  #connected = false;
  #amf3 = false;
  #sawFcPublish = false;
  #pending: RtmpRequestEvent | undefined;
  #held: RtmpMessage[] = [];
  #closed = false;
  #nowMs: number;
  /** When the time to publish or play began to run. */
  #noRoleSince: number | undefined;
  /** When a player without a role was first told that there is no stream. */
  #absentSince: number | undefined;
  #lastReceivedAt: number;
  #pingedAt: number | undefined;
  #droppedMedia = 0;
  #ignoredMessages = 0;

  /** `nowMs` is when the connection was accepted: the time for the handshake counts. */
  constructor(options: RtmpServerSessionOptions & { readonly nowMs: number }) {
    this.#options = {
      chunkSize: 65_536,
      windowSize: 2_500_000,
      maxNetStreams: 16,
      roleTimeoutMs: 10_000,
      retryTimeoutMs: 600_000,
      publisherTimeoutMs: 10_000,
      pingAfterMs: 30_000,
      pingTimeoutMs: 10_000,
      ...options,
    };
    this.#nowMs = options.nowMs;
    this.#noRoleSince = options.nowMs;
    this.#lastReceivedAt = options.nowMs;
    this.#protocol = new ProtocolControl(this.#options);
  }

  /** What the client said when it connected; `undefined` before. */
  get connection(): ConnectEvent | undefined {
    return this.#connection;
  }

  /** Whether a request waits for an answer before anything else is looked at. */
  get isHeld(): boolean {
    return this.#pending !== undefined;
  }

  /**
   * Bytes of memory that what waits for the answer to a request keeps: the buffers that its messages are
   * views of.
   */
  get heldBytes(): number {
    if (this.#held.length === 0) return 0;
    const buffers = new Set<ArrayBufferLike>();
    for (const message of this.#held) if ("body" in message) buffers.add(message.body.buffer);
    return buffers.values().reduce((sum, { byteLength }) => sum + byteLength, 0);
  }

  /** The session's state in a word or two, for log lines. */
  get state(): string {
    if (this.#closed) return "closed";
    if (!this.#connected) return this.#pending === undefined ? "unconnected" : "connecting";
    const states = Array.from(this.#streams.values(), (stream) => stream.state);
    return states.find((state) => state !== "idle") ?? "connected";
  }

  /** Counts of now. */
  get statistics(): RtmpServerSessionStatistics {
    return { droppedMedia: this.#droppedMedia, ignoredMessages: this.#ignoredMessages };
  }

  /** Takes messages in and returns what they mean; nothing after the session was closed. */
  receive(messages: readonly RtmpMessage[], nowMs: number): RtmpServerEvent[] {
    this.#nowMs = nowMs;
    this.#lastReceivedAt = nowMs;
    this.#pingedAt = undefined;
    const events: RtmpServerEvent[] = [];
    for (const message of messages) {
      if (this.#pending !== undefined) this.#held.push(message);
      else this.#dispatch(message, events);
    }
    return events;
  }

  /** Says how many bytes have come on the connection so far, so that they are acknowledged. */
  noteBytesReceived(total: number): void {
    if (!this.#closed) this.#protocol.noteBytesReceived(total);
  }

  /** Whether the peer has bounded what it may be sent: `mediaRoom` is then to be looked at. */
  get limitsMedia(): boolean {
    return this.#protocol.limitsMedia;
  }

  /**
   * Bytes of media that may be sent now, when `sentBytes` have been since the handshake: `Infinity`, or
   * less where the peer has asked for that and acknowledges what it gets (5.4.5).
   */
  mediaRoom(sentBytes: number): number {
    return this.#protocol.mediaRoom(sentBytes);
  }

  /** Whether a publish or play still waits for its answer, and was not withdrawn. */
  isWaiting(event: PublishEvent | PlayEvent): boolean {
    const stream = this.#streams.get(event.streamId);
    return stream?.state === `${event.type}-pending` && stream.path === event.path;
  }

  /** Whether a NetStream is to get audio or video; its client may say so before it plays (7.2.2.4, 7.2.2.5). */
  receives(streamId: number, kind: "audio" | "video"): boolean {
    return this.#streams.get(streamId)?.receives[kind] ?? true;
  }

  /** Grants a request; returns the events of what had to wait for that. */
  accept(event: RtmpRequestEvent): RtmpServerEvent[] {
    if (this.#closed) return [];
    switch (event.type) {
      case "connect":
        this.#acceptConnect(event);
        break;
      case "publish":
        this.#acceptPublish(event);
        break;
      case "play":
        this.#acceptPlay(event);
    }
    return this.#settle(event);
  }

  /** Refuses a request; a refused connect also closes. Returns what `accept` does. */
  reject(event: RtmpRequestEvent, refusal: Refusal): RtmpServerEvent[] {
    if (this.#closed) return [];
    const { description, redirect, isQuestion = false } = refusal;
    if (event.type === "connect") {
      if (this.#pending !== event) return [];
      const rejected = status("error", "NetConnection.Connect.Rejected", description);
      const isRedirected = redirect !== undefined;
      this.#answer(event.transactionId, "_error", [
        isRedirected ? { ...rejected, ex: { code: 302, redirect } } : rejected,
      ]);
      if (isQuestion) return this.#close("asked", "The client was asked who it is");
      return this.#close(
        isRedirected ? "redirect" : "rejected",
        `Connect was refused: ${description}`,
      );
    }
    if (!this.isWaiting(event)) return this.#settle(event);
    this.#becomeIdle(this.#streams.get(event.streamId)!);
    const code = refusal.code ??
      (event.type === "publish" ? "NetStream.Publish.Denied" : "NetStream.Play.StreamNotFound");
    if (code === "NetStream.Play.StreamNotFound") this.#giveTimeToRetry();
    this.#sendStatus(event.streamId, status("error", code, description));
    return this.#settle(event);
  }

  /** A stream that there is not may come: the player may ask again, though not for ever. */
  #giveTimeToRetry(): void {
    if (this.#noRoleSince === undefined) return;
    this.#absentSince ??= this.#nowMs;
    const mayRetry = this.#nowMs - this.#absentSince < this.#options.retryTimeoutMs;
    if (mayRetry) this.#noRoleSince = this.#nowMs;
  }

  /** Tells a player that a publisher has come, one that waits for its stream too. */
  notifyPublish(streamId: number): void {
    const stream = this.#streams.get(streamId);
    if (stream?.state !== "playing" && stream?.state !== "play-pending") return;
    const name = stream.path!.key || stream.path!.name;
    this.#sendStatus(
      streamId,
      status("status", "NetStream.Play.PublishNotify", `${name} is now published.`),
    );
  }

  /** Tells a player that its stream has ended, and makes its NetStream idle. */
  endPlay(streamId: number, description = "The stream has ended"): void {
    const stream = this.#streams.get(streamId);
    if (stream?.state !== "playing") return;
    this.#becomeIdle(stream);
    this.#protocol.sendUserControl(UserControlEvent.StreamEof, streamId);
    this.#sendStatus(
      streamId,
      status("status", "NetStream.Play.UnpublishNotify", `${description}.`),
    );
    this.#sendStatus(streamId, status("status", "NetStream.Play.Stop", `${description}.`));
  }

  /** Tells a player that it can be sent no more, and makes its NetStream idle. */
  failPlay(streamId: number, description: string): void {
    const stream = this.#streams.get(streamId);
    if (stream?.state !== "playing") return;
    this.#becomeIdle(stream);
    this.#sendStatus(streamId, status("error", "NetStream.Play.Failed", description));
  }

  /** Tells a publisher that its stream was taken away, and makes its NetStream idle. */
  endPublish(streamId: number, description: string): void {
    const stream = this.#streams.get(streamId);
    if (stream?.state !== "publishing") return;
    this.#becomeIdle(stream);
    this.#sendStatus(streamId, status("error", "NetStream.Publish.BadName", description));
  }

  /** Asks a peer that can to connect again, elsewhere when `tcUrl` is given (Enhanced RTMP v2). */
  requestReconnect(tcUrl?: string): void {
    if (this.#closed || !this.#connected) return;
    const information = status(
      "status",
      "NetConnection.Connect.ReconnectRequest",
      "The server goes down: connect again.",
    );
    this.#sendCommand({
      name: "onStatus",
      args: [tcUrl === undefined ? information : { ...information, tcUrl }],
    });
  }

  /** Passes time on: pings, deadlines. */
  tick(nowMs: number): RtmpServerEvent[] {
    if (this.#closed) return [];
    this.#nowMs = nowMs;
    this.#protocol.tick(nowMs);
    const { roleTimeoutMs, publisherTimeoutMs, pingAfterMs, pingTimeoutMs } = this.#options;
    const isLate = this.#noRoleSince !== undefined && nowMs - this.#noRoleSince >= roleTimeoutMs;
    // One whose request is looked at is not the one who is late.
    if (isLate && !this.#hasRequest) {
      if (this.#absentSince !== undefined) {
        return this.#close(
          "not-found",
          `There was no stream, and nothing else was asked for within ${roleTimeoutMs} ms`,
        );
      }
      return this.#close(
        "role-timeout",
        `No publish or play within ${roleTimeoutMs} ms: state is ${this.state}`,
      );
    }
    for (const stream of this.#streams.values()) {
      if (stream.state === "publishing" && nowMs - stream.lastMediaAt >= publisherTimeoutMs) {
        return this.#close("idle-timeout", `No media for ${publisherTimeoutMs} ms`);
      }
    }
    // While the client is not listened to, its silence means nothing.
    if (this.isHeld) return [];
    if (this.#pingedAt !== undefined) {
      if (nowMs - this.#pingedAt < pingTimeoutMs) return [];
      return this.#close("ping-timeout", `No answer to a ping for ${pingTimeoutMs} ms`);
    }
    if (nowMs - this.#lastReceivedAt >= pingAfterMs) {
      this.#pingedAt = nowMs;
      this.#protocol.sendPing(nowMs);
    }
    return [];
  }

  /** Whether a publish or play waits for its answer. */
  get #hasRequest(): boolean {
    return this.#streams.values().some(({ state }) => state.endsWith("-pending"));
  }

  /** Returns the bytes that wait to be written, in order; the caller owns them. */
  takeOutput(): Uint8Array[] {
    return this.#protocol.takeOutput();
  }

  #dispatch(message: RtmpMessage, events: RtmpServerEvent[]): void {
    if (this.#closed) return;
    switch (message.kind) {
      case "audio":
      case "video":
      case "data":
        this.#receiveMedia(message, events);
        break;
      case "command":
        this.#receiveCommand(message, events);
        break;
      case "user-control":
        if (message.event === UserControlEvent.PingRequest) {
          this.#protocol.sendUserControl(UserControlEvent.PingResponse, message.value);
        }
        break;
      case "acknowledgement":
      case "window-acknowledgement-size":
      case "set-peer-bandwidth":
        this.#protocol.receive(message);
        break;
      case "ignored":
        this.#ignoredMessages++;
    }
  }

  #receiveMedia(message: MediaMessage, events: RtmpServerEvent[]): void {
    const stream = message.streamId === 0
      ? this.#onlyPublishing
      : this.#streams.get(message.streamId);
    if (stream?.state !== "publishing") {
      this.#droppedMedia++;
      return;
    }
    stream.lastMediaAt = this.#nowMs;
    // Zero-length audio or video means silence: nothing is in it to forward.
    if (message.body.length === 0) return;
    const { id: streamId } = stream;
    events.push({
      type: "media",
      message: message.streamId === streamId ? message : { ...message, streamId },
    });
  }

  /**
   * The NetStream that publishes, where there is one: media on message stream 0 is for it. So send encoders
   * that publish there, and those that open a chunk stream with a type 1 chunk, which names no message stream.
   */
  get #onlyPublishing(): NetStream | undefined {
    return onlyOne(this.#streams.values().filter(({ state }) => state === "publishing").toArray());
  }

  #receiveCommand(command: CommandMessage, events: RtmpServerEvent[]): void {
    if (command.name === "connect") {
      this.#receiveConnect(command, events);
      return;
    }
    if (!this.#connected) {
      events.push(
        ...this.#close("unexpected-command", `Command ${shown(command.name)} before connect`),
      );
      return;
    }
    const handler = COMMANDS[command.name];
    if (handler === undefined) return this.#receiveUnknown(command);
    this.#handlers[handler](this.#onNetStream(command, handler), events);
  }

  /** A command for a NetStream that was sent on message stream 0, as some cameras do, is for the one there is. */
  #onNetStream(command: CommandMessage, handler: CommandHandler): CommandMessage {
    if (command.streamId !== 0 || !STREAM_HANDLERS.has(handler)) return command;
    const streams = [...this.#streams.values()];
    const isStart = handler === "publish" || handler === "play";
    const fitting = streams.filter(({ state }) => (state === "idle") === isStart);
    // A second play replaces the first.
    const stream = (isStart ? fitting.at(-1) : onlyOne(fitting)) ??
      (handler === "play" ? onlyOne(streams) : undefined);
    const streamId = stream?.id ?? (isStart && streams.length === 0 ? 1 : 0);
    return { ...command, streamId };
  }

  readonly #handlers: Record<
    CommandHandler,
    (command: CommandMessage, events: RtmpServerEvent[]) => void
  > = {
    createStream: (command, events) => this.#createStream(command, events),
    publish: (command, events) => this.#receivePublish(command, events),
    play: (command, events) => this.#receivePlay(command, events),
    closeStream: (command, events) => this.#endRole(command.streamId, events),
    deleteStream: (command, events) => this.#deleteStream(command, events),
    fcPublish: (command) => {
      this.#sawFcPublish = true;
      this.#answer(command.transactionId, "_result", [undefined]);
    },
    fcUnpublish: (command, events) => this.#fcUnpublish(command, events),
    fcSubscribe: (command) => {
      this.#answer(command.transactionId, "_result", [undefined]);
      this.#sendCommand({
        name: "onFCSubscribe",
        args: [status("status", "NetStream.Play.Start", "")],
      });
    },
    acknowledged: (command) => this.#answer(command.transactionId, "_result", [undefined]),
    streamLength: (command) => this.#answer(command.transactionId, "_result", [0]),
    pause: (command, events) => this.#pause(command, events),
    seek: (command) => this.#seek(command),
    receiveAudio: (command, events) => this.#receiveKind("audio", command, events),
    receiveVideo: (command, events) => this.#receiveKind("video", command, events),
    nothing: () => {},
  };

  #receiveConnect(command: CommandMessage, events: RtmpServerEvent[]): void {
    if (this.#connection !== undefined) {
      events.push(...this.#close("unexpected-command", "A second connect on one connection"));
      return;
    }
    const { object } = command;
    // Some clients write the name in lower case; Neko puts the URL in quotes.
    const tcUrl = amfStringProperty(object, "tcUrl") ?? amfStringProperty(object, "tcurl") ?? "";
    this.#amf3 = command.amf3;
    this.#connection = {
      type: "connect",
      transactionId: command.transactionId,
      app: amfStringProperty(object, "app") ?? "",
      tcUrl: tcUrl.replace(/^["']|["']$/g, ""),
      flashVer: amfStringProperty(object, "flashVer") ?? "",
      objectEncoding: amfNumberProperty(object, "objectEncoding") ?? 0,
      properties: amfProperties(object) ?? {},
      args: command.args,
      capabilities: parseEnhancedCapabilities(object),
    };
    const { app } = this.#connection;
    this.#place = {
      app: withoutConnectProof(app),
      tcUrl: withoutConnectProof(this.#connection.tcUrl),
    };
    this.#pending = this.#connection;
    events.push(this.#connection);
  }

  #acceptConnect(event: ConnectEvent): void {
    if (this.#connected || event !== this.#connection) return;
    this.#connected = true;
    const { windowSize: size } = this.#options;
    this.#protocol.sendWindow();
    this.#protocol.sendControl({ kind: "set-peer-bandwidth", size, limit: "dynamic" });
    this.#protocol.sendChunkSize();
    this.#sendCommand({
      name: "_result",
      transactionId: event.transactionId,
      object: { fmsVer: "FMS/3,5,7,7009", capabilities: 31, mode: 1 },
      args: [{
        ...status("status", "NetConnection.Connect.Success", "Connection succeeded."),
        objectEncoding: event.objectEncoding,
        ...enhancedAnswer(),
      }],
    });
  }

  #createStream(command: CommandMessage, events: RtmpServerEvent[]): void {
    const id = this.#openStream();
    if (id === undefined) {
      const { maxNetStreams } = this.#options;
      this.#answer(command.transactionId, "_error", [
        status("error", "NetConnection.Call.Failed", `At most ${maxNetStreams} streams`),
      ]);
      // An honest client never gets here; one that goes on is not waited for.
      events.push(
        ...this.#close("too-many-net-streams", `More than ${maxNetStreams} NetStreams`),
      );
      return;
    }
    // Whatever the transaction id: who creates a stream waits for its number.
    this.#sendCommand({
      name: "_result",
      transactionId: command.transactionId,
      args: [id],
    });
  }

  #openStream(): number | undefined {
    for (let id = 1; id <= this.#options.maxNetStreams; id++) {
      if (!this.#streams.has(id)) {
        const receives = { audio: true, video: true };
        this.#streams.set(id, { id, state: "idle", path: undefined, lastMediaAt: 0, receives });
        return id;
      }
    }
    return undefined;
  }

  /** The NetStream of a publish or play; a client that did not create it used what it expected. */
  #streamFor(streamId: number): NetStream | undefined {
    const stream = this.#streams.get(streamId);
    if (stream !== undefined || streamId !== 1) return stream;
    this.#openStream();
    return this.#streams.get(1);
  }

  #receivePublish(command: CommandMessage, events: RtmpServerEvent[]): void {
    const [name, publishType] = command.args;
    const fail = (description: string): void =>
      this.#sendStatus(
        command.streamId,
        status("error", "NetStream.Publish.BadName", description),
      );
    const stream = this.#streamFor(command.streamId);
    if (stream === undefined) return fail(`There is no stream ${command.streamId}`);
    if (stream.state !== "idle") {
      return fail(`The stream is ${stream.state}; publish is allowed when it is idle`);
    }
    const path = this.#resolve(name, fail);
    if (path === undefined) return;
    stream.state = "publish-pending";
    stream.path = path;
    const event: PublishEvent = {
      type: "publish",
      streamId: stream.id,
      path,
      publishType: typeof publishType === "string" ? publishType : "live",
    };
    this.#pending = event;
    events.push(event);
  }

  #acceptPublish(event: PublishEvent): void {
    if (!this.isWaiting(event)) return;
    const stream = this.#streams.get(event.streamId)!;
    stream.state = "publishing";
    this.#noRoleSince = this.#absentSince = undefined;
    stream.lastMediaAt = this.#nowMs;
    const description = `${event.path.key || event.path.name} is now published.`;
    if (this.#sawFcPublish) {
      this.#sendCommand({
        name: "onFCPublish",
        args: [status("status", "NetStream.Publish.Start", description)],
      });
    }
    this.#protocol.sendUserControl(UserControlEvent.StreamBegin, stream.id);
    this.#sendStatus(stream.id, status("status", "NetStream.Publish.Start", description));
  }

  #receivePlay(command: CommandMessage, events: RtmpServerEvent[]): void {
    const [name, start, duration, reset] = command.args;
    const fail = (description: string): void =>
      this.#sendStatus(command.streamId, status("error", "NetStream.Play.Failed", description));
    const stream = this.#streamFor(command.streamId);
    if (stream === undefined) return fail(`There is no stream ${command.streamId}`);
    if (stream.state === "playing" || stream.state === "play-pending") {
      // A second play on a NetStream replaces the first (7.2.2.1).
      this.#endRole(stream.id, events);
    }
    if (stream.state !== "idle") {
      return fail(`The stream is ${stream.state}; play is allowed when it is idle or playing`);
    }
    const path = this.#resolve(name, fail);
    if (path === undefined) return;
    stream.state = "play-pending";
    stream.path = path;
    events.push({
      type: "play",
      streamId: stream.id,
      path,
      start: typeof start === "number" ? start : -2,
      duration: typeof duration === "number" ? duration : -1,
      reset: reset !== false && reset !== 0,
    });
  }

  #acceptPlay(event: PlayEvent): void {
    if (!this.isWaiting(event)) return;
    const stream = this.#streams.get(event.streamId)!;
    stream.state = "playing";
    this.#noRoleSince = this.#absentSince = undefined;
    const { id } = stream;
    const name = event.path.key || event.path.name;
    this.#protocol.sendUserControl(UserControlEvent.StreamBegin, id);
    if (event.reset) {
      this.#sendStatus(
        id,
        status("status", "NetStream.Play.Reset", `Playing and resetting ${name}.`),
      );
    }
    this.#sendStatus(id, status("status", "NetStream.Play.Start", `Started playing ${name}.`));
    this.#sendData(id, ["|RtmpSampleAccess", true, true]);
    // A command, as mediamtx sends it: FFmpeg takes it in a data message for a track of its own.
    this.#sendStatus(id, status("status", "NetStream.Data.Start", "Started playing stream."));
  }

  #resolve(name: AmfValue, fail: (description: string) => void): StreamPath | undefined {
    if (typeof name !== "string" && name !== null && name !== undefined) {
      fail(`The stream name is a ${typeof name}, not a string`);
      return undefined;
    }
    try {
      return resolveStreamPath({ ...this.#place!, streamKey: name ?? "" });
    } catch (error) {
      if (!(error instanceof RtmpError)) throw error;
      fail(error.message);
      return undefined;
    }
  }

  #deleteStream(command: CommandMessage, events: RtmpServerEvent[]): void {
    const [argument] = command.args;
    // GStreamer sends the stream's name, where all others send the NetStream's number.
    if (typeof argument === "string") return this.#endPublications(argument, events);
    const streamId = typeof argument === "number" ? argument : command.streamId;
    this.#endRole(streamId, events);
    this.#streams.delete(streamId);
  }

  /** Names the stream, not the NetStream: it ends the publication of that key. */
  #fcUnpublish(command: CommandMessage, events: RtmpServerEvent[]): void {
    this.#endPublications(command.args[0], events);
    this.#answer(command.transactionId, "_result", [undefined]);
    this.#sendCommand({
      name: "onFCUnpublish",
      args: [status("status", "NetStream.Unpublish.Success", "")],
    });
  }

  #endPublications(name: AmfValue, events: RtmpServerEvent[]): void {
    const path = this.#resolve(name, () => {});
    for (const stream of this.#streams.values()) {
      if (stream.state === "publishing" && stream.path!.name === path?.name) {
        this.#endRole(stream.id, events);
      }
    }
  }

  /** Ends what a NetStream does, on its own wish. */
  #endRole(streamId: number, events: RtmpServerEvent[]): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined || stream.state === "idle") return;
    const wasPublishing = stream.state === "publishing" || stream.state === "publish-pending";
    this.#becomeIdle(stream);
    if (wasPublishing) {
      events.push({ type: "unpublish", streamId });
      this.#sendStatus(
        streamId,
        status("status", "NetStream.Unpublish.Success", "The stream is no longer published."),
      );
    } else events.push({ type: "stop", streamId });
  }

  #becomeIdle(stream: NetStream): void {
    const hadRole = isRole(stream);
    stream.state = "idle";
    stream.path = undefined;
    // The end of a role gives time for the next; the end of a request that was none does not.
    if (hadRole && !this.#streams.values().some(isRole)) this.#noRoleSince = this.#nowMs;
  }

  #pause(command: CommandMessage, events: RtmpServerEvent[]): void {
    if (!this.#isPlaying(command)) return;
    const { streamId } = command;
    const paused = command.args[0] === true;
    const code = paused ? "NetStream.Pause.Notify" : "NetStream.Unpause.Notify";
    this.#sendStatus(streamId, status("status", code, paused ? "Paused." : "Unpaused."));
    events.push({ type: "pause", streamId, paused });
  }

  #seek(command: CommandMessage): void {
    if (this.#isPlaying(command)) this.#sendSought(command.streamId);
  }

  /** A live stream has one position: a seek is acknowledged and changes nothing. */
  #sendSought(streamId: number): void {
    this.#sendStatus(
      streamId,
      status("status", "NetStream.Seek.Notify", "The stream is live: its position stays."),
    );
    this.#sendStatus(streamId, status("status", "NetStream.Play.Start", "Playing on."));
  }

  #receiveKind(
    kind: "audio" | "video",
    command: CommandMessage,
    events: RtmpServerEvent[],
  ): void {
    const { streamId, transactionId } = command;
    const enabled = command.args[0] !== false;
    const stream = this.#streams.get(streamId);
    // Before a play it holds for that, as Flash Player's documentation of NetStream has it.
    const isBefore = stream?.state === "idle" || stream?.state === "play-pending";
    if (!isBefore && !this.#isPlaying(command)) return;
    stream!.receives[kind] = enabled;
    if (isBefore) {
      this.#answer(transactionId, "_result", [undefined]);
      return;
    }
    // 7.2.2.4 and 7.2.2.5: what is switched on is answered as a seek is, what is switched off is not.
    if (enabled) this.#sendSought(streamId);
    events.push({ type: "receive", streamId, kind, enabled });
  }

  /** Whether the NetStream of a command plays; who waits for an answer is told that it does not. */
  #isPlaying({ name, streamId, transactionId }: CommandMessage): boolean {
    if (this.#streams.get(streamId)?.state === "playing") return true;
    const description = `${name} is for a stream that plays, and ${streamId} does not.`;
    this.#answer(transactionId, "_error", [
      status("error", "NetConnection.Call.Failed", description),
    ]);
    return false;
  }

  #receiveUnknown(command: CommandMessage): void {
    const isAnswer = command.name === "_result" || command.name === "_error" ||
      command.name === "onStatus";
    if (isAnswer || command.transactionId === 0) {
      this.#ignoredMessages++;
      return;
    }
    this.#answer(command.transactionId, "_error", [
      status("error", "NetConnection.Call.Failed", `${shown(command.name)} is not known here.`),
    ]);
  }

  #settle(event: RtmpRequestEvent): RtmpServerEvent[] {
    if (this.#pending !== event) return [];
    this.#pending = undefined;
    const held = this.#held;
    this.#held = [];
    const events: RtmpServerEvent[] = [];
    for (const message of held) {
      if (this.#pending !== undefined) this.#held.push(message);
      else this.#dispatch(message, events);
    }
    return events;
  }

  #close(code: RtmpErrorCode, message: string): RtmpServerEvent[] {
    if (this.#closed) return [];
    const { state } = this;
    this.#closed = true;
    this.#pending = undefined;
    this.#held = [];
    return [{ type: "close", state, error: new RtmpError(code, message) }];
  }

  #answer(transactionId: number, name: "_result" | "_error", args: AmfValue[]): void {
    if (transactionId !== 0) this.#sendCommand({ name, transactionId, args });
  }

  #sendStatus(streamId: number, information: AmfValue): void {
    this.#protocol.send({
      ...encodeCommandMessage({ name: "onStatus", args: [information], amf3: this.#amf3 }),
      chunkStreamId: STATUS_CSID,
      streamId,
    });
  }

  #sendCommand(content: CommandContent): void {
    this.#protocol.send({
      ...encodeCommandMessage({ ...content, amf3: this.#amf3 }),
      chunkStreamId: COMMAND_CSID,
      streamId: 0,
    });
  }

  #sendData(streamId: number, values: AmfValue[]): void {
    const body = encodeAmf0(values);
    this.#protocol.send({ type: MessageType.DataAmf0, body, chunkStreamId: DATA_CSID, streamId });
  }
}

function isRole({ state }: NetStream): boolean {
  return state === "publishing" || state === "playing";
}

function onlyOne<T>(items: readonly T[]): T | undefined {
  return items.length === 1 ? items[0] : undefined;
}

type CommandHandler =
  | "createStream"
  | "publish"
  | "play"
  | "closeStream"
  | "deleteStream"
  | "fcPublish"
  | "fcUnpublish"
  | "fcSubscribe"
  | "acknowledged"
  | "streamLength"
  | "pause"
  | "seek"
  | "receiveAudio"
  | "receiveVideo"
  | "nothing";

/** The handlers of commands that are for the NetStream whose message stream they come on. */
const STREAM_HANDLERS: ReadonlySet<CommandHandler> = new Set([
  "publish",
  "play",
  "closeStream",
  "pause",
  "seek",
  "receiveAudio",
  "receiveVideo",
]);

/** Which handler a command has; a null prototype, since the peer chooses the name. */
const COMMANDS: Readonly<Record<string, CommandHandler>> = Object.assign(Object.create(null), {
  createStream: "createStream",
  initStream: "acknowledged",
  publish: "publish",
  play: "play",
  closeStream: "closeStream",
  deleteStream: "deleteStream",
  releaseStream: "acknowledged",
  FCPublish: "fcPublish",
  FCUnpublish: "fcUnpublish",
  FCSubscribe: "fcSubscribe",
  FCUnsubscribe: "acknowledged",
  _checkbw: "acknowledged",
  checkBandwidth: "acknowledged",
  onBWDone: "nothing",
  getStreamLength: "streamLength",
  pause: "pause",
  pauseRaw: "pause",
  seek: "seek",
  receiveAudio: "receiveAudio",
  receiveVideo: "receiveVideo",
});

function status(
  level: "status" | "error",
  code: string,
  description: string,
): Record<string, AmfValue> {
  return { level, code, description };
}

/** A peer's text as it may stand in a message: short, and without control characters. */
function shown(text: string): string {
  return JSON.stringify(text.length > 64 ? `${text.slice(0, 64)}…` : text);
}
