import type { RtspError } from "./errors.ts";
import type { RtspMessage } from "./message.ts";

/** The session that a sink drives: an `RtspServerConnection` or an `RtspClientSession`. */
export interface RtspSinkSession<Event> {
  /** Whether the owner has to answer before more is taken. */
  readonly busy?: boolean;
  /** Why the connection is to be closed once its output is written; `undefined` while it is not. */
  readonly closeReason: RtspError | undefined;
  /** Takes messages in. */
  receive(messages: readonly RtspMessage[], nowMs: number): Event[];
  /** Carries out what is due. */
  tick(nowMs: number): Event[];
  /** Removes and returns the bytes that are to be written. */
  takeOutput(): Uint8Array[];
}

/** Events that follow an answer of the owner. */
export type RtspSinkAnswer<Event> = readonly Event[] | void;

/** The functions that a sink calls, in this order for each array of messages. */
export interface RtspSinkOwner<Event> {
  /**
   * Takes one event. Who answers a question returns the events that the answer gave, at once or as a promise;
   * until that resolves nothing more is read. A promise that rejects fails the sink.
   */
  handle(event: Event): RtspSinkAnswer<Event> | Promise<RtspSinkAnswer<Event>>;
  /** Takes bytes to write. */
  write(output: Uint8Array[]): void;
  /** All events so far are handled, and what they gave is written: media may follow an answer. */
  handled?(events: readonly Event[]): void;
  /** A promise while the peer takes too little of what is written: nothing is read until it resolves. */
  room?(): Promise<void> | undefined | void;
  /** The session wants its connection closed; its last words are written. Called once. */
  close(reason: RtspError): void;
}

/** Options of an {@linkcode RtspSessionSink}. */
export interface RtspSessionSinkOptions<Event> {
  /** The owner of the session, which decides and writes. */
  readonly owner: RtspSinkOwner<Event>;
  /** The time, in milliseconds of the clock that the session was made with. */
  readonly now: () => number;
}

/**
 * The end of a connection's pipeline: drives a session with the messages that come, hands its events to the owner
 * and its output to whoever writes, and takes no more messages while a question is open or the peer reads too
 * slowly, so that the back-pressure reaches the socket. It knows no socket and no clock.
 *
 * It serves `RtspServerConnection` and `RtspClientSession` alike.
 *
 * @example A server that has no streams
 * ```ts
 * import {
 *   RtspDecoderStream,
 *   RtspServerConnection,
 *   type RtspServerEvent,
 *   RtspSessionRegistry,
 *   RtspSessionSink,
 * } from "@weir/server/rtsp";
 *
 * const random = (length: number) => crypto.getRandomValues(new Uint8Array(length));
 * const sessions = new RtspSessionRegistry({ random });
 * const connection = new RtspServerConnection({ sessions, address: "192.0.2.1", nowMs: 0 });
 * const sink = new RtspSessionSink<RtspServerEvent>(connection, {
 *   now: () => performance.now(),
 *   owner: {
 *     handle: (event) => {
 *       if (event.type === "describe") return connection.reject(event, 404);
 *     },
 *     write: (output) => {
 *       for (const bytes of output) console.log(new TextDecoder().decode(bytes).split("\r\n")[0]);
 *     },
 *     close: (reason) => console.log(reason.message),
 *   },
 * });
 * // Of a socket, this is `conn.readable`.
 * const readable = new Blob(["DESCRIBE rtsp://host/cam RTSP/1.0\r\nCSeq: 1\r\n\r\n"]).stream();
 * await readable.pipeThrough(new RtspDecoderStream()).pipeTo(sink);
 * // RTSP/1.0 404 Not Found: describe rejected with 404
 * ```
 */
export class RtspSessionSink<Event> extends WritableStream<RtspMessage[]> {
  readonly #session: RtspSinkSession<Event>;
  readonly #options: RtspSessionSinkOptions<Event>;
  readonly #controller: WritableStreamDefaultController;
  /** Answers that the owner is still thinking about. */
  #answering = 0;
  #isClosed = false;
  /** Settles when messages may be taken again. */
  #free: PromiseWithResolvers<void> | undefined;

  /** Drives `session`. */
  constructor(session: RtspSinkSession<Event>, options: RtspSessionSinkOptions<Event>) {
    let opened: WritableStreamDefaultController;
    super({
      start: (controller) => {
        opened = controller;
      },
      write: (messages) => this.#take(messages),
    }, { highWaterMark: 1 });
    this.#controller = opened!;
    this.#session = session;
    this.#options = options;
  }

  /** Whether nothing more is read until the owner has answered. */
  get isWaiting(): boolean {
    return this.#session.busy === true || this.#answering > 0;
  }

  /** Passes time on. Run it about once a second. */
  tick(): void {
    this.settle(this.#session.tick(this.#options.now()));
  }

  /**
   * Goes on after something that was done with the session from outside: handles `events`, writes what stands in its
   * output, and closes if that is what it wants.
   */
  settle(events: readonly Event[] = []): void {
    if (this.#isClosed) return;
    const { owner } = this.#options;
    for (const event of events) this.#handle(event);
    const output = this.#session.takeOutput();
    if (output.length > 0) owner.write(output);
    owner.handled?.(events);
    const { closeReason } = this.#session;
    if (closeReason !== undefined && !this.#isClosed) {
      this.#isClosed = true;
      owner.close(closeReason);
    }
    this.#release();
  }

  /** Takes nothing more and calls the owner no more: the connection has ended. Answers that come are dropped. */
  stop(): void {
    this.#isClosed = true;
    this.#release();
  }

  /** Waits for nothing where there is nothing to wait for: an `await` a read is what a pipe costs. */
  #take(messages: readonly RtspMessage[]): void | Promise<void> {
    if (this.#isClosed) return;
    this.settle(this.#session.receive(messages, this.#options.now()));
    const { owner } = this.#options;
    if (!this.isWaiting || this.#isClosed) return owner.room?.() ?? undefined;
    this.#free ??= Promise.withResolvers();
    return this.#free.promise.then(() => owner.room?.() ?? undefined);
  }

  #handle(event: Event): void {
    const answer = this.#options.owner.handle(event);
    if (answer instanceof Promise) void this.#await(answer);
    else if (answer !== undefined) this.settle(answer);
  }

  async #await(answer: Promise<RtspSinkAnswer<Event>>): Promise<void> {
    this.#answering++;
    try {
      const events = await answer;
      this.#answering--;
      this.settle(events ?? []);
    } catch (error) {
      this.#controller.error(error);
      this.stop();
    }
  }

  #release(): void {
    if (this.isWaiting && !this.#isClosed) return;
    this.#free?.resolve();
    this.#free = undefined;
  }
}
