import { amfNumberProperty, amfProperties, type AmfValue } from "../amf/mod.ts";
import { ClientCommands, type CommandWords } from "./client_commands.ts";
import { connectAnswer, connectObject } from "./client_connect.ts";
import type { RtmpClientEvent, RtmpStatus } from "./client_event.ts";
import { ClientOutcomes } from "./client_outcomes.ts";
import { ClientPings } from "./client_pings.ts";
import { type ClientRequest, ClientRequests, type RequestKind } from "./client_requests.ts";
import type {
  OutgoingMedia,
  RtmpCallOptions,
  RtmpClientSessionOptions,
  RtmpClientSessionStatistics,
  RtmpPlayOptions,
  RtmpPublishOptions,
} from "./client_session_options.ts";
import { informationOf, statusData, statusError } from "./client_status.ts";
import { type ClientNetStream, ClientStreams } from "./client_streams.ts";
import type { CommandMessage } from "./command_message.ts";
import { UserControlEvent } from "./control_message.ts";
import { parseEnhancedCapabilities } from "./enhanced_capabilities.ts";
import type { RtmpErrorCode } from "./errors.ts";
import type { MediaMessage, RtmpMessage } from "./message.ts";
import { quoted, withoutQuery } from "./peer_text.ts";
import { ProtocolControl } from "./protocol_control.ts";

/**
 * The client's end of an RTMP connection after the handshake, as a state machine: methods ask, messages
 * go in, events come out, and bytes to write wait in `takeOutput`. It knows no sockets and no time of
 * its own (RTMP 1.0, chapter 7.2; Enhanced RTMP v2).
 *
 * Each request returns a number, which the event that answers it repeats. A server may answer twice,
 * never, with ids that nobody sent, or with values that make no sense: that fails one request at most,
 * or is counted in `statistics`.
 *
 * @example
 * ```ts
 * import { RtmpClientSession } from "@weir/server/rtmp";
 *
 * const session = new RtmpClientSession({ app: "live", tcUrl: "rtmp://host/live", nowMs: 0 });
 * const request = session.connect();
 * const [connected] = session.receive([{
 *   kind: "command",
 *   streamId: 0,
 *   name: "_result",
 *   transactionId: 1,
 *   object: { fmsVer: "FMS/3,5,7,7009" },
 *   args: [{ level: "status", code: "NetConnection.Connect.Success" }],
 *   amf3: false,
 * }], 5);
 * console.log(connected?.type, request); // connected 1
 * session.publish("cam");
 * console.log(session.takeOutput().length > 0); // true
 * ```
 */
export class RtmpClientSession {
  readonly #options:
    & Required<Omit<RtmpClientSessionOptions, "connectParameters" | "connectArgs">>
    & RtmpClientSessionOptions;
  readonly #protocol: ProtocolControl;
  readonly #requests = new ClientRequests();
  readonly #streams = new ClientStreams();
  readonly #commands: ClientCommands;
  readonly #outcomes: ClientOutcomes;
  readonly #pings: ClientPings;
  #state: "new" | "connecting" | "connected" | "closed" = "new";
  #nowMs: number;
  #acknowledgedBytes = 0;
  #droppedMedia = 0;
  #strayResults = 0;
  #ignoredMessages = 0;

