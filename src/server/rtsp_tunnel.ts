import {
  Base64Decoder,
  encodeWebSocketFrame,
  RtspError,
  WebSocketDecoder,
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
 * The bytes of `way`, decoded: `decode` enqueues, and says whether it has. It gets no bytes at the end.
 */
function decodedReadable(
  way: TunnelWay,
  decode: (
    bytes: Uint8Array,
    controller: ReadableStreamDefaultController<Uint8Array>,
  ) => Progress,
): ReadableStream<Uint8Array> {
  const reader = way.transport.readable.getReader();
  let first: Uint8Array | undefined = way.first;
  return new ReadableStream<Uint8Array>({
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
  return {
    readable: decodedReadable(up, (bytes, controller) => {
      const fault = options.fault();
      if (fault !== undefined) throw fault;
      const decoded = decoder.push(bytes);
      if (decoded.length === 0) return "nothing";
      controller.enqueue(decoded);
      return "data";
    }),
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

/** Payload of a ping or close frame at most (RFC 6455, 5.5). */
const MAX_CONTROL_BYTES = 125;

/** Status code 1000 of a close frame: normal closure (RFC 6455, 7.4.1). */
const NORMAL_CLOSURE = Uint8Array.of(0x03, 0xe8);

/** Makes a transport of a connection that has become a WebSocket. */
export function webSocketTransport(way: TunnelWay): Transport {
  const { transport } = way;
  const decoder = new WebSocketDecoder();
  const frames = new FrameWriter(transport);
  return {
    readable: decodedReadable(way, (bytes, controller) => {
      let progress: Progress = "nothing";
      for (const event of decoder.push(bytes)) {
        if (event.kind === "close") {
          frames.close().catch(() => {});
          return "end";
        }
        if (event.kind === "ping") {
          if (event.payload.length > MAX_CONTROL_BYTES) {
            throw new RtspError("malformed-websocket", `a ping of ${event.payload.length} bytes`);
          }
          frames.pong(event.payload);
        } else if (event.payload.length > 0) {
          controller.enqueue(event.payload);
          progress = "data";
        }
      }
      return progress;
    }),
    async write(bytes) {
      const piece = bytes.subarray(0, MAX_FRAME_BYTES);
      await frames.send(encodeWebSocketFrame(piece));
      return piece.length;
    },
    async closeWrite() {
      await frames.close();
      await transport.closeWrite();
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

  /** Resolves when the frame is written; none follows a close frame. */
  send(frame: Uint8Array): Promise<void> {
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

  /** Says goodbye, once. */
  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.send(encodeWebSocketFrame(NORMAL_CLOSURE, { opcode: WebSocketOpcode.Close }));
  }
}
