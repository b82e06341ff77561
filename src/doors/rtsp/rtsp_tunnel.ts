import {
  Base64Decoder,
  encodeWebSocketClose,
  encodeWebSocketFrame,
  RtspError,
  WebSocketCloseCode,
  webSocketCloseCode,
  WebSocketDecoder,
  type WebSocketEvent,
  WebSocketOpcode,
} from "../../rtsp/mod.ts";
import type { Clock, Timer } from "../../hub/mod.ts";
import { type Transport, writeAll } from "../../transport/mod.ts";

/** A connection of a tunnel, and what of the tunnel came with its first request. */
export interface TunnelWay {
  readonly transport: Transport;
  readonly first: Uint8Array;
}

/** What a {@linkcode TunnelWayUp} needs. */
export interface TunnelWayUpOptions {
  readonly clock: Clock;
  /** How long a POST may stay open when the next one has come, milliseconds. */
  readonly graceMs: number;
}

/** A POST of a tunnel. */
interface Post {
  readonly transport: Transport;
  readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  /** What came with its head, until it is read. */
  first: Uint8Array | undefined;
  /** Told when it is over. */
  readonly onEnd: () => void;
}

/**
 * The way up of an HTTP tunnel: one POST after the other, decoded and read as one stream. A client may close its
 * POST and open the next whenever it likes, QuickTime does so where the `Content-Length` that it gave is used up.
 */
export class TunnelWayUp {
  /** The bytes of all POSTs. */
  readonly readable: ReadableStream<Uint8Array>;
  readonly #options: TunnelWayUpOptions;
  #decoder = new Base64Decoder();
  #current: Post | undefined;
  /** What comes after it, or is waited for. */
  #next: Post | undefined;
  #grace: Timer | undefined;
  #wake: (() => void) | undefined;
  #isOver = false;
  #fault: RtspError | undefined;

  /** Starts without a POST. */
  constructor(options: TunnelWayUpOptions) {
    this.#options = options;
    this.readable = new ReadableStream({
      pull: (controller) => this.#pull(controller),
    }, { highWaterMark: 0 });
  }

  /**
   * Reads a POST to its end, after the one before. That should be at its end; it is closed a moment later if it
   * is not.
   *
   * @throws {RtspError} `closed` when the tunnel is over, `malformed-tunnel` when a POST waits already
   */
  take({ transport, first }: TunnelWay): Promise<void> {
    this.checkRoom();
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#next = { transport, reader: transport.readable.getReader(), first, onEnd: resolve };
    const { clock, graceMs } = this.#options;
    const before = this.#current?.transport;
    if (before !== undefined) this.#grace = clock.setTimer(() => before.close(), graceMs);
    this.#wake?.();
    return promise;
  }

  /** Throws what `take` would. */
  checkRoom(): void {
    if (this.#isOver) throw new RtspError("closed", "The peer has closed the way down");
    if (this.#next !== undefined) {
      throw new RtspError("malformed-tunnel", "a POST of a tunnel that has two");
    }
  }

  /** Ends the stream and closes what is open; `fault` is what the peer has done wrong. */
  end(fault?: RtspError): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#fault = fault;
    this.#grace?.cancel();
    for (const post of [this.#current, this.#next]) {
      post?.transport.close();
      post?.onEnd();
    }
    this.#wake?.();
  }

  async #pull(controller: ReadableStreamDefaultController<Uint8Array>): Promise<void> {
    for (;;) {
      const bytes = await this.#read();
      if (this.#fault !== undefined) throw this.#fault;
      if (bytes === undefined) return controller.close();
      const decoded = this.#decoder.push(bytes);
      if (decoded.length > 0) return controller.enqueue(decoded);
    }
  }

  /** What comes next of any POST; `undefined` when the tunnel is over. */
  async #read(): Promise<Uint8Array | undefined> {
    while (!this.#isOver) {
      const post = this.#current ?? this.#begin();
      if (post === undefined) {
        await new Promise<void>((resolve) => this.#wake = resolve);
        continue;
      }
      const bytes = post.first ?? (await post.reader.read()).value;
      post.first = undefined;
      if (bytes !== undefined) return bytes;
      this.#current = undefined;
      post.onEnd();
    }
    return undefined;
  }

  /** Goes on to the POST that waits. */
  #begin(): Post | undefined {
    this.#grace?.cancel();
    this.#current = this.#next;
    this.#next = undefined;
    // Each begins a new text of base64.
    this.#decoder = new Base64Decoder();
    return this.#current;
  }
}

