import { formatSdp, parseSdp, SdpError, type SessionDescription } from "../sdp/mod.ts";
import { parseChallenges, type RtspChallenge } from "./authentication_headers.ts";
import { buildAuthorization, type RtspCredentials } from "./authentication.ts";
import { RTSP_BACK_CHANNEL } from "./back_channel.ts";
import { RtspError } from "./errors.ts";
import {
  encodeRequest,
  encodeResponse,
  type RtspMessage,
  type RtspRequest,
  type RtspResponse,
} from "./message.ts";
import { formatRange, parseRange, type RtspRange } from "./range.ts";
import { parseRtpInfo, type RtspRtpInfo } from "./rtp_info.ts";
import { isNoSession, parseSessionHeader } from "./session_header.ts";
import { RTSP_TRANSITIONS, type RtspMethod, type RtspState } from "./states.ts";
import { formatKeyMgmt } from "./key_mgmt.ts";
import { formatTransports, parseTransports, type RtspTransport } from "./transport_header.ts";
import { formatRtspUrl, parseRtspUrl, resolveControl, type RtspUrl, withRtspPath } from "./url.ts";

/** Redirections that a client follows, as browsers and FFmpeg do within their own bounds. */
export const MAX_RTSP_REDIRECTS = 5;
/** Time for an answer: cameras that wake up take a few seconds. */
const RESPONSE_TIMEOUT_MS = 10_000;
/** Session timeout where the server names none (RFC 2326, 12.37). */
const DEFAULT_TIMEOUT_S = 60;
/** A session is kept alive this often at least: routers forget a silent connection. */
const MAX_KEEP_ALIVE_MS = 30_000;

/** Options of an {@linkcode RtspClientSession}. */
export interface RtspClientSessionOptions {
  /** The stream's URL; credentials in it are used, and sent only when asked for. */
  readonly url: string;
  /** Credentials that go before those of the URL. */
  readonly credentials?: RtspCredentials;
  /** Name in the `User-Agent` header; `weir` by default. */
  readonly userAgent?: string;
  /** How many redirections have led here; 0 by default. */
  readonly redirects?: number;
  /** A random text for digests with `qop`; without it they are answered in the older form. */
  readonly cnonce?: string;
  /** Time for the answer to a request; 10 000 ms by default. */
  readonly requestTimeoutMs?: number;
  /** Time of the connection, in milliseconds of the clock that later calls use; 0 by default. */
  readonly nowMs?: number;
}

/** The server has to know the back channel. */
const NEEDS_BACK_CHANNEL = { Require: RTSP_BACK_CHANNEL } as const;

/** An event of a client session. `cseq` is the number that the request's method returned. */
export type RtspClientEvent =
  /** A DESCRIBE was answered. */
  | {
    readonly type: "described";
    readonly cseq: number;
    readonly description: SessionDescription;
  }
  /** A SETUP was answered. */
  | {
    readonly type: "set-up";
    readonly cseq: number;
    readonly transport: RtspTransport;
    /** The `KeyMgmt` header, where there is one: the key of what will come. */
    readonly keyMgmt?: string;
  }
  /** A PLAY was answered: media flows. */
  | {
    readonly type: "playing";
    readonly cseq: number;
    readonly rtpInfo: readonly RtspRtpInfo[];
    readonly range: RtspRange | undefined;
  }
  /** Any other request was answered with success. */
  | {
    readonly type: "done";
    readonly cseq: number;
    readonly method: string;
    readonly response: RtspResponse;
  }
  /** A request was refused; the session may go on (461: with another transport). */
  | {
    readonly type: "failed";
    readonly cseq: number;
    readonly method: string;
    readonly error: RtspError;
  }
  /** The stream is elsewhere: to be asked for on a new connection. */
  | {
    readonly type: "redirect";
    readonly cseq: number;
    readonly url: string;
    /** `redirects` option for the session there. */
    readonly redirects: number;
  }
  /** The server asks the client to go on elsewhere (REDIRECT), with the credentials that may go there. */
  | { readonly type: "move"; readonly url: string }
  | { readonly type: "frame"; readonly channel: number; readonly payload: Uint8Array }
  /** The connection is to be closed once its output is written. */
  | { readonly type: "close"; readonly error: RtspError };

