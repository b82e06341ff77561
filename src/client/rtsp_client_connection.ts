import {
  encodeInterleavedFrame,
  RtspClientSession,
  type RtspClientSessionOptions,
  RtspDecoderStream,
  RtspError,
  RtspSessionSink,
} from "../rtsp/mod.ts";
import type { RtspClientEvent } from "../rtsp/mod.ts";
import { Deadline } from "../time/mod.ts";
import { isDisconnect, Outbox, systemClock, type Transport } from "../transport/mod.ts";
import { MessageFeed } from "./message_feed.ts";

/** How long a server that is left may take to agree, milliseconds. */
const TEARDOWN_MS = 1000;

/** The events that answer a request. */
export type RtspAnswer = Extract<
  RtspClientEvent,
  { readonly type: "described" | "set-up" | "playing" | "done" }
>;

/** The server sends the client elsewhere. Where nobody follows, it is the request's error. */
export class RtspRedirection extends RtspError {
  /** Where to: with the credentials that may go there. */
  readonly url: string;
  /** How many redirections that makes. */
  readonly redirects: number;

  /** Made of a session's event. */
  constructor({ url, redirects }: { readonly url: string; readonly redirects: number }) {
    super("redirect", "The server redirects the client", { status: 302 });
    this.url = url;
    this.redirects = redirects;
  }
}

/** Options of an {@linkcode RtspClientConnection}. */
export interface RtspClientConnectionOptions {
  /** The session's own options. */
  readonly session: RtspClientSessionOptions;
  /** Longest time that the server may take nothing of what is sent, milliseconds. */
  readonly writeStallMs: number;
  /** Whether readers are so far behind that nothing more should be read. */
  readonly isHeldBack: () => boolean;
  /** Told where the server asks the client to go on. */
  readonly onMove: (url: string) => void;
  /** Told once, when the connection has ended by itself. */
  readonly onEnd: (error: unknown) => void;
}

/** Options of a request. */
export interface RtspRequestOptions {
  /** Gives the request up. */
  readonly signal?: AbortSignal | undefined;
}

interface Waiter {
  readonly resolve: (answer: RtspAnswer) => void;
  readonly reject: (error: unknown) => void;
}

/** One RTSP connection: a transport, the session over it, and who waits for answers or frames. */
export class RtspClientConnection {
  /** The transport that carries it. */
  readonly transport: Transport;
  readonly #options: RtspClientConnectionOptions;
  readonly #session: RtspClientSession;
  readonly #decoder = new RtspDecoderStream();
  readonly #sink: RtspSessionSink<RtspClientEvent>;
  readonly #outbox: Outbox;
  /** Frames of what is recorded. */
  readonly #media = new MessageFeed();
  readonly #abort = new AbortController();
  readonly #waiters = new Map<number, Waiter>();
  readonly #channels = new Map<number, (payload: Uint8Array) => void>();
  #room: (() => void) | undefined;
  #end: { readonly error: unknown } | undefined;
  #isRetiring = false;
  #strayFrames = 0;