  /** `nowMs` is when the handshake ended. */
  constructor(options: RtmpClientSessionOptions & { readonly nowMs: number }) {
    this.#options = {
      chunkSize: 65_536,
      windowSize: 2_500_000,
      redirects: 0,
      requestTimeoutMs: 10_000,
      // Longer than servers wait, which say what they have waited for.
      playTimeoutMs: options.requestTimeoutMs ?? 15_000,
      pingAfterMs: 30_000,
      pingTimeoutMs: 10_000,
      ...options,
    };
    this.#nowMs = options.nowMs;
    this.#protocol = new ProtocolControl(this.#options);
    this.#commands = new ClientCommands(this.#protocol, this.#requests);
    this.#outcomes = new ClientOutcomes(this.#requests, this.#streams, {
      deleteStream: (streamId) => this.#send(0, "deleteStream", { args: [streamId] }),
      closeStream: (streamId) => this.closeStream(streamId),
      close: (code, message, events, status) => this.#close(code, message, events, status),
    });
    this.#pings = new ClientPings(this.#options, options.nowMs);
  }

  /** How far the connection is. */
  get state(): "new" | "connecting" | "connected" | "closed" {
    return this.#state;
  }

  /** Counts of now. */
  get statistics(): RtmpClientSessionStatistics {
    return {
      droppedMedia: this.#droppedMedia,
      strayResults: this.#strayResults,
      ignoredMessages: this.#ignoredMessages,
      acknowledgedBytes: this.#acknowledgedBytes,
    };
  }

  /**
   * Asks to connect. Answered by `connected`, `redirect`, or `close`.
   *
   * @throws {TypeError} if it was called before
   */
  connect(): number {
    if (this.#state !== "new") {
      throw new TypeError(`Cannot connect as it is done once: current value is ${this.#state}`);
    }
    this.#state = "connecting";
    const { app, connectArgs = [] } = this.#options;
    const request = this.#open("connect", `connect to ${quoted(withoutQuery(app))}`);
    const object = connectObject(this.#options);
    this.#send(0, "connect", { object, args: connectArgs, request });
    return request.id;
  }

  /**
   * Asks to publish `name` on a NetStream of its own, as Flash Media Live Encoder does: releaseStream,
   * FCPublish, createStream, publish. Answered by `publishing` or `failed`.
   *
   * @throws {TypeError} if the session is not connected
   */
  publish(name: string, { publishType = "live" }: RtmpPublishOptions = {}): number {
    this.#checkConnected("publish");
    this.#send(0, "releaseStream", { args: [name] });
    this.#send(0, "FCPublish", { args: [name] });
    const request = this.#open("publish", `publish ${quoted(withoutQuery(name))}`, {
      begin: (streamId) => {
        this.#streams.begin(streamId, "publish", name);
        this.#send(streamId, "publish", { args: [name, publishType], request });
      },
    });
    this.#send(0, "createStream", { request });
    return request.id;
  }

  /**
   * Asks to play `name` on a NetStream of its own. Answered by `playing` or `failed`.
   *
   * @throws {TypeError} if the session is not connected
   */
  play(name: string, options: RtmpPlayOptions = {}): number {
    this.#checkConnected("play");
    const { start = -2, duration = -1, reset = true, bufferMs = 3000 } = options;
    const request = this.#open("play", `play ${quoted(withoutQuery(name))}`, {
      begin: (streamId) => {
        this.#streams.begin(streamId, "play", name);
        // Servers in the field know start in milliseconds as little as they know most of these: the
        // specification's seconds are sent.
        this.#send(streamId, "play", { args: [name, start, duration, reset], request });
        this.setBufferLength(streamId, bufferMs);
      },
    });
    this.#send(0, "createStream", { request });
    return request.id;
  }

  /** Asks to pause a NetStream that plays, at `positionMs`. Answered by `result` or `failed`. */
  pause(streamId: number, positionMs = 0): number {
    return this.#control("pause", streamId, { name: "pause", args: [true, positionMs] });
  }

  /** Asks to go on with a paused NetStream, at `positionMs`. Answered by `result` or `failed`. */
  resume(streamId: number, positionMs = 0): number {
    return this.#control("resume", streamId, { name: "pause", args: [false, positionMs] });
  }

  /** Asks to go to `positionMs` of what is played. Answered by `result` or `failed`. */
  seek(streamId: number, positionMs: number): number {
    return this.#control("seek", streamId, { name: "seek", args: [positionMs] });
  }

  /**
   * Calls a procedure of the server. Answered by `result` or `failed`.
   *
   * @throws {TypeError} if the session is not connected
   */
  call(name: string, args: readonly AmfValue[], options: RtmpCallOptions = {}): number {
    this.#checkConnected("call");
    const { object = null, streamId = 0 } = options;
    const request = this.#open("call", `call ${quoted(name)}`);
    this.#send(streamId, name, { object, args, request });
    return request.id;
  }

  /**
   * Calls a procedure of the server, and waits for no answer.
   *
   * @throws {TypeError} if the session is not connected
   */
  notify(name: string, args: readonly AmfValue[], { streamId = 0 }: RtmpCallOptions = {}): void {
    this.#checkConnected("call");
    this.#send(streamId, name, { args, transactionId: 0 });
  }

  /** Asks for no more, or for more, audio or video of a NetStream; servers do not answer. */
  receiveKind(streamId: number, kind: "audio" | "video", { enabled }: { enabled: boolean }): void {
    if (this.#streams.get(streamId)?.role !== "play") return;
    const name = kind === "audio" ? "receiveAudio" : "receiveVideo";
    this.#send(streamId, name, { args: [enabled], transactionId: 0 });
  }

  /** Tells the server how much of a NetStream this end buffers. */
  setBufferLength(streamId: number, bufferMs: number): void {
    this.#commands.setBufferLength(streamId, bufferMs);
  }

  /** Ends what a NetStream does, and the NetStream; harmless when there is none. */
  closeStream(streamId: number): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined || this.#state === "closed") return;
    this.#streams.delete(streamId);
    if (stream.role === "publish") this.#send(0, "FCUnpublish", { args: [stream.name] });
    this.#send(0, "deleteStream", { args: [streamId] });
  }

  /** Gives a request up: no event answers it, and a NetStream that it makes is deleted again. */
  cancel(request: number): void {
    const found = this.#requests.get(request);
    if (found === undefined) return;
    const makesStream = found.kind === "publish" || found.kind === "play";
    if (makesStream && found.streamId === 0) {
      found.cancelled = true;
      return;
    }
    this.#requests.settle(found);
    if (makesStream) this.closeStream(found.streamId);
  }

  /**
   * Returns the chunks of a message of a NetStream that publishes, `undefined` when it does so no
   * more. The caller owns them, and writes them in order; output may go in between.
   *
   * @throws {RangeError} if the body has over 0xFFFFFF bytes
   */
  encodeMedia(media: OutgoingMedia): Uint8Array | undefined {
    const stream = this.#streams.get(media.streamId);
    if (stream?.role !== "publish" || stream.state !== "active") return undefined;
    return this.#commands.media(media);
  }

  /** Takes messages in and returns what they mean; nothing after the session was closed. */
  receive(messages: readonly RtmpMessage[], nowMs: number): RtmpClientEvent[] {
    this.#nowMs = nowMs;
    const events: RtmpClientEvent[] = [];
    for (const message of messages) {
      if (this.#state === "closed") break;
      this.#dispatch(message, events);
    }
    this.#pings.received(nowMs);
    return events;
  }

  /** Says how many bytes have come after the handshake so far, so that they are acknowledged. */
  noteBytesReceived(total: number): void {
    if (this.#state !== "closed") this.#protocol.noteBytesReceived(total);
  }

  /** Whether the server has bounded what it may be sent: `mediaRoom` is then to be looked at. */
  get limitsMedia(): boolean {
    return this.#protocol.limitsMedia;
  }

  /**
   * Bytes of media that may be sent now, when `sentBytes` have been since the handshake: `Infinity`, or
   * less where the server has asked for that and acknowledges what it gets (5.4.5).
   */
  mediaRoom(sentBytes: number): number {
    return this.#protocol.mediaRoom(sentBytes);
  }

  /** Passes time on: deadlines of requests, pings. */
  tick(nowMs: number): RtmpClientEvent[] {
    this.#nowMs = nowMs;
    this.#protocol.tick(nowMs);
    const events: RtmpClientEvent[] = [];
    for (const request of this.#requests.late(nowMs)) {
      if (this.#state === "closed") break;
      this.#outcomes.fail(request, events, {
        code: "timeout",
        message: `The server has not answered ${request.label} within ${
          this.#patienceMs(request.kind)
        } ms`,
      });
    }
    if (this.#state !== "connected") return events;
    const due = this.#pings.tick(nowMs);
    if (due === "ping") this.#protocol.sendPing(nowMs);
    if (due === "late") {
      const { pingTimeoutMs } = this.#options;
      this.#close("ping-timeout", `No answer to a ping for ${pingTimeoutMs} ms`, events);
    }
    return events;
  }

  /** Returns the bytes that wait to be written, in order; the caller owns them. */
  takeOutput(): Uint8Array[] {
    return this.#protocol.takeOutput();
  }

  #dispatch(message: RtmpMessage, events: RtmpClientEvent[]): void {
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
        this.#receiveUserControl(message.event, message.value);
        break;
      case "acknowledgement":
        this.#acknowledgedBytes = message.sequenceNumber;
        this.#protocol.receive(message);
        break;
      case "window-acknowledgement-size":
      case "set-peer-bandwidth":
        this.#protocol.receive(message);
        break;
      case "ignored":
        this.#ignoredMessages++;
    }
  }

  #receiveUserControl(event: number, value: number): void {
    if (event === UserControlEvent.PingRequest) {
      this.#protocol.sendUserControl(UserControlEvent.PingResponse, value);
    } else if (event === UserControlEvent.PingResponse) this.#pings.answered();
  }

  #receiveMedia(message: MediaMessage, events: RtmpClientEvent[]): void {
    const stream = this.#streams.ofMessage(message.streamId, "play");
    if (message.kind === "data" && this.#takeStatusData(message, stream, events)) return;
    if (stream === undefined || stream.state === "stopped") {
      this.#droppedMedia++;
      return;
    }
    // Media says as much as the status that some servers send late, or never.
    if (stream.state === "pending") this.#outcomes.begun(stream, events);
    if (message.body.length === 0) return;
    events.push({ type: "media", message: { ...message, streamId: stream.id } });
  }

  /** Whether a data message was one of those by which servers tell of a stream's state. */
  #takeStatusData(
    message: MediaMessage,
    stream: ClientNetStream | undefined,
    events: RtmpClientEvent[],
  ): boolean {
    const found = statusData(message.body);
    if (found === undefined) return false;
    if (found === "unreadable") this.#ignoredMessages++;
    else if (found !== "nothing") {
      this.#outcomes.status(stream?.id ?? message.streamId, found.information, events);
    }
    return true;
  }

  #receiveCommand(command: CommandMessage, events: RtmpClientEvent[]): void {
    switch (command.name) {
      case "_result":
      case "_error":
        this.#receiveAnswer(command, events);
        break;
      case "onStatus":
      case "onPlayStatus":
        this.#outcomes.status(command.streamId, informationOf(command), events);
        break;
      case "close":
        this.#close("closed", "The server has ended the connection", events);
        break;
      case "onBWCheck":
      case "_onbwcheck":
        // Flash Media Server measures with these, and goes on only when they are answered.
        this.#commands.answer(command.transactionId, "_result", [0]);
        break;
      case "onBWDone":
      case "_onbwdone":
      case "onFCPublish":
      case "onFCUnpublish":
      case "onFCSubscribe":
      case "onFCUnsubscribe":
        break;
      default:
        this.#commands.answer(command.transactionId, "_error", [{
          level: "error",
          code: "NetConnection.Call.Failed",
          description: `${quoted(command.name)} is not known here.`,
        }]);
        events.push({ type: "call", name: command.name, args: command.args });
    }
  }

  #receiveAnswer(command: CommandMessage, events: RtmpClientEvent[]): void {
    const request = this.#requests.answered(command.transactionId);
    if (request === undefined) {
      this.#strayResults++;
      return;
    }
    if (request.kind === "connect") {
      this.#connectAnswered(request, command, events);
    } else if (command.name === "_error") {
      this.#outcomes.refused(request, informationOf(command) ?? command.args[0], events);
    } else if (request.begin !== undefined) {
      // The answer to publish and play themselves is a status; a result of them is only politeness.
      if (request.streamId === 0) this.#outcomes.streamCreated(request, command.args[0], events);
    } else {
      this.#requests.settle(request);
      const { object, args } = command;
      events.push({ type: "result", request: request.id, object, args });
    }
  }

  #connectAnswered(
    request: ClientRequest,
    command: CommandMessage,
    events: RtmpClientEvent[],
  ): void {
    this.#requests.settle(request);
    const { redirects, connectParameters } = this.#options;
    const answer = connectAnswer(command, this.#options);
    if (answer.kind === "refused") {
      return this.#close("connect-rejected", answer.message, events, answer.status);
    }
    if (answer.kind === "redirect") {
      this.#state = "closed";
      events.push({ type: "redirect", tcUrl: answer.tcUrl, redirects: redirects + 1 });
      return;
    }
    const { information } = answer.status;
    this.#state = "connected";
    this.#protocol.sendWindow();
    this.#protocol.sendChunkSize();
    this.#commands.amf3 = connectParameters?.["objectEncoding"] === 3 &&
      amfNumberProperty(information, "objectEncoding") === 3;
    events.push({
      type: "connected",
      request: request.id,
      properties: amfProperties(command.object) ?? {},
      information,
      capabilities: parseEnhancedCapabilities(information),
    });
  }

  #close(
    code: RtmpErrorCode,
    message: string,
    events: RtmpClientEvent[],
    status?: RtmpStatus,
  ): void {
    this.#state = "closed";
    this.#requests.clear();
    this.#streams.clear();
    const error = statusError(code, message, status);
    events.push({ type: "close", error });
  }

  #control(
    kind: "pause" | "resume" | "seek",
    streamId: number,
    command: { readonly name: string; readonly args: readonly AmfValue[] },
  ): number {
    this.#checkConnected(kind);
    if (this.#streams.get(streamId)?.role !== "play") {
      throw new TypeError(
        `Cannot ${kind} as the NetStream must play: current value is ${streamId}`,
      );
    }
    const request = this.#open(kind, `${kind} stream ${streamId}`, { streamId });
    this.#send(streamId, command.name, { args: command.args, request });
    return request.id;
  }

  #checkConnected(action: string): void {
    if (this.#state === "connected") return;
    throw new TypeError(
      `Cannot ${action} as the session must be connected: current value is ${this.#state}`,
    );
  }

  #open(
    kind: RequestKind,
    label: string,
    about: Partial<Pick<ClientRequest, "streamId" | "begin">> = {},
  ): ClientRequest {
    const deadlineMs = this.#nowMs + this.#patienceMs(kind);
    return this.#requests.open({ ...about, kind, label, deadlineMs });
  }

  #patienceMs(kind: RequestKind): number {
    const { requestTimeoutMs, playTimeoutMs } = this.#options;
    return kind === "play" ? playTimeoutMs : requestTimeoutMs;
  }

  /** Sends a command, unless the connection has ended. */
  #send(streamId: number, name: string, words: CommandWords): void {
    if (this.#state !== "closed") this.#commands.send(streamId, name, words);
  }
}