/** Makes one transport of the connections of an HTTP tunnel: bytes go down on that of the GET. */
export function httpTunnelTransport(down: Transport, up: TunnelWayUp): Transport {
  return {
    readable: up.readable,
    write: (bytes) => down.write(bytes),
    closeWrite: () => down.closeWrite(),
    close() {
      down.close();
      up.end();
    },
    remoteAddress: down.remoteAddress,
    remoteName: down.remoteName,
  };
}

/** Larger writes are cut, so that a pong need not wait for a whole group of pictures. */
const MAX_FRAME_BYTES = 64 * 1024;

/** Makes a transport of a connection that has become a WebSocket. */
export function webSocketTransport(way: TunnelWay): Transport {
  const { transport } = way;
  const decoder = new WebSocketDecoder();
  const frames = new FrameWriter(transport);
  let closeCode: number = WebSocketCloseCode.Normal;
  const decode = (bytes: Uint8Array): WebSocketEvent[] => {
    try {
      return decoder.push(bytes);
    } catch (error) {
      // Told when the connection is closed for it.
      closeCode = webSocketCloseCode(error);
      throw error;
    }
  };
  const reader = transport.readable.getReader();
  let first: Uint8Array | undefined = way.first;
  const readable = new ReadableStream<Uint8Array>({
    async pull(controller) {
      for (let hasData = false; !hasData;) {
        const bytes = first ?? (await reader.read()).value;
        first = undefined;
        if (bytes === undefined) return controller.close();
        for (const event of decode(bytes)) {
          if (event.kind === "close") {
            frames.close(closeCode).catch(() => {});
            return controller.close();
          }
          if (event.kind === "ping") {
            frames.pong(event.payload);
          } else if (event.payload.length > 0) {
            controller.enqueue(event.payload);
            hasData = true;
          }
        }
      }
    },
  }, { highWaterMark: 0 });
  return {
    readable,
    async write(bytes) {
      const piece = bytes.subarray(0, MAX_FRAME_BYTES);
      await frames.send(encodeWebSocketFrame(piece));
      return piece.length;
    },
    async closeWrite() {
      await frames.close(closeCode);
      await transport.closeWrite();
      // Closing on what the peer still sends would reset the connection before it has read the reason.
      while (closeCode !== WebSocketCloseCode.Normal && !(await reader.read()).done);
    },
    close: () => transport.close(),
    remoteAddress: transport.remoteAddress,
    remoteName: transport.remoteName,
  };
}

/** Writes frames one after the other: data of the session, and pongs whenever they come. */
class FrameWriter {
  readonly #transport: Transport;
  #sent: Promise<void> = Promise.resolve();
  #pong: Uint8Array | undefined;
  #closed = false;

  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Resolves when the frame is written; none follows a close frame (RFC 6455, 5.5.1). */
  send(frame: Uint8Array): Promise<void> {
    if (this.#closed) return this.#sent;
    const sent = this.#sent.then(() => writeAll(this.#transport, frame));
    this.#sent = sent;
    return sent;
  }

  /** Answers a ping; of those that wait, only the newest (RFC 6455, 5.5.3). */
  pong(payload: Uint8Array): void {
    const isWaiting = this.#pong !== undefined;
    this.#pong = payload;
    if (isWaiting || this.#closed) return;
    this.#sent = this.#sent.then(() => {
      const frame = encodeWebSocketFrame(this.#pong!, { opcode: WebSocketOpcode.Pong });
      this.#pong = undefined;
      return writeAll(this.#transport, frame);
    });
    // A write that fails is told to the one who writes data; who only listens hears of the end by reading.
    this.#sent.catch(() => {});
  }

  /** Says goodbye, once, with a status code. */
  async close(code: number): Promise<void> {
    if (this.#closed) return;
    const sent = this.send(encodeWebSocketClose(code));
    this.#closed = true;
    await sent;
  }
}

/** A transport whose first bytes were read already. */
export function transportWithFirst(transport: Transport, first: Uint8Array): Transport {
  const reader = transport.readable.getReader();
  let rest: Uint8Array | undefined = first;
  return {
    readable: new ReadableStream<Uint8Array>({
      async pull(controller) {
        const bytes = rest ?? (await reader.read()).value;
        rest = undefined;
        if (bytes === undefined) controller.close();
        else controller.enqueue(bytes);
      },
      cancel: (reason) => reader.cancel(reason),
    }, { highWaterMark: 0 }),
    write: (bytes) => transport.write(bytes),
    closeWrite: () => transport.closeWrite(),
    close: () => transport.close(),
    remoteAddress: transport.remoteAddress,
    remoteName: transport.remoteName,
    ...(transport.localAddress === undefined ? {} : { localAddress: transport.localAddress }),
  };
}
