import {
  amfNumberProperty,
  type AmfObject,
  amfProperties,
  amfProperty,
  amfStringProperty,
  type AmfValue,
  decodeAmf0,
} from "../amf/mod.ts";
import type { RtmpClientEvent, RtmpStatus } from "./client_event.ts";
import { type CommandMessage, encodeCommandMessage } from "./command_message.ts";
import { UserControlEvent } from "./control_message.ts";
import { enhancedRequest, parseEnhancedCapabilities } from "./enhanced_capabilities.ts";
import { RtmpError, type RtmpErrorCode } from "./errors.ts";
import type { MediaMessage, RtmpMessage } from "./message.ts";
import { ProtocolControl } from "./protocol_control.ts";
import { MessageType } from "./raw_message.ts";
import { parseRtmpUrl } from "./url.ts";

/** Redirections that a client follows: a cluster needs one, and more than a few are a circle. */
export const MAX_RTMP_REDIRECTS = 5;

/** Who is connected to, bounds and times of a client session; all but `app` and `tcUrl` have defaults. */
export interface RtmpClientSessionOptions {
  /** Application to connect to, with its query. */
  readonly app: string;
  /** URL of the application, as `formatTcUrl` makes it. */
  readonly tcUrl: string;
  /** Further properties of connect; they win over those of the same name, `undefined` takes one out. */
  readonly connectParameters?: AmfObject;
  /** Arguments behind the command object of connect. */
  readonly connectArgs?: readonly AmfValue[];
  /** Chunk size of what is sent, bytes. Default 65 536, which no server in use refuses. */
  readonly chunkSize?: number;
  /** Window that the server is told to acknowledge by, bytes. Default 2 500 000. */
  readonly windowSize?: number;
  /** How many redirections have led here. Default 0. */
  readonly redirects?: number;
  /** How long the server may take to answer a request. Default 10 000 ms. */
  readonly requestTimeoutMs?: number;
  /** Silence after which the server is pinged. Default 30 000 ms. */
  readonly pingAfterMs?: number;
  /**
   * How long an answer to a ping may take. Default 10 000 ms. Of a server that has never answered one,
   * none is expected: some do not know them.
   */
  readonly pingTimeoutMs?: number;
}

/** What a client session has counted. */
export interface RtmpClientSessionStatistics {
  /** Media on NetStreams that do not play, which was dropped. */
  readonly droppedMedia: number;
  /** Results that no request awaits: repeated, late, or with a wrong transaction id. */
  readonly strayResults: number;
  /** Messages of types that are not acted upon. */
  readonly ignoredMessages: number;
  /** Bytes that the server has acknowledged; as the protocol has it, modulo 2^32. */
  readonly acknowledgedBytes: number;
}

/** Options of {@linkcode RtmpClientSession.publish}. */
export interface RtmpPublishOptions {
  /** `live` by default; `record` and `append` ask the server to keep what it gets. */
  readonly publishType?: "live" | "record" | "append";
}

/** Options of {@linkcode RtmpClientSession.play} (RTMP 1.0, 7.2.2.1). */
export interface RtmpPlayOptions {
  /** Seconds from the start of a recording; -1 live only, -2 live or else recorded. Default -2. */
  readonly start?: number;
  /** Seconds to play; -1 to the end. Default -1. */
  readonly duration?: number;
  /** Whether what played before on the server's list is dropped. Default true. */
  readonly reset?: boolean;
  /** How much the client buffers, which it tells the server. Default 3000 ms. */
  readonly bufferMs?: number;
}

/** Options of {@linkcode RtmpClientSession.call}. */
export interface RtmpCallOptions {
  /** The command object. Default null. */
  readonly object?: AmfValue;
  /** NetStream that the call goes to. Default 0, the connection. */
  readonly streamId?: number;
}

/** A message that a publisher sends. */
export interface OutgoingMedia {
  /** What kind of message it is. */
  readonly kind: "audio" | "video" | "data";
  /** NetStream that publishes. */
  readonly streamId: number;
  /** Milliseconds, any integer; sent modulo 2^32. */
  readonly timestampMs: number;
  /** What an FLV tag of the kind holds. */
  readonly body: Uint8Array;
}

type RequestKind = "connect" | "publish" | "play" | "pause" | "resume" | "seek" | "call";

