import type {
  Guest,
  NotGranted,
  PlayTicket,
  PublishTicket,
  SameElsewhere,
  ShownCredentials,
} from "../../gate/mod.ts";
import type { Stream } from "../../hub/mod.ts";
import type { ServerLog } from "../../log/mod.ts";
import type { Shell } from "../mod.ts";
import { credentialsInHeader } from "./http_credentials.ts";
import type { PlayerSocket } from "./player_socket.ts";
import type { HttpRequestInfo } from "./http_request_info.ts";
import type { IncomingRequest } from "./incoming_request.ts";
import type { HttpExchange } from "./http_exchange.ts";
import { answerOfGate, faultAnswer } from "./json_answer.ts";
import { type HttpAnswer, isAnswer } from "./whole_answer.ts";
import { WHOLE_BODY_MS, wholeBody } from "./whole_body.ts";

/** What a visit is made of. */
export interface HttpVisitParts {
  /** The part of the server that doors use. */
  readonly shell: Shell;
  /** The request. */
  readonly incoming: IncomingRequest;
  /** Its path, percent-decoded and without the prefix. */
  readonly path: string;
  /** Where the server is mounted; empty at the root. */
  readonly prefix: string;
  /** The client, at the gate. */
  readonly guest: Guest;
  /** The exchange, as the server counts it. */
  readonly exchange: HttpExchange;
  /** Makes a WebSocket of the request, where it has not come by `Deno.serve`. */
  readonly upgradeWebSocket?: HttpRequestInfo["upgradeWebSocket"];
}

/** A request that was let in, as those see it who answer it. */
export class HttpVisit {
  /** The part of the server that doors use. */
  readonly shell: Shell;
  /** The method, in capitals. */
  readonly method: string;
  /** The path, percent-decoded and without the prefix. */
  readonly path: string;
  /** What stands before all paths where the server is mounted elsewhere than at the root: `/weir`; else empty. */
  readonly prefix: string;
  /** The client, at the gate. */
  readonly guest: Guest;
  /** The exchange, as the server counts it: its bytes, and what goes on behind an answer that lasts. */
  readonly exchange: HttpExchange;
  readonly #incoming: IncomingRequest;
  readonly #upgradeWebSocket: HttpRequestInfo["upgradeWebSocket"];
  #query: URLSearchParams | undefined;

  /** Made by the door. */
  constructor(parts: HttpVisitParts) {
    this.shell = parts.shell;
    this.#incoming = parts.incoming;
    this.method = parts.incoming.method;
    this.path = parts.path;
    this.prefix = parts.prefix;
    this.guest = parts.guest;
    this.exchange = parts.exchange;
    this.#upgradeWebSocket = parts.upgradeWebSocket;
  }

  /**
   * Makes a WebSocket of it, which wants one; `response` is to be the answer.
   *
   * @throws {TypeError} if it is no handshake
   */
  upgradeWebSocket(): { readonly socket: PlayerSocket; readonly response: HttpAnswer } {
    if (!this.isHandshake) {
      throw new TypeError("Cannot make a WebSocket of the request as it is no handshake");
    }
    return this.#upgradeWebSocket?.() ?? Deno.upgradeWebSocket(this.request);
  }

  /**
   * The request as the platform has it, made when it is asked for; its `signal` is not to be used, as Deno warns where an
   * answer has succeeded meanwhile.
   */
  get request(): Request {
    return this.#incoming.request;
  }

  /** The body, where it has one. */
  get body(): ReadableStream<Uint8Array> | null {
    return this.#incoming.body;
  }

  /** Reads the body to its end; resolves with the answer that says why not where it is too long, or takes too long. */
  async wholeBody(
    { maxBytes }: { readonly maxBytes: number },
  ): Promise<Uint8Array<ArrayBuffer> | HttpAnswer> {
    if (this.body === null) return new Uint8Array(0);
    const body = await wholeBody(this.body, {
      maxBytes,
      clock: this.shell.clock,
      onPiece: (bytes) => void (this.exchange.bytesReceived += bytes),
    });
    if (body instanceof Uint8Array) return body;
    const [status, reason] = body === "late"
      ? [408, `The body has not come within ${WHOLE_BODY_MS} ms`]
      : [413, `The body is over ${maxBytes} bytes`];
    return faultAnswer({ status, code: "body", reason, headers: { connection: "close" } });
  }

  /** Its URL, as the client sent it; made when it is asked for. */
  get url(): URL {
    return this.#incoming.url;
  }

  /** The path and the query of its URL, without the prefix. */
  get target(): string {
    const { pathname, search } = this.#incoming;
    return (pathname.slice(this.prefix.length) || "/") + search;
  }

  /** What its query has. */
  get query(): URLSearchParams {
    return this.#query ??= new URLSearchParams(this.#incoming.search);
  }

  /** A header, by its name in small letters. */
  header(name: string): string | null {
    return this.#incoming.header(name);
  }

  /** The log for lines about the client. */
  get log(): ServerLog {
    return this.shell.peers.of(this.guest.remoteAddress);
  }

  /** What its `Authorization` header shows; what its query shows, the gate reads itself. */
  get credentials(): ShownCredentials {
    return credentialsInHeader(this.header("authorization"));
  }

