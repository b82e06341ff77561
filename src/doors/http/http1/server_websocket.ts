import type { Clock } from "../../../hub/mod.ts";
import { Interruption } from "../../../time/mod.ts";
import {
  encodeWebSocketFrame,
  webSocketAcceptOf,
  webSocketCloseCode,
  WebSocketDecoder,
  type WebSocketEvent,
  WebSocketOpcode,
} from "../../../rtsp/early.ts";
import type { PlayerSocket } from "../player_socket.ts";
import type { IncomingRequest } from "../incoming_request.ts";
import { WholeAnswer } from "../whole_answer.ts";
import type { Incoming } from "./incoming.ts";

/** The answer to a handshake (RFC 6455, 4.2.2), whose headers have been looked at. */
export function webSocketAnswer(request: IncomingRequest): WholeAnswer {
  const key = request.header("sec-websocket-key") ?? "";
  return new WholeAnswer(null, {
    status: 101,
    headers: { upgrade: "websocket", "sec-websocket-accept": webSocketAcceptOf(key) },
  });
}

/** The server's side of a WebSocket (RFC 6455) that has begun as a request. */
export class ServerWebSocket implements PlayerSocket {
  binaryType: BinaryType = "arraybuffer";
  onopen: ((event: Event) => void) | null = null;
  onmessage: ((event: { readonly data: ArrayBuffer }) => void) | null = null;
  onclose: ((event: Event) => void) | null = null;
  onerror: ((event: Event) => void) | null = null;
  #readyState: number = WebSocket.CONNECTING;
  #bufferedAmount = 0;
  readonly #waiting: Uint8Array[] = [];
  /** The newest ping, which is the one to answer (5.5.3). */
  #ping: Uint8Array | undefined;
  #closing: Uint8Array | undefined;
  #write: ((bytes: Uint8Array) => Promise<void>) | undefined;
  #isPumping = false;
  /** The writing that was begun last. */
  #pumping: Promise<void> | undefined;
  /** Resolves when the connection is to be closed. */
  readonly #over = new Interruption<undefined>();
  #onClosing = (): void => {};

  get readyState(): number {
    return this.#readyState;
  }

  /** Bytes of messages that are not written yet. */
  get bufferedAmount(): number {
    return this.#bufferedAmount;
  }

  /** Sends a message. */
  send(bytes: Uint8Array<ArrayBuffer>): void {
    if (this.#readyState !== WebSocket.OPEN) return;
    this.#waiting.push(bytes);
    this.#bufferedAmount += bytes.length;
    this.#pump();
  }

  /** Says that it ends, behind all messages, and why. */
  close(code = 1000, reason = ""): void {
    if (this.#readyState > WebSocket.OPEN) return;
    const isOpen = this.#readyState === WebSocket.OPEN;
    this.#readyState = WebSocket.CLOSING;
    const text = new TextEncoder().encode(reason);
    this.#closing = encodeWebSocketFrame(Uint8Array.of(code >> 8, code, ...text), {
      opcode: WebSocketOpcode.Close,
    });
    if (!isOpen) return;
    this.#onClosing();
    this.#pump();
  }

  /** Speaks on the connection until that is to be closed. */
  async run(
    { incoming, write, clock, closeMs }: {
      readonly incoming: Incoming;
      readonly write: (bytes: Uint8Array) => Promise<void>;
      readonly clock: Clock;
      /** How long the client may take to answer that it ends. */
      readonly closeMs: number;
    },
  ): Promise<void> {
    this.#write = write;
    let timer: { cancel(): void } | undefined;
    this.#onClosing = () => timer ??= clock.setTimer(() => this.#over.happen(undefined), closeMs);
    if (this.#readyState === WebSocket.CONNECTING) {
      this.#readyState = WebSocket.OPEN;
      this.onopen?.(new Event("open"));
    } else this.#onClosing();
    this.#pump();
    await this.#read(incoming);
    timer?.cancel();
    this.#readyState = WebSocket.CLOSED;
    this.onclose?.(new Event("close"));
  }

  /** Reads until the client has said that it ends, has gone, or has taken too long to say so. */
  async #read(incoming: Incoming): Promise<void> {
    const decoder = new WebSocketDecoder();
    for (;;) {
      const bytes = await this.#over.orResultOf(incoming.next());
      if (bytes === undefined) return;
      let events: readonly WebSocketEvent[];
      try {
        events = decoder.push(bytes);
      } catch (error) {
        this.close(webSocketCloseCode(error));
        break;
      }
      for (const event of events) this.#take(event);
      if (events.some(({ kind }) => kind === "close")) break;
    }
    // The last word.
    await this.#over.orResultOf(Promise.resolve(this.#pumping));
  }

  #take(event: WebSocketEvent): void {
    if (event.kind === "close") this.close();
    else if (event.kind === "ping") {
      this.#ping = event.payload;
      this.#pump();
    } else this.onmessage?.({ data: event.payload.buffer as ArrayBuffer });
  }

  #pump(): void {
    if (this.#isPumping || this.#write === undefined) return;
    this.#isPumping = true;
    this.#pumping = this.#writeAll(this.#write);
  }

  async #writeAll(write: (bytes: Uint8Array) => Promise<void>): Promise<void> {
    try {
      for (;;) {
        const ping = this.#ping;
        this.#ping = undefined;
        if (ping !== undefined) {
          await write(encodeWebSocketFrame(ping, { opcode: WebSocketOpcode.Pong }));
          continue;
        }
        const message = this.#waiting.shift();
        if (message === undefined) break;
        await write(frameOf(message));
        this.#bufferedAmount -= message.length;
      }
      const closing = this.#closing;
      this.#closing = undefined;
      if (closing !== undefined) await write(closing);
    } catch {
      // It is gone.
      this.#over.happen(undefined);
    } finally {
      // At once where nothing is left, and not when somebody hears of it: what is sent in between would lie here.
      this.#isPumping = false;
    }
  }
}

/** The newest message that was framed: players that keep up are sent the same bytes of the log. */
let newest: { readonly message: Uint8Array; readonly frame: Uint8Array } | undefined;

function frameOf(message: Uint8Array): Uint8Array {
  const known = newest?.message;
  const isSame = known !== undefined && known.buffer === message.buffer &&
    known.byteOffset === message.byteOffset && known.length === message.length;
  if (!isSame) newest = { message, frame: encodeWebSocketFrame(message) };
  return newest!.frame;
}
