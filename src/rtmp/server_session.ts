import {
  amfNumberProperty,
  type AmfObject,
  amfProperties,
  amfStringProperty,
  type AmfValue,
} from "../amf/mod.ts";
import { withoutConnectProof } from "./authenticator.ts";
import type { CommandMessage } from "./command_message.ts";
import { UserControlEvent } from "./control_message.ts";
import { CapsEx, parseEnhancedCapabilities } from "./enhanced_capabilities.ts";
import { RtmpError, type RtmpErrorCode } from "./errors.ts";
import type { MediaMessage, RtmpMessage } from "./message.ts";
import { NetStreams } from "./net_streams.ts";
import { quoted } from "./peer_text.ts";
import { PlayerCommands } from "./player_commands.ts";
import { ProtocolControl } from "./protocol_control.ts";
import { RoleCommands } from "./role_commands.ts";
import { ServerAnswers, status } from "./server_answers.ts";
import { type CommandHandler, commandHandler, STREAM_HANDLERS } from "./server_commands.ts";
import { ServerDeadlines } from "./server_deadlines.ts";
import type {
  ConnectEvent,
  PlayEvent,
  PublishEvent,
  RtmpRequestEvent,
  RtmpServerEvent,
} from "./server_event.ts";
import type {
  Refusal,
  RtmpServerSessionOptions,
  RtmpServerSessionStatistics,
} from "./server_session_options.ts";

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
  readonly #answers: ServerAnswers;
  readonly #streams: NetStreams;
  readonly #roles: RoleCommands;
  readonly #player: PlayerCommands;
  readonly #deadlines: ServerDeadlines;
  #connection: ConnectEvent | undefined;
  #connected = false;
  #pending: RtmpRequestEvent | undefined;
  #held: RtmpMessage[] = [];
  #closed = false;
  #nowMs: number;
  #droppedMedia = 0;
  #ignoredMessages = 0;
  /** Names of commands that the owner wants to hear of. */
  #heard: Set<string> | undefined;

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
    this.#deadlines = new ServerDeadlines(this.#options, options.nowMs);
    this.#protocol = new ProtocolControl(this.#options);
    this.#answers = new ServerAnswers(this.#protocol);
    this.#streams = new NetStreams(this.#options.maxNetStreams);
    this.#player = new PlayerCommands(this.#streams, this.#answers);
    this.#roles = new RoleCommands({
      streams: this.#streams,
      answers: this.#answers,
      deadlines: this.#deadlines,
      now: () => this.#nowMs,
    });
  }

  /** The client's connect command; `undefined` before it has come. */
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
    return this.#streams.busyState ?? "connected";
  }

  /** Counts of now. */
  get statistics(): RtmpServerSessionStatistics {
    return { droppedMedia: this.#droppedMedia, ignoredMessages: this.#ignoredMessages };
  }

  /** Takes messages in and returns what they mean; nothing after the session was closed. */
  receive(messages: readonly RtmpMessage[], nowMs: number): RtmpServerEvent[] {
    this.#nowMs = nowMs;
    this.#deadlines.received(nowMs);
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
    return this.#roles.isWaiting(event);
  }

  /** Whether a NetStream is to get audio or video; its client may say so before it plays (7.2.2.4, 7.2.2.5). */
  receives(streamId: number, kind: "audio" | "video"): boolean {
    return this.#streams.get(streamId)?.receives[kind] ?? true;
  }

  /**
   * Grants a request; returns the events of what had to wait for that. `information` has further properties for the
   * `NetStream.Play.Start` of a play.
   */
  accept(event: RtmpRequestEvent, information: AmfObject = {}): RtmpServerEvent[] {
    if (this.#closed) return [];
    switch (event.type) {
      case "connect":
        this.#acceptConnect(event);
        break;
      case "publish":
        this.#roles.acceptPublish(event);
        break;
      case "play":
        this.#roles.acceptPlay(event, information);
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
      this.#answers.error(
        event.transactionId,
        isRedirected ? { ...rejected, ex: { code: 302, redirect } } : rejected,
      );
      if (isQuestion) return this.#close("asked", "The client was asked who it is");
      return this.#close(
        isRedirected ? "redirect" : "rejected",
        `Connect was refused: ${description}`,
      );
    }
    if (!this.isWaiting(event)) return this.#settle(event);
    this.#roles.reject(event, refusal);
    return this.#settle(event);
  }

  /** Tells a player that a publisher has come, one that waits for its stream too. */
  notifyPublish(streamId: number): void {
    this.#roles.notifyPublish(streamId);
  }

  /** Tells a player that its stream has ended, and makes its NetStream idle. */
  endPlay(streamId: number, description = "The stream has ended"): void {
    this.#roles.endPlay(streamId, description);
  }

  /** Tells a player that it can be sent no more, and makes its NetStream idle. */
  failPlay(streamId: number, description: string): void {
    this.#roles.failPlay(streamId, description);
  }

  /** Tells a publisher that its stream was taken away, and makes its NetStream idle. */
  endPublish(streamId: number, description: string): void {
    this.#roles.endPublish(streamId, description);
  }

  /** Asks a peer that can to connect again, elsewhere when `tcUrl` is given, and says why (Enhanced RTMP v2). */
  requestReconnect(tcUrl?: string, why = "The server goes down: connect again."): void {
    if (this.#closed || !this.#connected) return;
    const information = status("status", "NetConnection.Connect.ReconnectRequest", why);
    this.#answers.command({
      name: "onStatus",
      args: [tcUrl === undefined ? information : { ...information, tcUrl }],
    });
  }

  /** Whether its peer has said that it connects again where it is asked to (Enhanced RTMP v2). */
  get canReconnect(): boolean {
    return ((this.#connection?.capabilities.capsEx ?? 0) & CapsEx.Reconnect) !== 0;
  }

  /** Has commands of a name that the session itself does not know come out as `call` events from now on. */
  hear(name: string): void {
    (this.#heard ??= new Set()).add(name);
  }

  /** Calls a procedure of the client, and waits for no answer; nothing before it has connected. */
  notify(name: string, args: readonly AmfValue[]): void {
    if (!this.#closed && this.#connected) this.#answers.command({ name, args });
  }

  /** Passes time on: pings, deadlines. */
  tick(nowMs: number): RtmpServerEvent[] {
    if (this.#closed) return [];
    this.#nowMs = nowMs;
    this.#protocol.tick(nowMs);
    const { isHeld, state } = this;
    const verdict = this.#deadlines.tick(nowMs, { streams: this.#streams, isHeld, state });
    if (verdict === "ping") this.#protocol.sendPing(nowMs);
    else if (verdict !== undefined) return this.#close(verdict.code, verdict.message);
    return [];
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
    const stream = this.#streams.ofMedia(message.streamId);
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

  #receiveCommand(command: CommandMessage, events: RtmpServerEvent[]): void {
    if (command.name === "connect") {
      this.#receiveConnect(command, events);
      return;
    }
    if (!this.#connected) {
      events.push(
        ...this.#close("unexpected-command", `Command ${quoted(command.name)} before connect`),
      );
      return;
    }
    const handler = commandHandler(command.name);
    if (handler === undefined) return this.#receiveUnknown(command, events);
    RtmpServerSession.#HANDLERS[handler](this, this.#onNetStream(command, handler), events);
  }

  /** A command for a NetStream that was sent on message stream 0, as some cameras do, is for the one there is. */
  #onNetStream(command: CommandMessage, handler: CommandHandler): CommandMessage {
    if (command.streamId !== 0 || !STREAM_HANDLERS.has(handler)) return command;
    const start = handler === "publish" || handler === "play" ? handler : "other";
    return { ...command, streamId: this.#streams.ofStrayCommand(start) };
  }

  static readonly #HANDLERS: Readonly<
    Record<
      CommandHandler,
      (session: RtmpServerSession, command: CommandMessage, events: RtmpServerEvent[]) => void
    >
  > = {
    createStream: (session, command, events) => session.#createStream(command, events),
    publish: (session, command, events) => session.#receivePublish(command, events),
    play: (session, command, events) => session.#roles.play(command, events),
    closeStream: (session, command, events) => session.#roles.endRole(command.streamId, events),
    deleteStream: (session, command, events) => session.#roles.deleteStream(command, events),
    fcPublish: (session, command) => session.#roles.fcPublish(command),
    fcUnpublish: (session, command, events) => session.#roles.fcUnpublish(command, events),
    fcSubscribe: (session, command) => {
      session.#answers.result(command.transactionId);
      session.#answers.command({
        name: "onFCSubscribe",
        args: [status("status", "NetStream.Play.Start", "")],
      });
    },
    acknowledged: (session, command) => session.#answers.result(command.transactionId),
    streamLength: (session, command) => session.#answers.result(command.transactionId, 0),
    pause: (session, command, events) => session.#player.pause(command, events),
    seek: (session, command) => session.#player.seek(command),
    receiveAudio: (session, command, events) =>
      session.#player.receiveKind("audio", command, events),
    receiveVideo: (session, command, events) =>
      session.#player.receiveKind("video", command, events),
    nothing: () => {},
  };

  #receiveConnect(command: CommandMessage, events: RtmpServerEvent[]): void {
    if (this.#connection !== undefined) {
      events.push(...this.#close("unexpected-command", "A second connect on one connection"));
      return;
    }
    this.#answers.amf3 = command.amf3;
    this.#connection = connectEvent(command);
    const { app } = this.#connection;
    this.#roles.place = {
      app: withoutConnectProof(app),
      tcUrl: withoutConnectProof(this.#connection.tcUrl),
    };
    this.#pending = this.#connection;
    events.push(this.#connection);
  }

  #acceptConnect(event: ConnectEvent): void {
    if (this.#connected || event !== this.#connection) return;
    this.#connected = true;
    this.#answers.connected(event, this.#options.windowSize);
  }

  #createStream(command: CommandMessage, events: RtmpServerEvent[]): void {
    const id = this.#streams.open();
    if (id === undefined) {
      const { maxNetStreams } = this.#options;
      this.#answers.callFailed(command.transactionId, `At most ${maxNetStreams} streams`);
      // An honest client never gets here; one that goes on is not waited for.
      events.push(
        ...this.#close("too-many-net-streams", `More than ${maxNetStreams} NetStreams`),
      );
      return;
    }
    // Whatever the transaction id: who creates a stream waits for its number.
    const { transactionId } = command;
    this.#answers.command({ name: "_result", transactionId, args: [id] });
  }

  #receivePublish(command: CommandMessage, events: RtmpServerEvent[]): void {
    const event = this.#roles.publish(command);
    if (event === undefined) return;
    this.#pending = event;
    events.push(event);
  }

  #receiveUnknown(command: CommandMessage, events: RtmpServerEvent[]): void {
    if (this.#heard?.has(command.name)) {
      const { name, streamId, args } = command;
      events.push({ type: "call", name, streamId, args });
      this.#answers.result(command.transactionId);
      return;
    }
    const isAnswer = command.name === "_result" || command.name === "_error" ||
      command.name === "onStatus";
    if (isAnswer || command.transactionId === 0) {
      this.#ignoredMessages++;
      return;
    }
    this.#answers.callFailed(
      command.transactionId,
      `${quoted(command.name)} is not known here.`,
    );
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
}

/** Reads a connect command. */
function connectEvent({ transactionId, object, args }: CommandMessage): ConnectEvent {
  // Some clients write the name in lower case; Neko puts the URL in quotes.
  const tcUrl = amfStringProperty(object, "tcUrl") ?? amfStringProperty(object, "tcurl") ?? "";
  return {
    type: "connect",
    transactionId,
    app: amfStringProperty(object, "app") ?? "",
    tcUrl: tcUrl.replace(/^["']|["']$/g, ""),
    flashVer: amfStringProperty(object, "flashVer") ?? "",
    objectEncoding: amfNumberProperty(object, "objectEncoding") ?? 0,
    properties: amfProperties(object) ?? {},
    args,
    capabilities: parseEnhancedCapabilities(object),
  };
}