interface Sent {
  readonly cseq: number;
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** CSeq on the wire: another one after a 401. */
  wireCseq: number;
  /** Whether credentials were sent with it. */
  authorized: boolean;
  /** Whether they were sent a second time, with a new nonce. */
  retried: boolean;
}

/**
 * The client's side of an RTSP session, without its socket: one request at a time, as many cameras want
 * it; those made meanwhile wait. It answers 401, keeps the session alive by what the server supports, and
 * follows the state. Which transport to try next is left to the owner.
 *
 * @example
 * ```ts
 * import { encodeResponse, RtspClientSession, RtspDecoder } from "@weir/server/rtsp";
 *
 * const client = new RtspClientSession({ url: "rtsp://host/cam" });
 * const cseq = client.options();
 * console.log(new TextDecoder().decode(client.takeOutput()[0]).split("\r\n")[0]);
 * // OPTIONS rtsp://host/cam RTSP/1.0
 * const response = encodeResponse({ status: 200, headers: { CSeq: String(cseq), Public: "PLAY" } });
 * console.log(client.receive(new RtspDecoder().push(response), 1)[0]?.type); // done
 * ```
 */
export class RtspClientSession {
  readonly #url: RtspUrl;
  readonly #credentials: RtspCredentials | undefined;
  readonly #options: RtspClientSessionOptions;
  #state: RtspState = "initial";
  #base: RtspUrl;
  #aggregate: RtspUrl;
  #session: string | undefined;
  #timeoutS = DEFAULT_TIMEOUT_S;
  /** Whether a back channel was asked to be set up: what follows needs it. */
  #hasBackChannel = false;
  #methods: ReadonlySet<string> | undefined;
  #challenges: readonly RtspChallenge[] = [];
  #nonceCount = 0;
  #cseq = 0;
  #queue: Sent[] = [];
  #current: Sent | undefined;
  #keepAliveCseq = 0;
  #output: Uint8Array[] = [];
  #nowMs = 0;
  #sentMs = 0;
  #error: RtspError | undefined;

  /**
   * Makes the state of a connection that was just opened.
   *
   * @throws {RtspError} `malformed-url`
   */
  constructor(options: RtspClientSessionOptions) {
    this.#options = options;
    this.#nowMs = this.#sentMs = options.nowMs ?? 0;
    this.#url = this.#base = this.#aggregate = parseRtspUrl(options.url);
    const { username, password = "" } = this.#url;
    this.#credentials = options.credentials ??
      (username === undefined ? undefined : { username, password });
  }

  /** State of the session, as the answers have made it. */
  get state(): RtspState {
    return this.#state;
  }

  /** Session id of the server, once there is one. */
  get sessionId(): string | undefined {
    return this.#session;
  }

  /** Why the connection is to be closed; `undefined` while it is not. */
  get closeReason(): RtspError | undefined {
    return this.#error;
  }