/** A request that is not answered yet. */
interface Request {
  readonly id: number;
  readonly kind: RequestKind;
  readonly deadlineMs: number;
  /** What it is named in error messages. */
  readonly label: string;
  /** 0 as long as createStream is not answered. */
  streamId: number;
  /** What is sent once there is a NetStream. */
  readonly begin?: (streamId: number) => void;
  /** Its owner has lost interest: what was begun is ended as soon as it can be named. */
  cancelled: boolean;
}

interface ClientNetStream {
  readonly id: number;
  readonly role: "publish" | "play";
  readonly name: string;
  state: "pending" | "active" | "stopped";
}

const COMMAND_CSID = 3;
const STREAM_COMMAND_CSID = 8;
const MEDIA_CSIDS = { audio: 4, video: 6, data: 5 } as const;
const MEDIA_TYPES = {
  audio: MessageType.Audio,
  video: MessageType.Video,
  data: MessageType.DataAmf0,
} as const;

/** Data messages with a longer body are not looked into for a status. */
const LONGEST_STATUS_BYTES = 4096;

/** Of the server's words: enough to be understood, too short to fill a log. */
const LONGEST_DESCRIPTION = 1000;

/** The status that answers a request with success. */
const SUCCESS: Readonly<Record<string, readonly string[]>> = {
  publish: ["NetStream.Publish.Start"],
  play: ["NetStream.Play.Start"],
  pause: ["NetStream.Pause.Notify"],
  resume: ["NetStream.Unpause.Notify", "NetStream.Play.Start"],
  seek: ["NetStream.Seek.Notify"],
};

/** A refusal, where the level does not say so. */
const FAILURE: Readonly<Record<string, RegExp>> = {
  publish: /^NetStream\.Publish\.(BadName|Denied|Failed|Rejected|BadConnection)$/,
  play: /^NetStream\.Play\.(StreamNotFound|Failed|FileStructureInvalid|NoSupportedTrackFound)$/,
  pause: /^NetStream\.Pause\.Failed$/,
  resume: /^NetStream\.Unpause\.Failed$/,
  seek: /^NetStream\.Seek\.(Failed|InvalidTime)$/,
};

/** The ordinary end of what was played. */
const PLAY_ENDED = /^NetStream\.Play\.(Stop|Complete|UnpublishNotify)$/;

