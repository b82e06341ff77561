import { type ByteFeed, type FeedEvents, type FeedSink, StallWatch } from "./byte_feed.ts";
import type { PlayerSocket } from "./player_socket.ts";

/** While more than this waits to be written, the client is given nothing: it lags in the log, where that is bounded. */
const MOST_BUFFERED_BYTES = 1024 * 1024;

/** What a player has to say; more is no player's. */
const MOST_SAID_BYTES = 64 * 1024;

/** Close codes of RFC 6455, 7.4.1. */
const CloseCode = { Normal: 1000, GoingAway: 1001, Policy: 1008, TooBig: 1009 } as const;

/** A reason has at most so many bytes (RFC 6455, 5.5.1). */
const MOST_REASON_BYTES = 123;

/** A WebSocket that is sent what a feed has: one message for each time that it has more. */
export class WebSocketSink implements FeedSink {
  readonly #socket: PlayerSocket;
  readonly #feed: ByteFeed;
  readonly #events: FeedEvents;
  readonly #stall = new StallWatch();
  readonly #pump = (): void => this.#send();
  #head: Uint8Array;
  #isEnding = false;
  #isOver = false;
  #sent = 0;
  #said = 0;

  /** Sends what `feed` has once the socket is open; `head` goes before all. */
  constructor(
    socket: PlayerSocket,
    { feed, head, ...events }: FeedEvents & {
      readonly feed: ByteFeed;
      readonly head: Uint8Array;
    },
  ) {
    this.#socket = socket;
    this.#feed = feed;
    this.#head = head;
    this.#events = events;
    socket.binaryType = "arraybuffer";
    socket.onopen = () => this.#send();
    socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
      this.#said += typeof data === "string" ? data.length : data.byteLength;
      if (this.#said > MOST_SAID_BYTES) this.#closeWith(CloseCode.TooBig, "Nothing is read here");
    };
    socket.onclose = () => this.#done(true);
    // A close follows.
    socket.onerror = () => {};
  }

  finish(): void {
    this.#isEnding = true;
    if (this.#socket.readyState === WebSocket.OPEN) this.#send();
    else this.#done(true);
  }

  close({ reason, message }: { readonly reason: string; readonly message: string }): void {
    const code = reason === "stopped" ? CloseCode.GoingAway : CloseCode.Policy;
    this.#isOver = true;
    this.#closeWith(code, message);
  }

  stalledMs(nowMs: number): number {
    const { bufferedAmount } = this.#socket;
    return this.#stall.stalledMs(nowMs, {
      count: this.#sent - bufferedAmount,
      isDue: bufferedAmount > 0,
    });
  }

  #send(): void {
    if (this.#isOver || this.#socket.readyState !== WebSocket.OPEN) return;
    while (this.#socket.bufferedAmount <= MOST_BUFFERED_BYTES) {
      const bytes = this.#nextBytes();
      if (bytes === undefined) break;
      this.#sent += bytes.length;
      this.#events.onTaken(bytes.length);
      this.#socket.send(bytes as Uint8Array<ArrayBuffer>);
    }
    if (!this.#isEnding) this.#feed.wait(this.#pump);
    else {
      this.#closeWith(CloseCode.Normal, "The stream has ended");
      this.#done(false);
    }
  }

  #nextBytes(): Uint8Array | undefined {
    if (this.#head.length > 0) {
      const head = this.#head;
      this.#head = head.subarray(head.length);
      return head;
    }
    const bytes = this.#feed.next();
    if (bytes !== undefined) this.#feed.advance(bytes.length);
    return bytes;
  }

  #closeWith(code: number, reason: string): void {
    if (this.#socket.readyState === WebSocket.CLOSED) return;
    this.#socket.close(code, shortened(reason));
  }

  #done(isGone: boolean): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#events.onDone({ isGone });
  }
}

/** A reason that is too long would be thrown at the one who closes. */
function shortened(reason: string): string {
  const { read } = new TextEncoder().encodeInto(reason, new Uint8Array(MOST_REASON_BYTES));
  return reason.slice(0, read);
}