  /** Takes `transport` over. */
  constructor(transport: Transport, options: RtspClientConnectionOptions) {
    this.transport = transport;
    this.#options = options;
    this.#session = new RtspClientSession(options.session);
    this.#outbox = new Outbox(transport);
    this.#outbox.onError = (error) => this.#lose(error);
    this.#outbox.add(this.#media);
    this.#sink = new RtspSessionSink<RtspClientEvent>(this.#session, {
      now: () => performance.now(),
      owner: {
        handle: (event) => this.#handle(event),
        write: (output) => this.#outbox.send(output),
        room: () => this.#isReady(),
        close: (reason) => this.#lose(reason),
      },
    });
    void this.#serve();
  }

  /** Whether nothing goes over it any more. */
  get isEnded(): boolean {
    return this.#end !== undefined;
  }

  /** Session id of the server, once there is one. */
  get sessionId(): string | undefined {
    return this.#session.sessionId;
  }

  /** Bytes read, bytes written, frames of channels that nobody has asked for, and bytes of no message. */
  get statistics(): {
    bytesReceived: number;
    bytesSent: number;
    strayFrames: number;
    garbageBytes: number;
  } {
    return {
      bytesReceived: this.#decoder.bytesReceived,
      bytesSent: this.#outbox.bytes,
      strayFrames: this.#strayFrames,
      garbageBytes: this.#decoder.garbageBytes,
    };
  }

  /**
   * Makes a request and waits for its answer.
   *
   * @throws {RtspError} (rejects) what the server refused with, an {@linkcode RtspRedirection}, or why
   * the connection ended
   */
  ask<T extends RtspAnswer["type"]>(
    type: T,
    request: (session: RtspClientSession) => number,
    { signal }: RtspRequestOptions = {},
  ): Promise<Extract<RtspAnswer, { readonly type: T }>> {
    return new Promise((resolve, reject) => {
      signal?.throwIfAborted();
      if (this.#end !== undefined) throw this.#end.error;
      const cseq = request(this.#session);
      const forget = (): void => {
        signal?.removeEventListener("abort", onAbort);
        this.#waiters.delete(cseq);
      };
      const onAbort = (): void => {
        forget();
        reject(signal!.reason);
      };
      signal?.addEventListener("abort", onAbort);
      this.#waiters.set(cseq, {
        resolve: (answer) => {
          forget();
          if (answer.type === type) resolve(answer as Extract<RtspAnswer, { readonly type: T }>);
          else reject(new TypeError(`Cannot take the answer as it is "${answer.type}"`));
        },
        reject: (error) => {
          forget();
          reject(error);
        },
      });
      this.#sink.settle();
      // The answer may be behind what nobody has read.
      this.wake();
    });
  }

  /** Has frames of `channel` handled. */
  onFrame(channel: number, handler: (payload: Uint8Array) => void): void {
    this.#channels.set(channel, handler);
  }

  /** Whether frames of `channel` are handled. */
  hasChannel(channel: number): boolean {
    return this.#channels.has(channel);
  }

  /** Forgets who handles frames of `channel`. */
  forgetChannel(channel: number): void {
    this.#channels.delete(channel);
  }

  /** Sends an interleaved frame; resolves when there is room for the next. */
  sendFrame(channel: number, payload: Uint8Array): Promise<void> | undefined {
    return this.#media.push(encodeInterleavedFrame(channel, payload));
  }

  /** Resolves when all that was given has been written, or nothing is written any more. */
  drained(): Promise<void> {
    return this.#outbox.drained();
  }

  /** Readers have made room, or want an answer. */
  wake(): void {
    this.#room?.();
    this.#room = undefined;
  }

  /** Looks at deadlines, and keeps the session alive. */
  tick(nowMs: number): void {
    if (this.#end !== undefined) return;
    // That no answer is read is then not the server's doing.
    if (this.#isHeldBack) this.#session.holdDeadline(nowMs);
    this.#sink.tick();
    const { writeStallMs } = this.#options;
    if (this.#outbox.stalledMs(nowMs) >= writeStallMs) {
      this.#lose(
        new RtspError("write-timeout", `The server has taken nothing for ${writeStallMs} ms`),
      );
    }
  }

  /** Ends the session, and closes the connection once the server has agreed, or a second is over. */
  async retire(error: unknown): Promise<void> {
    if (this.#end !== undefined) return;
    this.#isRetiring = true;
    using deadline = new Deadline(systemClock, TEARDOWN_MS);
    await deadline.before(this.drained());
    if (this.sessionId !== undefined && !this.isEnded) {
      const torn = this.ask("done", (session) => session.teardown());
      await deadline.before(torn.catch(() => {}));
    }
    this.close(error);
  }

  /** Closes it at once; requests that wait reject with `error`. */
  close(error: unknown): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    this.#outbox.end();
    this.#media.end();
    this.transport.close();
    this.#sink.stop();
    this.#abort.abort(error);
    this.#channels.clear();
    for (const waiter of [...this.#waiters.values()]) waiter.reject(error);
    this.wake();
  }

  #lose(error: unknown): void {
    if (this.#end !== undefined) return;
    this.close(endOf(error));
    if (!this.#isRetiring) this.#options.onEnd(this.#end!.error);
  }

  /** The pipeline of the connection: messages, session. It ends with the connection. */
  async #serve(): Promise<void> {
    const { signal } = this.#abort;
    try {
      await this.transport.readable.pipeThrough(this.#decoder).pipeTo(this.#sink, { signal });
      this.#lose(new RtspError("closed", "The server has closed the connection"));
    } catch (error) {
      this.#lose(error);
    }
  }

  /** Whether more is to be read, or when. */
  #isReady(): Promise<void> | undefined {
    const room = this.#outbox.room();
    return room === undefined && !this.#isHeldBack ? undefined : this.#hasRoom(room);
  }

  get #isHeldBack(): boolean {
    return this.#waiters.size === 0 && this.#options.isHeldBack();
  }

  /** Waits while a reader is behind, or the server asks faster than it takes answers. */
  async #hasRoom(room: Promise<void> | undefined): Promise<void> {
    await room;
    while (this.#end === undefined && this.#isHeldBack) {
      await new Promise<void>((resolve) => this.#room = resolve);
    }
  }

  #handle(event: RtspClientEvent): void {
    if (this.#end !== undefined) return;
    switch (event.type) {
      case "frame":
        this.#takeFrame(event.channel, event.payload);
        break;
      case "failed":
        this.#refuse(event.cseq, event.error);
        break;
      case "move":
        this.#options.onMove(event.url);
        break;
      case "redirect":
        this.#refuse(event.cseq, new RtspRedirection(event));
        break;
      case "close":
        this.#lose(event.error);
        break;
      default:
        this.#waiters.get(event.cseq)?.resolve(event);
    }
  }

  #takeFrame(channel: number, payload: Uint8Array): void {
    const handler = this.#channels.get(channel);
    if (handler === undefined) this.#strayFrames++;
    else handler(payload);
  }

  #refuse(cseq: number, error: RtspError): void {
    const waiter = this.#waiters.get(cseq);
    if (waiter !== undefined) waiter.reject(error);
    // A keepalive that nobody waits for has learnt that the session is no more.
    else if (error.code === "session-not-found") this.#lose(error);
  }
}

/** What a lost connection is called, whatever the system calls it. */
function endOf(error: unknown): unknown {
  if (!isDisconnect(error)) return error;
  return new RtspError("closed", "The connection was lost", { cause: error });
}
