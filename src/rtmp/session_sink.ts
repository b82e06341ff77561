import { SynchronousSink } from "../streams/mod.ts";
import type { RtmpMessage } from "./message.ts";

/** What an {@linkcode RtmpSessionSink} drives: the server's or the client's session. */
export interface RtmpSession<Event> {
  /** Takes messages in and returns what they mean. */
  receive(messages: readonly RtmpMessage[], nowMs: number): Event[];
  /** Is told how many bytes have come on the connection behind the handshake. */
  noteBytesReceived(total: number): void;
  /** Returns the bytes that wait to be written. */
  takeOutput(): Uint8Array[];
}

/** How an {@linkcode RtmpSessionSink} reaches what is around its session. */
export interface RtmpSessionSinkOptions<Event> {
  /** The session's clock, milliseconds. */
  readonly now: () => number;
  /** Bytes that have come behind the handshake: the chunk decoder's count. */
  readonly bytesReceived: () => number;
  /** Writes the session's output to the peer, in order; never called with nothing. */
  readonly send: (output: Uint8Array[]) => void;
  /** Takes what the messages of one read mean; it may ask the session for answers. */
  readonly handle: (events: readonly Event[]) => void;
  /** Whether to read on: a promise holds the peer back until it resolves. Asked after each read. */
  readonly ready?: () => Promise<void> | undefined;
}

/**
 * The end of a connection's pipeline: it gives each array of messages to a session, the session's answers to
 * the peer, and the events to whoever serves them. It holds one array at most, and no socket.
 *
 * For each array: the session's answers leave, the events are handled, and what the session says after
 * that, an acknowledgement for example, leaves too. So an answer comes before what it announces.
 *
 * @example
 * ```ts
 * import { type RtmpMessage, RtmpServerSession, RtmpSessionSink } from "@weir/server/rtmp";
 *
 * const session = new RtmpServerSession({ nowMs: 0 });
 * let sent = 0;
 * const sink = new RtmpSessionSink(session, {
 *   now: () => 5,
 *   bytesReceived: () => 300,
 *   send: (output) => void (sent += output.length),
 *   handle: ([event]) => {
 *     if (event?.type === "connect") session.accept(event);
 *   },
 * });
 * const connect: RtmpMessage = {
 *   kind: "command",
 *   streamId: 0,
 *   name: "connect",
 *   transactionId: 1,
 *   object: { app: "live", tcUrl: "rtmp://localhost/live" },
 *   args: [],
 *   amf3: false,
 * };
 * await ReadableStream.from([[connect]]).pipeTo(sink);
 * console.log(session.state, sent > 0); // connected true
 * ```
 */
export class RtmpSessionSink<Event> extends SynchronousSink<RtmpMessage[]> {
  readonly #driver: RtmpSessionDriver<Event>;

  /** Drives `session`, which others may ask and tick meanwhile. */
  constructor(session: RtmpSession<Event>, options: RtmpSessionSinkOptions<Event>) {
    const driver = new RtmpSessionDriver(session, options);
    super((messages) => driver.take(messages));
    this.#driver = driver;
  }

  /**
   * Drops what still comes, unseen: for a connection that is being closed, whose peer can go on to write
   * and so to read.
   */
  ignoreRest(): void {
    this.#driver.ignoreRest();
  }
}

/** What an {@linkcode RtmpSessionSink} does, without a stream: a server has one of these for each connection. */
export class RtmpSessionDriver<Event> {
  readonly #session: RtmpSession<Event>;
  readonly #options: RtmpSessionSinkOptions<Event>;
  #isIgnoring = false;

  /** Drives `session`, which others may ask and tick meanwhile. */
  constructor(session: RtmpSession<Event>, options: RtmpSessionSinkOptions<Event>) {
    this.#session = session;
    this.#options = options;
  }

  /** Takes the messages of one read; resolves when the next may come, where that has to wait. */
  take(messages: readonly RtmpMessage[]): Promise<void> | undefined {
    if (this.#isIgnoring) return undefined;
    const { now, bytesReceived, handle, ready } = this.#options;
    const events = this.#session.receive(messages, now());
    this.#flush();
    handle(events);
    this.#session.noteBytesReceived(bytesReceived());
    this.#flush();
    return ready?.();
  }

  /** Drops what still comes, unseen. */
  ignoreRest(): void {
    this.#isIgnoring = true;
  }

  #flush(): void {
    const output = this.#session.takeOutput();
    if (output.length > 0) this.#options.send(output);
  }
}