/** Statuses that come as data messages, and are not media. */
const STATUS_NAMES: readonly string[] = ["onStatus", "onPlayStatus", "|RtmpSampleAccess"];

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
  readonly #requests = new Map<number, Request>();
  /** Which request a transaction belongs to; entries leave with their request. */
  readonly #transactions = new Map<number, Request>();
  readonly #streams = new Map<number, ClientNetStream>();
  #state: "new" | "connecting" | "connected" | "closed" = "new";
  #nextTransaction = 1;
  #amf3 = false;
  #nowMs: number;
  #lastReceivedAt: number;
  #pingedAt: number | undefined;
  #answersPings: boolean | undefined;
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
      pingAfterMs: 30_000,
      pingTimeoutMs: 10_000,
      ...options,
    };
    this.#nowMs = options.nowMs;
    this.#lastReceivedAt = options.nowMs;
    this.#protocol = new ProtocolControl(this.#options);
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
    const { app, tcUrl, connectParameters = {}, connectArgs = [] } = this.#options;
    const request = this.#open("connect", `connect to ${shown(withoutQuery(app))}`);
    const properties: AmfObject = {
      app,
      type: "nonprivate",
      flashVer: "FMLE/3.0 (compatible; weir)",
      tcUrl,
      fpad: false,
      capabilities: 239,
      audioCodecs: 0xfff,
      videoCodecs: 0xfc,
      videoFunction: 1,
      objectEncoding: 0,
      ...enhancedRequest(),
      ...connectParameters,
    };
    const object = Object.fromEntries(
      Object.entries(properties).filter(([, value]) => value !== undefined),
    );
    this.#sendCommand(0, "connect", { object, args: connectArgs, request });
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
    this.#sendCommand(0, "releaseStream", { args: [name] });
    this.#sendCommand(0, "FCPublish", { args: [name] });
    const request = this.#open("publish", `publish ${shown(withoutQuery(name))}`, {
      begin: (streamId) => {
        this.#streams.set(streamId, { id: streamId, role: "publish", name, state: "pending" });
        this.#sendCommand(streamId, "publish", { args: [name, publishType], request });
      },
    });
    this.#sendCommand(0, "createStream", { request });
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
    const request = this.#open("play", `play ${shown(withoutQuery(name))}`, {
      begin: (streamId) => {
        this.#streams.set(streamId, { id: streamId, role: "play", name, state: "pending" });
        // Servers in the field know start in milliseconds as little as they know most of these: the
        // specification's seconds are sent.
        this.#sendCommand(streamId, "play", { args: [name, start, duration, reset], request });
        this.setBufferLength(streamId, bufferMs);
      },
    });
    this.#sendCommand(0, "createStream", { request });
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
    const request = this.#open("call", `call ${shown(name)}`);
    this.#sendCommand(streamId, name, { object, args, request });
    return request.id;
  }

  /** Asks for no more, or for more, audio or video of a NetStream; servers do not answer. */
  receiveKind(streamId: number, kind: "audio" | "video", { enabled }: { enabled: boolean }): void {
    if (this.#streams.get(streamId)?.role !== "play") return;
    const name = kind === "audio" ? "receiveAudio" : "receiveVideo";
    this.#sendCommand(streamId, name, { args: [enabled], transactionId: 0 });
  }

  /** Tells the server how much of a NetStream this end buffers. */
  setBufferLength(streamId: number, bufferMs: number): void {
    this.#protocol.sendControl({
      kind: "user-control",
      event: UserControlEvent.SetBufferLength,
      value: streamId,
      bufferMs,
    });
  }

  /** Ends what a NetStream does, and the NetStream; harmless when there is none. */
  closeStream(streamId: number): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined || this.#state === "closed") return;
    this.#streams.delete(streamId);
    if (stream.role === "publish") this.#sendCommand(0, "FCUnpublish", { args: [stream.name] });
    this.#sendCommand(0, "deleteStream", { args: [streamId] });
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
    this.#settle(found);
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
    return this.#protocol.encode({
      type: MEDIA_TYPES[media.kind],
      chunkStreamId: MEDIA_CSIDS[media.kind],
      streamId: media.streamId,
      timestampMs: media.timestampMs >>> 0,
      payload: media.body,
    });
  }

  /** Takes messages in and returns what they mean; nothing after the session was closed. */
  receive(messages: readonly RtmpMessage[], nowMs: number): RtmpClientEvent[] {
    this.#nowMs = nowMs;
    this.#lastReceivedAt = nowMs;
    const events: RtmpClientEvent[] = [];
    for (const message of messages) {
      if (this.#state === "closed") break;
      this.#dispatch(message, events);
    }
    this.#pingedAt = undefined;
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
    for (const request of [...this.#requests.values()]) {
      if (nowMs < request.deadlineMs || this.#state === "closed") continue;
      const { requestTimeoutMs } = this.#options;
      this.#fail(request, events, {
        code: "timeout",
        message: `The server has not answered ${request.label} within ${requestTimeoutMs} ms`,
      });
    }
    if (this.#state === "connected") this.#tickPing(nowMs, events);
    return events;
  }

  /** Returns the bytes that wait to be written, in order; the caller owns them. */
  takeOutput(): Uint8Array[] {
    return this.#protocol.takeOutput();
  }

  #tickPing(nowMs: number, events: RtmpClientEvent[]): void {
    const { pingAfterMs, pingTimeoutMs } = this.#options;
    if (this.#pingedAt !== undefined) {
      if (nowMs - this.#pingedAt < pingTimeoutMs) return;
      if (this.#answersPings === true) {
        this.#close("ping-timeout", `No answer to a ping for ${pingTimeoutMs} ms`, events);
      } else this.#answersPings = false;
      return;
    }
    if (this.#answersPings === false || nowMs - this.#lastReceivedAt < pingAfterMs) return;
    this.#pingedAt = nowMs;
    this.#protocol.sendPing(nowMs);
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
    } else if (event === UserControlEvent.PingResponse && this.#pingedAt !== undefined) {
      this.#answersPings = true;
    }
  }

  #receiveMedia(message: MediaMessage, events: RtmpClientEvent[]): void {
    const stream = this.#streamOf(message.streamId, "play");
    if (message.kind === "data" && this.#takeStatusData(message, stream, events)) return;
    if (stream === undefined || stream.state === "stopped") {
      this.#droppedMedia++;
      return;
    }
    // Media says as much as the status that some servers send late, or never.
    if (stream.state === "pending") this.#begun(stream, events);
    if (message.body.length === 0) return;
    events.push({ type: "media", message: { ...message, streamId: stream.id } });
  }

  /** Whether a data message was one of those by which servers tell of a stream's state. */
  #takeStatusData(
    message: MediaMessage,
    stream: ClientNetStream | undefined,
    events: RtmpClientEvent[],
  ): boolean {
    const { body } = message;
    const name = leadingString(body);
    if (name === undefined || !STATUS_NAMES.includes(name)) return false;
    if (name === "|RtmpSampleAccess" || body.length > LONGEST_STATUS_BYTES) return true;
    let values: AmfValue[];
    try {
      values = decodeAmf0(body);
    } catch {
      this.#ignoredMessages++;
      return true;
    }
    const information = values.find((value) => amfProperties(value) !== undefined);
    this.#receiveStatus(stream?.id ?? message.streamId, information, events);
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
        this.#receiveStatus(
          command.streamId,
          command.args.find((value) => amfProperties(value) !== undefined),
          events,
        );
        break;
      case "close":
        this.#close("closed", "The server has ended the connection", events);
        break;
      case "onBWCheck":
      case "_onbwcheck":
        // Flash Media Server measures with these, and goes on only when they are answered.
        this.#answer(command.transactionId, "_result", [0]);
        break;
      case "onBWDone":
      case "_onbwdone":
      case "onFCPublish":
      case "onFCUnpublish":
      case "onFCSubscribe":
      case "onFCUnsubscribe":
        break;
      default:
        this.#answer(command.transactionId, "_error", [{
          level: "error",
          code: "NetConnection.Call.Failed",
          description: `${shown(command.name)} is not known here.`,
        }]);
        events.push({ type: "call", name: command.name, args: command.args });
    }
  }

  #receiveAnswer(command: CommandMessage, events: RtmpClientEvent[]): void {
    const request = this.#transactions.get(command.transactionId);
    if (request === undefined) {
      this.#strayResults++;
      return;
    }
    this.#transactions.delete(command.transactionId);
    if (request.kind === "connect") {
      this.#connectAnswered(request, command, events);
    } else if (command.name === "_error") {
      this.#refused(request, informationOf(command), events);
    } else if (request.begin !== undefined) {
      // The answer to publish and play themselves is a status; a result of them is only politeness.
      if (request.streamId === 0) this.#streamCreated(request, command.args[0], events);
    } else {
      this.#settle(request);
      const { object, args } = command;
      events.push({ type: "result", request: request.id, object, args });
    }
  }

  #connectAnswered(request: Request, command: CommandMessage, events: RtmpClientEvent[]): void {
    this.#settle(request);
    const information = informationOf(command);
    const status = statusOf(0, information);
    const isRefused = command.name === "_error" || status.level === "error" ||
      /^NetConnection\.Connect\.(Rejected|Failed|InvalidApp|AppShutdown)$/.test(status.code);
    if (isRefused) {
      this.#connectRefused(status, events);
      return;
    }
    this.#state = "connected";
    this.#protocol.sendWindow();
    this.#protocol.sendChunkSize();
    this.#amf3 = this.#options.connectParameters?.["objectEncoding"] === 3 &&
      amfNumberProperty(information, "objectEncoding") === 3;
    events.push({
      type: "connected",
      request: request.id,
      properties: amfProperties(command.object) ?? {},
      information: status.information,
      capabilities: parseEnhancedCapabilities(information),
    });
  }

  /** Flash Media Server and SRS say in `ex` where to go instead: code 302, `redirect` a tcUrl. */
  #connectRefused(status: RtmpStatus, events: RtmpClientEvent[]): void {
    const extra = amfProperty(status.information, "ex");
    const redirect = amfStringProperty(extra, "redirect");
    const code = amfNumberProperty(extra, "code");
    if (redirect === undefined || (code !== undefined && code !== 302)) {
      this.#closeRefused("The server refuses to connect", status, events);
      return;
    }
    const { redirects, tcUrl } = this.#options;
    if (redirects >= MAX_RTMP_REDIRECTS) {
      this.#closeRefused(
        `The server redirects for the ${MAX_RTMP_REDIRECTS + 1}th time in a row`,
        status,
        events,
      );
      return;
    }
    const refusal = refusedRedirect(redirect, tcUrl);
    if (refusal !== undefined) {
      this.#closeRefused(refusal, status, events);
      return;
    }
    this.#state = "closed";
    events.push({ type: "redirect", tcUrl: redirect, redirects: redirects + 1 });
  }

  #closeRefused(message: string, status: RtmpStatus, events: RtmpClientEvent[]): void {
    this.#close("connect-rejected", message, events, status);
  }

  #streamCreated(request: Request, id: AmfValue, events: RtmpClientEvent[]): void {
    const isId = typeof id === "number" && Number.isInteger(id) && id >= 1 && id < 2 ** 32;
    if (!isId || this.#streams.has(id)) {
      this.#fail(request, events, {
        code: "unexpected-result",
        message: `The server has answered createStream with ${
          isId ? `the id ${id}, which is in use` : `a ${typeof id} that is no id`
        }`,
      });
      return;
    }
    if (request.cancelled) {
      this.#settle(request);
      this.#sendCommand(0, "deleteStream", { args: [id] });
      return;
    }
    request.streamId = id;
    request.begin!(id);
  }

  #receiveStatus(streamId: number, information: AmfValue, events: RtmpClientEvent[]): void {
    const stream = this.#streamOf(streamId);
    const status = statusOf(stream?.id ?? streamId, information);
    if (stream !== undefined && this.#answersRequest(stream, status, events)) return;
    if (stream?.state === "active" && this.#ends(stream, status, events)) return;
    events.push({ type: "status", status });
    if (/^NetConnection\.Connect\.(Closed|AppShutdown)$/.test(status.code)) {
      this.#close("closed", "The server has ended the connection", events, status);
    }
  }

  /** Looks whether a status answers what was asked of its NetStream; the oldest request comes first. */
  #answersRequest(stream: ClientNetStream, status: RtmpStatus, events: RtmpClientEvent[]): boolean {
    for (const request of this.#requests.values()) {
      if (request.streamId !== stream.id) continue;
      if (SUCCESS[request.kind]?.includes(status.code)) {
        if (request.begin !== undefined) this.#begun(stream, events);
        else {
          this.#settle(request);
          const { information } = status;
          events.push({ type: "result", request: request.id, object: information, args: [] });
        }
        // A seek is told by two statuses, and so on: what is more than asked for is passed on.
        return true;
      }
      const isRefusal = FAILURE[request.kind]?.test(status.code) ||
        (status.level === "error" && request.begin !== undefined);
      if (isRefusal) {
        this.#refused(request, status.information, events);
        return true;
      }
      if (request.kind === "play" && stream.state === "pending" && PLAY_ENDED.test(status.code)) {
        this.#refused(request, status.information, events);
        return true;
      }
    }
    return false;
  }

  /** Looks whether a status ends what a NetStream does. */
  #ends(stream: ClientNetStream, status: RtmpStatus, events: RtmpClientEvent[]): boolean {
    const { role } = stream;
    const isEnd = role === "play" && PLAY_ENDED.test(status.code);
    const isFailure = FAILURE[role]!.test(status.code) ||
      (status.level === "error" && /^NetStream\.(Publish|Play)\./.test(status.code));
    if (!isEnd && !isFailure) return false;
    stream.state = "stopped";
    const error = isFailure
      ? statusError(
        role === "play" ? "play-rejected" : "publish-rejected",
        `The server ends ${role} of ${shown(withoutQuery(stream.name))}`,
        status,
      )
      : undefined;
    events.push({ type: "stopped", streamId: stream.id, status, error });
    return true;
  }

  /** A publish or play has been granted. */
  #begun(stream: ClientNetStream, events: RtmpClientEvent[]): void {
    stream.state = "active";
    for (const request of this.#requests.values()) {
      if (request.streamId !== stream.id || request.begin === undefined) continue;
      this.#settle(request);
      const type = stream.role === "play" ? "playing" : "publishing";
      events.push({ type, request: request.id, streamId: stream.id });
      return;
    }
  }

  /** The NetStream of a message: some servers say 0, which is clear as long as there is one. */
  #streamOf(streamId: number, role?: "play"): ClientNetStream | undefined {
    const stream = this.#streams.get(streamId);
    if (stream !== undefined) {
      return role === undefined || stream.role === role ? stream : undefined;
    }
    if (streamId !== 0 || this.#streams.size !== 1) return undefined;
    const [only] = this.#streams.values();
    return role === undefined || only!.role === role ? only : undefined;
  }

  #refused(request: Request, information: AmfValue, events: RtmpClientEvent[]): void {
    const status = statusOf(request.streamId, information);
    const code = request.kind === "publish"
      ? "publish-rejected"
      : request.kind === "play"
      ? "play-rejected"
      : "call-failed";
    this.#fail(request, events, {
      code,
      message: `The server refuses to ${request.label}`,
      status,
    });
  }

  #fail(
    request: Request,
    events: RtmpClientEvent[],
    failure: {
      readonly code: RtmpErrorCode;
      readonly message: string;
      readonly status?: RtmpStatus;
    },
  ): void {
    const { code, message, status } = failure;
    this.#settle(request);
    if (request.kind === "connect") {
      this.#close(code, message, events, status);
      return;
    }
    if (request.begin !== undefined) this.closeStream(request.streamId);
    if (request.cancelled) return;
    const error = status === undefined
      ? new RtmpError(code, message)
      : statusError(code, message, status);
    events.push({ type: "failed", request: request.id, error });
  }

  #close(
    code: RtmpErrorCode,
    message: string,
    events: RtmpClientEvent[],
    status?: RtmpStatus,
  ): void {
    this.#state = "closed";
    this.#requests.clear();
    this.#transactions.clear();
    this.#streams.clear();
    const error = status === undefined
      ? new RtmpError(code, message)
      : statusError(code, message, status);
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
    const request = this.#open(kind, `${kind} stream ${streamId}`);
    request.streamId = streamId;
    this.#sendCommand(streamId, command.name, { args: command.args, request });
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
    { begin }: { readonly begin?: (streamId: number) => void } = {},
  ): Request {
    const request: Request = {
      id: this.#nextTransaction,
      kind,
      label,
      deadlineMs: this.#nowMs + this.#options.requestTimeoutMs,
      streamId: 0,
      cancelled: false,
      ...(begin === undefined ? {} : { begin }),
    };
    this.#requests.set(request.id, request);
    return request;
  }

  #settle(request: Request): void {
    this.#requests.delete(request.id);
    for (const [id, owner] of this.#transactions) {
      if (owner === request) this.#transactions.delete(id);
    }
  }

  #answer(transactionId: number, name: "_result" | "_error", args: readonly AmfValue[]): void {
    if (transactionId !== 0) this.#sendCommand(0, name, { args, transactionId });
  }

  /** Sends a command; with a `request`, what answers it belongs to that. */
  #sendCommand(
    streamId: number,
    name: string,
    content: {
      readonly object?: AmfValue;
      readonly args?: readonly AmfValue[];
      readonly request?: Request;
      readonly transactionId?: number;
    },
  ): void {
    if (this.#state === "closed") return;
    const { object = null, args = [], request } = content;
    const transactionId = content.transactionId ?? this.#nextTransaction++;
    if (request !== undefined) this.#transactions.set(transactionId, request);
    this.#protocol.send({
      ...encodeCommandMessage({ name, transactionId, object, args, amf3: this.#amf3 }),
      chunkStreamId: streamId === 0 ? COMMAND_CSID : STREAM_COMMAND_CSID,
      streamId,
    });
  }
}

