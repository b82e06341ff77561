import { concat } from "@std/bytes/concat";
import { type Clock, Deadline, type LATE } from "../../../time/mod.ts";
import { readingTurn, type Transport } from "../../../transport/mod.ts";
import type { ServerTiming } from "../../mod.ts";
import { StallWatch } from "../byte_feed.ts";
import { faultAnswer } from "../json_answer.ts";
import type { IncomingRequest } from "../incoming_request.ts";
import { type HttpAnswer, WholeAnswer } from "../whole_answer.ts";
import { answerHead, type AnswerLength } from "./answer_head.ts";
import { writeAnswer } from "./answer_writer.ts";
import { Http1Request } from "./http1_request.ts";
import { Incoming } from "./incoming.ts";
import { HEAD_MS, IDLE_MS } from "./waits.ts";
import { RequestBody } from "./request_body.ts";
import { RequestFault, type RequestHead, RequestHeadDecoder } from "./request_head.ts";
import { ServerWebSocket, webSocketAnswer } from "./server_websocket.ts";

/** A body that is there takes so many turns of promises to be read; others have more to wait for. */
const TURNS = 12;

/** What a request's handler is told beside the request. */
export interface Http1RequestInfo {
  /** Address of the client. */
  readonly remoteAddr: { readonly hostname: string };
  /** Makes the connection a WebSocket, where the request is a handshake; `response` is to be the answer. */
  readonly upgradeWebSocket: () => {
    readonly socket: ServerWebSocket;
    readonly response: HttpAnswer;
  };
}

/** What an {@linkcode Http1Connection} is made of. */
export interface Http1ConnectionOptions {
  readonly transport: Transport;
  readonly isTls: boolean;
  readonly clock: Clock;
  /** Times of the server: those of now. */
  readonly timing: () => Pick<ServerTiming, "writeStallMs" | "closeMs">;
  /** Answers a request; does not reject. */
  readonly answer: (request: IncomingRequest, info: Http1RequestInfo) => Promise<HttpAnswer>;
}

/** A connection that turned out to speak HTTP/2, and what has been read of it. */
export interface OtherProtocol {
  readonly first: Uint8Array;
  readonly readable: ReadableStream<Uint8Array>;
}

/**
 * A connection of HTTP/1.1 or 1.0 (RFC 9112): one request after the other. `Deno.serve` waits for ever for the rest of a
 * head or of a body, and for a client that takes nothing of its answer; here each wait has its end, and bytes of media go
 * out as they lie in the log, without a copy.
 */
export class Http1Connection {
  readonly #options: Http1ConnectionOptions;
  readonly #incoming: Incoming;
  readonly #decoder = new RequestHeadDecoder();
  readonly #remoteAddr: { readonly hostname: string };
  readonly #stall = new StallWatch();
  #state: "waiting" | "answering" | "over" = "waiting";
  /** When the wait for a head has begun, how long it may be, and whether there is some of the head already. */
  #sinceMs: number;
  #mostMs = HEAD_MS;
  #hasBegun = false;
  /** Since when the client has sent more ahead than is looked at. */
  #fullSinceMs: number | undefined;
  #body: RequestBody | undefined;
  /** What the body of an answer is read from, as it comes. */
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  #isWriting = false;
  #writes = 0;
  #isStopping = false;
  #isGone = false;

  /** Reads nothing yet. */
  constructor(options: Http1ConnectionOptions) {
    this.#options = options;
    this.#incoming = new Incoming(options.transport.readable);
    this.#remoteAddr = { hostname: options.transport.remoteAddress };
    this.#sinceMs = options.clock.now();
  }

  /** Whether it has no request on it. */
  get isWaiting(): boolean {
    return this.#state === "waiting";
  }

