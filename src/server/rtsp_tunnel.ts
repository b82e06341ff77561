import {
  Base64Decoder,
  encodeWebSocketClose,
  encodeWebSocketFrame,
  type RtspError,
  WebSocketCloseCode,
  webSocketCloseCode,
  WebSocketDecoder,
  type WebSocketEvent,
  WebSocketOpcode,
} from "../rtsp/mod.ts";
import type { Transport } from "../transport/mod.ts";

const NOTHING = new Uint8Array(0);

/** Writes all of `bytes`. Nothing else may write meanwhile. */
export async function writeAll(transport: Transport, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await transport.write(bytes.subarray(at));
}

/** A connection of a tunnel, and what of the tunnel came with its first request. */
export interface TunnelWay {
  readonly transport: Transport;
  readonly first: Uint8Array;
}

/** What decoding a piece has led to. */
type Progress = "nothing" | "data" | "end";

/**
 * The bytes of `way`, decoded: `decode` enqueues, and says whether it has. It gets no bytes at the end. `drain`
 * is for what comes after an error: it reads that to the end.
 */
function decodedReadable(
  way: TunnelWay,
  decode: (
    bytes: Uint8Array,
    controller: ReadableStreamDefaultController<Uint8Array>,
  ) => Progress,
): { readonly readable: ReadableStream<Uint8Array>; readonly drain: () => Promise<void> } {
  const reader = way.transport.readable.getReader();
  let first: Uint8Array | undefined = way.first;
  const readable = new ReadableStream<Uint8Array>({
    async pull(controller) {
      for (let progress: Progress = "nothing"; progress === "nothing";) {
        const bytes = first ?? (await reader.read()).value;
        first = undefined;
        progress = decode(bytes ?? NOTHING, controller);
        if (bytes === undefined) progress = "end";
        if (progress === "end") controller.close();
      }
    },
  }, { highWaterMark: 0 });
  return {
    readable,
    async drain() {
      while (!(await reader.read()).done);
    },
  };
}

/**
 * Makes one transport of the two connections of an HTTP tunnel: base64 comes up on the POST's, bytes go
 * down on the GET's. `fault` says what the peer has done wrong on the way down, once the way up has ended.
 */
export function httpTunnelTransport(
  down: Transport,
  up: TunnelWay,
  options: { readonly fault: () => RtspError | undefined },
): Transport {
  const decoder = new Base64Decoder();
  const { readable } = decodedReadable(up, (bytes, controller) => {
    const fault = options.fault();
    if (fault !== undefined) throw fault;
    const decoded = decoder.push(bytes);
    if (decoded.length === 0) return "nothing";
    controller.enqueue(decoded);
    return "data";
  });
  return {
    readable,
    write: (bytes) => down.write(bytes),
    closeWrite: () => down.closeWrite(),
    close() {
      down.close();
      up.transport.close();
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
  const { readable, drain } = decodedReadable(way, (bytes, controller) => {
    let progress: Progress = "nothing";
    for (const event of decode(bytes)) {
      if (event.kind === "close") {
        frames.close(closeCode).catch(() => {});
        return "end";
      }
      if (event.kind === "ping") {
        frames.pong(event.payload);
      } else if (event.payload.length > 0) {
        controller.enqueue(event.payload);
        progress = "data";
      }
    }
    return progress;
  });
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
      if (closeCode !== WebSocketCloseCode.Normal) await drain();
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