  /** Asks what the server supports. */
  options(): number {
    return this.request("OPTIONS", { url: this.#url });
  }

  /**
   * Asks for the description of the stream; with `backChannel` also for the way back, which a server without one answers
   * with 551 (ONVIF Streaming Specification, 5.3.2).
   */
  describe(options: { readonly backChannel?: boolean } = {}): number {
    const { backChannel = false } = options;
    return this.request("DESCRIBE", {
      url: this.#url,
      headers: { Accept: "application/sdp", ...(backChannel ? NEEDS_BACK_CHANNEL : {}) },
    });
  }

  /** Announces what is to be published. */
  announce(description: SessionDescription): number {
    this.#base = this.#aggregate = this.#url;
    const headers = { "Content-Type": "application/sdp" };
    return this.request("ANNOUNCE", { url: this.#url, headers, body: formatSdp(description) });
  }

  /**
   * Sets up the media with the `control` of its description, over the first of `transports` that fits; `mikey` is the
   * message that tells the key of what is sent, where that is protected.
   */
  setup(
    control: string | undefined,
    transports: readonly RtspTransport[],
    options: {
      readonly mikey?: Uint8Array | undefined;
      /** Whether it is the back channel: the server has to know it then. */
      readonly isBackChannel?: boolean | undefined;
    } = {},
  ): number {
    const url = resolveControl(this.#base, control);
    const { mikey, isBackChannel = false } = options;
    if (isBackChannel) this.#hasBackChannel = true;
    return this.request("SETUP", {
      url,
      headers: {
        Transport: formatTransports(transports),
        ...(mikey === undefined ? {} : { KeyMgmt: formatKeyMgmt(mikey, formatRtspUrl(url)) }),
        ...(isBackChannel ? NEEDS_BACK_CHANNEL : {}),
      },
    });
  }

  /** Starts, or seeks: a live stream where no range is given. */
  play(range: RtspRange = { unit: "npt", start: 0, end: undefined }): number {
    return this.request("PLAY", {
      headers: { Range: formatRange(range), ...this.#needs },
    });
  }

  /** Goes on where a pause has stopped it (RFC 2326, 10.5: a PLAY without range). */
  resume(): number {
    return this.request("PLAY", { headers: this.#needs });
  }

  /** Starts publishing. */
  record(): number {
    return this.request("RECORD", { headers: { Range: "npt=0.000-" } });
  }

  /** Stops the media for a while. */
  pause(): number {
    return this.request("PAUSE");
  }

  /** Ends the session. */
  teardown(): number {
    return this.request("TEARDOWN", { headers: this.#needs });
  }

  /** Makes any request and returns its number; by default for the whole presentation. */
  request(
    method: RtspMethod,
    options: {
      readonly url?: RtspUrl;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    } = {},
  ): number {
    const { headers = {}, body } = options;
    const url = formatRtspUrl(options.url ?? this.#aggregate);
    const cseq = ++this.#cseq;
    const sent: Sent = {
      cseq,
      wireCseq: cseq,
      method,
      url,
      headers,
      authorized: false,
      retried: false,
    };
    this.#queue.push(body === undefined ? sent : { ...sent, body });
    this.#sendNext();
    return cseq;
  }

  /** Removes and returns the bytes that are to be written, in order. */
  takeOutput(): Uint8Array[] {
    const output = this.#output;
    this.#output = [];
    return output;
  }

  /** Takes messages in; what they are about comes out as events. */
  receive(messages: readonly RtspMessage[], nowMs: number): RtspClientEvent[] {
    this.#nowMs = Math.max(this.#nowMs, nowMs);
    const events: RtspClientEvent[] = [];
    for (const message of messages) {
      if (this.#error !== undefined) break;
      switch (message.kind) {
        case "frame":
          events.push({ type: "frame", channel: message.channel, payload: message.payload });
          break;
        case "response":
          this.#receiveResponse(message, events);
          break;
        case "request":
          this.#receiveRequest(message, events);
          break;
        case "malformed":
          this.#fail(message.error, events);
      }
    }
    return events;
  }

  /** Sends a keepalive when it is due, and notices a server that does not answer. */
  tick(nowMs: number): RtspClientEvent[] {
    this.#nowMs = Math.max(this.#nowMs, nowMs);
    const events: RtspClientEvent[] = [];
    if (this.#error !== undefined) return events;
    if (this.#current !== undefined) {
      const { requestTimeoutMs = RESPONSE_TIMEOUT_MS } = this.#options;
      if (this.#nowMs - this.#sentMs < requestTimeoutMs) return events;
      const message = `no answer to ${this.#current.method} in ${requestTimeoutMs} ms`;
      this.#fail(new RtspError("response-timeout", message, { status: 408 }), events);
    } else if (this.#session !== undefined && this.#nowMs - this.#sentMs >= this.#keepAliveMs()) {
      this.#keepAliveCseq = this.request(
        this.#methods?.has("GET_PARAMETER") ? "GET_PARAMETER" : "OPTIONS",
      );
    }
    return events;
  }

  /** Nothing of the server is read at the moment: what it has not answered may be waiting unread. */
  holdDeadline(nowMs: number): void {
    this.#nowMs = Math.max(this.#nowMs, nowMs);
    if (this.#current !== undefined) this.#sentMs = this.#nowMs;
  }

  /** What ONVIF's examples have on each request about a session with a back channel. */
  get #needs(): Readonly<Record<string, string>> {
    return this.#hasBackChannel ? NEEDS_BACK_CHANNEL : {};
  }

  #keepAliveMs(): number {
    return Math.min(this.#timeoutS * 500, MAX_KEEP_ALIVE_MS);
  }

  #sendNext(): void {
    if (this.#current !== undefined || this.#error !== undefined) return;
    this.#current = this.#queue.shift();
    if (this.#current !== undefined) this.#send(this.#current);
  }

  #send(sent: Sent): void {
    const { method, url, body } = sent;
    const headers: Record<string, string> = { CSeq: String(sent.wireCseq) };
    const authorization = this.#authorization(method, url);
    if (authorization !== undefined) headers["Authorization"] = authorization;
    sent.authorized = authorization !== undefined;
    headers["User-Agent"] = this.#options.userAgent ?? "weir";
    if (this.#session !== undefined) headers["Session"] = this.#session;
    Object.assign(headers, sent.headers);
    this.#sentMs = this.#nowMs;
    this.#output.push(
      encodeRequest({ method, url, headers, ...(body === undefined ? {} : { body }) }),
    );
  }

  #authorization(method: string, url: string): string | undefined {
    const credentials = this.#credentials;
    if (credentials === undefined || this.#challenges.length === 0) return undefined;
    const { cnonce } = this.#options;
    const more = cnonce === undefined ? {} : { cnonce, nonceCount: ++this.#nonceCount };
    return buildAuthorization(this.#challenges, { method, url, credentials, ...more });
  }

  /** A server's own requests: OPTIONS and GET_PARAMETER ask whether the client lives. */
  #receiveRequest({ method, headers }: RtspRequest, events: RtspClientEvent[]): void {
    const cseq = headers.get("CSeq");
    const status = method === "REDIRECT"
      ? this.#move(headers.get("Location"), events)
      : method === "OPTIONS" || method === "GET_PARAMETER"
      ? 200
      : 501;
    this.#output.push(
      encodeResponse({ status, headers: cseq === undefined ? {} : { CSeq: cseq } }),
    );
  }

  /** The status that a REDIRECT is answered with (RFC 2326, 10.10). */
  #move(location: string | undefined, events: RtspClientEvent[]): number {
    if (location === undefined) return 400;
    try {
      events.push({ type: "move", url: this.#locate(location) });
      return 200;
    } catch (error) {
      if (!(error instanceof RtspError)) throw error;
      return 400;
    }
  }

  #receiveResponse(response: RtspResponse, events: RtspClientEvent[]): void {
    const sent = this.#current;
    const cseq = response.headers.get("CSeq");
    // Some cameras leave CSeq out; an old number answers what nobody waits for any more.
    if (sent === undefined || response.status < 200) return;
    if (cseq !== undefined && Number(cseq) !== sent.wireCseq) return;
    const { status } = response;
    if (status === 401 && this.#retryAuthorized(sent, response)) return;
    this.#current = undefined;
    try {
      if (status < 300) this.#succeed(sent, response, events);
      else if (status < 400 && status !== 304) this.#redirect(sent, response, events);
      else this.#refused(sent, response, events);
    } catch (error) {
      if (!(error instanceof RtspError || error instanceof SdpError)) throw error;
      const known = error instanceof RtspError
        ? error
        : new RtspError("malformed-description", error.message, { cause: error });
      events.push({ type: "failed", cseq: sent.cseq, method: sent.method, error: known });
    }
    this.#sendNext();
  }

  #retryAuthorized(sent: Sent, response: RtspResponse): boolean {
    const challenges = parseChallenges(response.headers.getAll("WWW-Authenticate"));
    if (this.#credentials === undefined || challenges.length === 0) return false;
    // Shown credentials were wrong, unless the nonce was old. Live555 and Hikvision change the nonce without
    // saying stale, so that every request gets one second chance with a nonce it has not used.
    const fresh = challenges.some(({ nonce }) =>
      nonce !== undefined && this.#challenges.every((old) => old.nonce !== nonce)
    );
    if (sent.authorized && (sent.retried || !fresh)) return false;
    if (sent.authorized) sent.retried = true;
    this.#challenges = challenges;
    this.#nonceCount = 0;
    sent.wireCseq = ++this.#cseq;
    this.#send(sent);
    return true;
  }

  #succeed(sent: Sent, response: RtspResponse, events: RtspClientEvent[]): void {
    const { cseq, method } = sent;
    this.#readCommon(response);
    this.#state = RTSP_TRANSITIONS[this.#state][method as RtspMethod] ?? this.#state;
    switch (method) {
      case "DESCRIBE":
        events.push({ type: "described", cseq, description: this.#describe(response) });
        break;
      case "SETUP": {
        // A camera that does not say what it has chosen has chosen what it was asked for.
        const header = response.headers.get("Transport")?.trim() || sent.headers["Transport"];
        const [transport] = parseTransports(header ?? "");
        const keyMgmt = response.headers.get("KeyMgmt");
        events.push({
          type: "set-up",
          cseq,
          transport: transport!,
          ...(keyMgmt === undefined ? {} : { keyMgmt }),
        });
        break;
      }
      case "PLAY":
        events.push({ type: "playing", cseq, ...readPlay(response) });
        break;
      default:
        if (method === "TEARDOWN") {
          this.#session = undefined;
          this.#hasBackChannel = false;
        }
        if (cseq !== this.#keepAliveCseq) events.push({ type: "done", cseq, method, response });
    }
  }

  #readCommon(response: RtspResponse): void {
    const methods = response.headers.get("Public");
    if (methods !== undefined) {
      this.#methods = new Set(methods.toUpperCase().split(",").map((one) => one.trim()));
    }
    const header = response.headers.get("Session");
    if (header === undefined || isNoSession(header)) return;
    const { id, timeoutS } = parseSessionHeader(header);
    this.#session = id;
    if (timeoutS !== undefined && timeoutS > 0) this.#timeoutS = timeoutS;
  }

  #describe(response: RtspResponse): SessionDescription {
    const { headers } = response;
    const base = headers.get("Content-Base") ?? headers.get("Content-Location");
    if (base !== undefined && /^rtsps?:/i.test(base)) this.#base = resolveControl(this.#url, base);
    const description = parseSdp(response.body);
    const { control } = description;
    this.#aggregate = resolveControl(this.#base, control);
    // Tracks are relative to an absolute control of the session (VLC's server, and FFmpeg reads it so).
    if (control !== undefined && /^rtsps?:\/\//i.test(control)) this.#base = this.#aggregate;
    return description;
  }

  #redirect(sent: Sent, response: RtspResponse, events: RtspClientEvent[]): void {
    const location = response.headers.get("Location");
    const redirects = (this.#options.redirects ?? 0) + 1;
    const { status } = response;
    if (location === undefined || redirects > MAX_RTSP_REDIRECTS) {
      const why = location === undefined ? "without Location" : `number ${redirects}`;
      throw new RtspError("redirect", `a redirection ${why}`, { status });
    }
    events.push({ type: "redirect", cseq: sent.cseq, url: this.#locate(location), redirects });
  }

  /** The URL that a server names, absolute or by its path. */
  #locate(location: string): string {
    const url = /^rtsps?:/i.test(location)
      ? parseRtspUrl(location)
      : withRtspPath(this.#url, location.replace(/^\/?/, "/"));
    // The credentials were given for this server; another host gets what its own URL holds, and nobody
    // gets in the clear what was to go over TLS.
    const isSafe = url.scheme === "rtsps" || this.#url.scheme === "rtsp";
    const isSame = url.host === this.#url.host && isSafe;
    const kept = isSame && url.username === undefined && this.#credentials;
    return formatRtspUrl({ ...url, ...(kept || {}) }, { credentials: true });
  }

  #refused(sent: Sent, response: RtspResponse, events: RtspClientEvent[]): void {
    const { cseq, method } = sent;
    const { status, reason } = response;
    if (cseq === this.#keepAliveCseq && status !== 454) {
      // A camera that lists GET_PARAMETER but does not know it: OPTIONS from now on.
      this.#methods = new Set([...this.#methods ?? []].filter((one) => one !== "GET_PARAMETER"));
      return;
    }
    const code = status === 401
      ? "unauthorized"
      : status === 461
      ? "unsupported-transport"
      : status === 454
      ? "session-not-found"
      : "refused";
    const error = new RtspError(code, `${method}: ${status} ${reason.slice(0, 256)}`, { status });
    events.push({ type: "failed", cseq, method, error });
  }

  #fail(error: RtspError, events: RtspClientEvent[]): void {
    this.#error = error;
    events.push({ type: "close", error });
  }
}

function readPlay(
  response: RtspResponse,
): { rtpInfo: readonly RtspRtpInfo[]; range: RtspRange | undefined } {
  const rtpInfo = parseRtpInfo(response.headers.get("RTP-Info") ?? "");
  const header = response.headers.get("Range");
  try {
    return { rtpInfo, range: header === undefined ? undefined : parseRange(header) };
  } catch {
    return { rtpInfo, range: undefined }; // cameras write what they like, and play all the same
  }
}