/** The information object of an answer: the first object of its arguments. */
function informationOf(command: CommandMessage): AmfValue {
  return command.args.find((value) => amfProperties(value) !== undefined) ?? command.args[0];
}

function statusOf(streamId: number, information: AmfValue): RtmpStatus {
  const description = amfStringProperty(information, "description") ??
    (typeof information === "string" ? information : "");
  return {
    streamId,
    level: amfStringProperty(information, "level") ?? "",
    code: amfStringProperty(information, "code") ?? "",
    description: description.slice(0, LONGEST_DESCRIPTION),
    information: amfProperties(information) ?? {},
  };
}

function statusError(code: RtmpErrorCode, message: string, status: RtmpStatus): RtmpError {
  const words = [status.code, status.description].filter((text) => text !== "").map(shown);
  return new RtmpError(code, [message, ...words].join(": "), {
    status: status.code,
    description: status.description,
  });
}

/** Why a redirection is not followed, if so. */
function refusedRedirect(redirect: string, tcUrl: string): string | undefined {
  let scheme: string;
  try {
    scheme = parseRtmpUrl(redirect).scheme;
  } catch (error) {
    if (!(error instanceof RtmpError)) throw error;
    return "The server redirects to what is no RTMP URL";
  }
  const isDowngrade = scheme === "rtmp" && tcUrl.startsWith("rtmps:");
  return isDowngrade ? "The server redirects from rtmps to rtmp" : undefined;
}

const textDecoder = new TextDecoder();

/** The AMF0 string that a data message begins with, where it is short. */
function leadingString(body: Uint8Array): string | undefined {
  if (body.length < 3 || body[0] !== 2 || body[1] !== 0) return undefined;
  return textDecoder.decode(body.subarray(3, 3 + body[2]!));
}

function withoutQuery(text: string): string {
  return text.split("?", 1)[0]!;
}

/** A peer's text as it may stand in a message: short, and without control characters. */
function shown(text: string): string {
  return JSON.stringify(text.length > 128 ? `${text.slice(0, 128)}…` : text);
}