  /** The answer that sends the request to another server, where this one takes nobody new and there is one. */
  moved(): HttpAnswer | undefined {
    const { scheme, urlAt } = this.elsewhere;
    const base = this.shell.gate.leaving?.baseOf(scheme);
    return base === undefined ? undefined : answerOfGate({ redirect: urlAt(base), isSame: true });
  }

  /** The same request at another server. */
  get elsewhere(): SameElsewhere {
    const { path } = this;
    const { protocol, search } = this.#incoming;
    const scheme = this.header("x-forwarded-proto") ?? protocol.slice(0, -1);
    return {
      scheme: scheme === "https" ? "https" : "http",
      urlAt: (base) => base + path.split("/").map(encodeURIComponent).join("/") + search,
    };
  }

  /** Whether it wants a WebSocket. */
  get isUpgrade(): boolean {
    return this.header("upgrade")?.toLowerCase() === "websocket";
  }

  /** Whether it has all that a handshake needs (RFC 6455, 4.2.1), and no body, which could be taken for frames. */
  get isHandshake(): boolean {
    return this.isUpgrade && this.method === "GET" &&
      this.header("sec-websocket-version") === "13" &&
      this.header("sec-websocket-key") !== null &&
      /\bupgrade\b/i.test(this.header("connection") ?? "") &&
      (this.header("content-length") ?? "0") === "0" &&
      this.header("transfer-encoding") === null;
  }
}

/** A stream that a client may play, and the leave to do so: to be ended when it stops. */
export interface GrantedPlay {
  /** The leave. */
  readonly ticket: PlayTicket;
  /** The stream, which is live. */
  readonly stream: Stream;
}

/** A request about a stream. */
export class StreamVisit extends HttpVisit {
  /** The stream's name, which may still be none that a stream can have. */
  readonly name: string;
  /** What the suffix of its row has matched. */
  readonly suffix: RegExpExecArray;

  /** Made by the door. */
  constructor(
    parts: HttpVisitParts,
    { name, suffix }: { readonly name: string; readonly suffix: RegExpExecArray },
  ) {
    super(parts);
    this.name = name;
    this.suffix = suffix;
  }

  /**
   * Asks the gate whether the client may play, and waits for the stream; resolves with both, or with the answer that
   * says why not. The ticket is to be started and ended; what was not started ends with the exchange.
   */
  async play({ waitMs = this.shell.timing.playWaitMs }: { readonly waitMs?: number } = {}): Promise<
    GrantedPlay | HttpAnswer
  > {
    const asked = await this.mayPlay();
    if (isAnswer(asked)) return asked;
    const found = await asked.stream({ waitMs });
    if ("granted" in found) return { ticket: asked, stream: found.granted };
    asked.end();
    return this.refusal("play", found);
  }

  /** Asks the gate whether the client may play, and waits for nothing. */
  async mayPlay(): Promise<PlayTicket | HttpAnswer> {
    const entered = await this.#enter();
    if (entered !== undefined) return this.refusal("play", entered);
    const answer = await this.guest.play(this.#ask);
    return "granted" in answer ? answer.granted : this.refusal("play", answer);
  }

  /**
   * Asks the gate whether the client may publish; the name is taken by the ticket's `start`. With `isLater` it is to be
   * claimed before, by the ticket's `claim`, when the client has shown that it has something to publish.
   */
  async mayPublish(
    { isLater = false }: { readonly isLater?: boolean } = {},
  ): Promise<PublishTicket | HttpAnswer> {
    const entered = await this.#enter();
    if (entered !== undefined) return this.refusal("publish", entered);
    const answer = await this.guest.publish({ ...this.#ask, isLater });
    return "granted" in answer ? answer.granted : this.refusal("publish", answer);
  }

  /** Says in the log, and to the client, that the gate has not granted what it asked for. */
  refusal(action: "play" | "publish", away: NotGranted): HttpAnswer {
    const reason = "refused" in away
      ? away.why
      : "challenge" in away
      ? away.challenge
      : "it is sent elsewhere";
    const hides = !("redirect" in away) && away.hidesName === true ||
      "refused" in away && away.refused === "invalid";
    const fields = {
      connection: this.guest.id,
      // What is no name, or may be a secret, is not for the log.
      stream: hides ? "" : this.name,
      reason,
    };
    const line = `${this.guest.protocol} ${action} refused`;
    if (action === "publish") this.log.warn(line, fields);
    else this.log.info(line, fields);
    return answerOfGate(away);
  }

  get #ask() {
    const { name, credentials, query, elsewhere } = this;
    return { name, credentials, query, locate, elsewhere };
  }

  async #enter(): Promise<NotGranted | undefined> {
    const userAgent = this.header("user-agent") ?? "";
    const entered = await this.guest.enter({
      userAgent: userAgent.slice(0, 512),
      isRequest: true,
      locate,
      elsewhere: this.elsewhere,
    });
    return "granted" in entered ? undefined : entered;
  }
}

/** The header that tells players of another time when what they get begins. */
export function startHeader({ startUnixMs }: PlayTicket): { readonly "x-start"?: string } {
  return startUnixMs === undefined ? {} : { "x-start": new Date(startUnixMs).toISOString() };
}

/** A client of HTTP follows URLs of HTTP, and paths. */
function locate(redirect: string): string {
  const url = new URL(redirect, "http://here.invalid/");
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new TypeError("Cannot send an HTTP client elsewhere as the URL must be of http or https");
  }
  // Throws where it can be no header.
  new Headers({ location: redirect });
  return redirect;
}