  /** Serves the connection until it is over; resolves with what speaks HTTP/2, which somebody else is to serve. */
  async run(): Promise<OtherProtocol | undefined> {
    try {
      for (let isFirst = true;; isFirst = false) {
        const head = await this.#nextHead(isFirst);
        if (head === undefined) break;
        if ("first" in head) return head;
        const startMs = performance.now();
        if (!await this.#exchange(head)) break;
        // A client that does not wait for its answers has all its requests here, and would keep everybody else waiting.
        if (this.#incoming.isAhead) await readingTurn.spend(performance.now() - startMs);
        this.#wait(IDLE_MS);
        if (this.#isStopping) break;
      }
    } catch (error) {
      if (error instanceof RequestFault) await this.#refuse(error);
      else this.close();
    }
    await this.#closeGently();
    return undefined;
  }

  /** Passes time on. */
  tick(nowMs: number): void {
    this.#body?.tick(nowMs);
    if (this.#state === "waiting" && nowMs - this.#sinceMs >= this.#mostMs) return this.#late();
    if (this.#isBlind(nowMs)) return this.close();
    const about = { count: this.#writes, isDue: this.#isWriting };
    if (this.#stall.stalledMs(nowMs, about) >= this.#options.timing().writeStallMs) this.close();
  }

  /** Ends with the answer that is under way, or at once. */
  stop(): void {
    this.#isStopping = true;
    if (this.#state === "waiting") this.close();
  }

  /** Closes at once. */
  close(): void {
    this.#isGone = true;
    this.#state = "over";
    this.#options.transport.close();
    this.#reader?.cancel().catch(() => {});
  }

  /** Whether it has sent so much ahead for so long that nobody would see it go. */
  #isBlind(nowMs: number): boolean {
    if (this.#state !== "answering" || !this.#incoming.isFull) this.#fullSinceMs = undefined;
    else this.#fullSinceMs ??= nowMs;
    return this.#fullSinceMs !== undefined && nowMs - this.#fullSinceMs >= HEAD_MS;
  }

  #wait(mostMs: number): void {
    this.#state = "waiting";
    this.#sinceMs = this.#options.clock.now();
    this.#mostMs = mostMs;
    this.#hasBegun = false;
  }

  async #nextHead(isFirst: boolean): Promise<RequestHead | OtherProtocol | undefined> {
    const start = isFirst ? new Http2Start() : undefined;
    for (;;) {
      let bytes = await this.#incoming.next();
      // What comes too late is answered already.
      if (bytes === undefined || this.#state !== "waiting") return undefined;
      if (!this.#hasBegun && !isFirst) this.#wait(HEAD_MS);
      this.#hasBegun = true;
      if (start !== undefined) {
        if (start.push(bytes) === "http2") {
          this.#state = "over";
          this.#incoming.release();
          return { first: start.bytes, readable: this.#options.transport.readable };
        }
        if (start.isUndecided) continue;
        bytes = start.takeAll();
      }
      const found = this.#decoder.push(bytes);
      if (found === undefined) continue;
      this.#incoming.putBack(found.rest);
      return found.head;
    }
  }

  /** Answers a request; whether another may come. */
  async #exchange(head: RequestHead): Promise<boolean> {
    this.#state = "answering";
    const { isTls } = this.#options;
    const body = this.#bodyOf(head, () => this.#watch());
    const request = new Http1Request(head, { body: body?.readable, isTls });
    this.#body = body;
    if (body === undefined) this.#watch();
    let socket: ServerWebSocket | undefined;
    const answer = await this.#options.answer(request, {
      remoteAddr: this.#remoteAddr,
      upgradeWebSocket: () => {
        socket = new ServerWebSocket();
        return { socket, response: webSocketAnswer(request) };
      },
    });
    this.#body = undefined;
    if (body !== undefined) {
      if (body.fault !== undefined) throw body.fault;
      await body.granted;
    }
    const parts = { head, method: request.method, mayGoOn: body === undefined || body.isOver };
    try {
      if (this.#isGone) return false;
      if (answer instanceof WholeAnswer && answer.status !== 101) {
        return await this.#respondWhole(answer, parts) && !this.#isGone;
      }
      const reader = answer instanceof WholeAnswer ? undefined : answer.body?.getReader();
      this.#reader = reader;
      if (reader !== undefined && this.#incoming.hasEnded) return false;
      const goesOn = await this.#respond(answer, { ...parts, reader });
      if (answer.status !== 101 || socket === undefined) return goesOn && !this.#isGone;
      await this.#speak(socket);
      return false;
    } finally {
      const reader = this.#reader;
      this.#reader = undefined;
      if (reader !== undefined) await reader.cancel().catch(() => {});
      else if (answer instanceof Response) await answer.body?.cancel();
    }
  }

  /**
   * Closes when the client goes before it has all of its answer. Who has asked on, and says that this is all, may still
   * be there for answers that have an end.
   */
  #watch(): void {
    this.#incoming.watch(() => {
      if (this.#reader !== undefined || !this.#incoming.isAhead) this.close();
    });
  }

  /** Speaks WebSocket until the connection is to be closed. */
  async #speak(socket: ServerWebSocket): Promise<void> {
    const { clock, timing } = this.#options;
    await socket.run({
      incoming: this.#incoming,
      write: (bytes) => this.#write(bytes),
      clock,
      closeMs: timing().closeMs,
    });
  }

  #bodyOf(head: RequestHead, onOver: () => void): RequestBody | undefined {
    if (head.body === 0) return undefined;
    return new RequestBody(head, {
      incoming: this.#incoming,
      now: () => this.#options.clock.now(),
      onOver,
      ...(head.expectsContinue ? { onContinue: () => this.#write(CONTINUE) } : {}),
    });
  }

  /** Writes an answer that is all there; whether another request may come. */
  async #respondWhole(
    answer: WholeAnswer,
    { head, method, mayGoOn }: AnswerParts,
  ): Promise<boolean> {
    const { status, headers } = answer;
    const body = answer.bytes ?? NOTHING;
    const hasNone = status === 204 || status === 304;
    const said = Number(headers["content-length"] ?? body.length);
    const goesOn = mayGoOn && head.keepsAlive && !this.#isStopping &&
      headers["connection"] !== "close";
    const text = answerHead(answer, {
      length: hasNone ? "none" : method === "HEAD" ? said : body.length,
      goesOn,
      isOld: head.isOld,
    });
    await writeAnswer(text, hasNone || method === "HEAD" ? NOTHING : body, this.#writeAll);
    return goesOn;
  }

  /** Writes an answer whose body is read as it comes; whether another request may come. */
  async #respond(
    answer: HttpAnswer,
    { head, method, reader, mayGoOn }: AnswerParts & {
      readonly reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
    },
  ): Promise<boolean> {
    const { status } = answer;
    const headers = answer instanceof Response ? answer.headers : undefined;
    const wantsClose = headers?.get("connection")?.toLowerCase() === "close";
    const said = headers && saidLength(headers);
    const goesOn = (length: AnswerLength): boolean =>
      mayGoOn && head.keepsAlive && !wantsClose && !this.#isStopping && length !== "until-close";
    const begin = (length: AnswerLength, piece = NOTHING): Promise<void> => {
      const text = answerHead(answer, { length, goesOn: goesOn(length), isOld: head.isOld });
      return writeAnswer(text, piece, this.#writeAll);
    };
    if (method === "HEAD" || status === 101 || status === 204 || status === 304) {
      const length = method === "HEAD" && said !== undefined ? said : "none";
      await begin(length);
      return goesOn(length);
    }
    if (reader === undefined) {
      await begin(0);
      return goesOn(0);
    }
    const first = reader.read();
    const one = await soon(first);
    // What is all there says how long it is; what is not, and does not say so either, ends with the connection.
    const second = one === undefined || one.done ? undefined : reader.read();
    const two = said === undefined && second !== undefined ? await soon(second) : undefined;
    const length = said ?? (one?.done ? 0 : two?.done ? one!.value!.length : "until-close");
    let missing = typeof length === "number" ? length : Infinity;
    const piece = one?.done === false ? one.value.subarray(0, missing) : NOTHING;
    missing -= piece.length;
    await begin(length, piece);
    if (one?.done) return goesOn(length) && missing === 0;
    for (let read = await (second ?? first); !read.done; read = await reader.read()) {
      const bytes = read.value.subarray(0, missing);
      missing -= bytes.length;
      if (bytes.length > 0) await this.#write(bytes);
    }
    // A body that is shorter than it was said to be is seen by the connection's end.
    return goesOn(length) && missing === 0;
  }

  readonly #writeAll = (bytes: Uint8Array): Promise<void> => this.#write(bytes);

  /** Writes all of `bytes`; never called twice at once. */
  async #write(bytes: Uint8Array): Promise<void> {
    const { transport } = this.#options;
    this.#isWriting = true;
    try {
      for (let at = 0; at < bytes.length;) {
        this.#writes++;
        at += await transport.write(at === 0 ? bytes : bytes.subarray(at));
      }
    } finally {
      this.#isWriting = false;
    }
  }

  #late(): void {
    this.#state = "answering";
    const said = this.#hasBegun
      ? this.#refuse(new RequestFault(408, `No request has come within ${HEAD_MS} ms`))
      : Promise.resolve();
    said.finally(() => this.close());
  }

  /** Answers what is no request; the connection ends with it. */
  async #refuse({ status, message }: RequestFault): Promise<void> {
    if (this.#isGone) return;
    this.#state = "answering";
    const code = CODES[status] ?? "request";
    const answer = faultAnswer({ status, code, reason: message });
    const body = answer.bytes ?? NOTHING;
    const head = answerHead(answer, { length: body.length, goesOn: false });
    await writeAnswer(head, body, this.#writeAll).catch(() => this.close());
  }

  /** Lets the client read its answer, which a close on what it has sent meanwhile would take away. */
  async #closeGently(): Promise<void> {
    const { transport, clock, timing } = this.#options;
    if (!this.#isGone) {
      this.#state = "answering";
      using deadline = new Deadline(clock, timing().closeMs);
      await deadline.before(transport.closeWrite().catch(() => {}));
      // Each piece in turn: what has come is dropped, until the client has closed too.
      for (
        let piece: Uint8Array | typeof LATE | undefined = NOTHING;
        piece instanceof Uint8Array;
      ) {
        piece = await deadline.before(this.#incoming.next());
      }
    }
    this.close();
  }
}

/** What an answer is written by, beside itself. */
interface AnswerParts {
  readonly head: RequestHead;
  readonly method: string;
  /** Whether all of the request has been read. */
  readonly mayGoOn: boolean;
}

const NOTHING: Uint8Array = new Uint8Array(0);
const CONTINUE = new TextEncoder().encode("HTTP/1.1 100 Continue\r\n\r\n");

const CODES: Readonly<Record<number, string>> = {
  405: "method",
  408: "late",
  431: "head-too-large",
};

/** What begins a connection of HTTP/2 (RFC 9113, 3.4), up to where no other request has it. */
const HTTP2_START = new TextEncoder().encode("PRI * HTTP/2.0\r\n");

/** Tells by its first bytes what a connection speaks. */
class Http2Start {
  /** All that has come. */
  bytes: Uint8Array = NOTHING;
  /** Whether it may still be both. */
  isUndecided = true;

  push(bytes: Uint8Array): "http1" | "http2" | undefined {
    this.bytes = concat([this.bytes, bytes]);
    const length = Math.min(this.bytes.length, HTTP2_START.length);
    const isSame = this.bytes.subarray(0, length).every((byte, at) => byte === HTTP2_START[at]);
    this.isUndecided = isSame && length < HTTP2_START.length;
    if (this.isUndecided) return undefined;
    return isSame ? "http2" : "http1";
  }

  /** Takes what it has. */
  takeAll(): Uint8Array {
    const { bytes } = this;
    this.bytes = NOTHING;
    return bytes;
  }
}

/** The length that an answer's handler has said. */
function saidLength(headers: Headers): number | undefined {
  const said = headers.get("content-length");
  return said !== null && /^\d{1,15}$/.test(said) ? Number(said) : undefined;
}

/** What a promise resolves with, where it does so without waiting for anything; else `undefined`. */
async function soon<T>(promise: Promise<T>): Promise<T | undefined> {
  let value: { readonly it: T } | undefined;
  promise.then((it) => value = { it }, () => {});
  for (let turn = 0; turn < TURNS && value === undefined; turn++) await null;
  return value?.it;
}
