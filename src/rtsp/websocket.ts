import { createHash } from "node:crypto";
import { ByteQueue, ByteWriter } from "../bytes/mod.ts";
import { RtspError } from "./errors.ts";

/** Payload of one frame: the largest RTSP message (a body of 128 KiB behind 64 KiB of head). */
const MAX_WEBSOCKET_PAYLOAD = 256 * 1024;

/** Payload of a ping, pong or close frame at most (RFC 6455, 5.5). */
const MAX_CONTROL_PAYLOAD = 125;

/** What a WebSocket connection brings, as far as a tunnel needs it. */
export type WebSocketEvent =
  /** Bytes of the tunnel: of one frame, whole message or not. */
  | { readonly kind: "data"; readonly payload: Uint8Array }
  /** To be answered with a pong of the same payload. */
  | { readonly kind: "ping"; readonly payload: Uint8Array }
  | { readonly kind: "close" };

/** Opcodes (RFC 6455, 5.2). */
export const WebSocketOpcode = {
  Continuation: 0,
  Text: 1,
  Binary: 2,
  Close: 8,
  Ping: 9,
  Pong: 10,
} as const;

const KNOWN_OPCODES: ReadonlySet<number> = new Set(Object.values(WebSocketOpcode));

/** Status codes of a close frame (RFC 6455, 7.4.1), as far as a server of tunnels needs them. */
export const WebSocketCloseCode = {
  Normal: 1000,
  ProtocolError: 1002,
  TooBig: 1009,
} as const;

/** What a server answers to a client's `Sec-WebSocket-Key`, to show that it speaks WebSocket (RFC 6455, 4.2.2). */
export function webSocketAcceptOf(key: string): string {
  const magic = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  return createHash("sha1").update(key + magic).digest("base64");
}

/** Response that opens a WebSocket tunnel for the client's `Sec-WebSocket-Key`. */
export function webSocketAcceptResponse(key: string): Uint8Array {
  const lines = [
    "HTTP/1.1 101 Switching Protocols",
    "Upgrade: websocket",
    "Connection: Upgrade",
    `Sec-WebSocket-Accept: ${webSocketAcceptOf(key)}`,
    "Sec-WebSocket-Protocol: rtsp.onvif.org",
    "",
    "",
  ];
  return new TextEncoder().encode(lines.join("\r\n"));
}

/** Encodes a close frame with a status code. */
export function encodeWebSocketClose(code: number): Uint8Array {
  return encodeWebSocketFrame(Uint8Array.of(code >> 8, code), { opcode: WebSocketOpcode.Close });
}

/**
 * The status code that tells the peer of an error: 1009 for a frame over the limit, 1002 for one that breaks the
 * protocol, 1000 for all that is not about the WebSocket.
 */
export function webSocketCloseCode(error: unknown): number {
  const code = error instanceof RtspError ? error.code : undefined;
  if (code === "websocket-frame-too-large") return WebSocketCloseCode.TooBig;
  if (code === "malformed-websocket") return WebSocketCloseCode.ProtocolError;
  return WebSocketCloseCode.Normal;
}

/** Encodes a server's frame: one whole message, not masked (RFC 6455, 5.2). */
export function encodeWebSocketFrame(
  payload: Uint8Array,
  options: { readonly opcode?: number } = {},
): Uint8Array {
  const writer = new ByteWriter(payload.length + 10).u8(
    0x80 | (options.opcode ?? WebSocketOpcode.Binary),
  );
  if (payload.length < 126) writer.u8(payload.length);
  else if (payload.length < 0x10000) writer.u8(126).u16(payload.length);
  else writer.u8(127).u32(0).u32(payload.length);
  return writer.bytes(payload).finish();
}

/**
 * Takes the frames of a client apart (RFC 6455, 5). A tunnel's messages may be cut anywhere, so the
 * payloads are handed on as they come, those of text messages too.
 *
 * @example
 * ```ts
 * import { WebSocketDecoder } from "@weir/server/rtsp";
 *
 * const frame = new Uint8Array([0x82, 0x81, 1, 2, 3, 4, 9 ^ 1]);
 * console.log(new WebSocketDecoder().push(frame)[0]?.kind); // data
 * ```
 */
export class WebSocketDecoder {
  readonly #queue = new ByteQueue();
  /** Whether more frames of a message are to come. */
  #isInMessage = false;

  /**
   * Takes the next bytes and returns what they complete; payloads are owned by the caller.
   *
   * @throws {RtspError} `malformed-websocket` for a frame that is not masked, of an unknown kind, or not where
   * it may be; `websocket-frame-too-large`
   */
  push(bytes: Uint8Array): WebSocketEvent[] {
    this.#queue.push(bytes);
    const events: WebSocketEvent[] = [];
    for (;;) {
      const frame = this.#takeFrame();
      if (frame === undefined) return events;
      const { opcode, payload } = frame;
      if (opcode <= WebSocketOpcode.Binary) events.push({ kind: "data", payload });
      else if (opcode === WebSocketOpcode.Ping) events.push({ kind: "ping", payload });
      else if (opcode === WebSocketOpcode.Close) events.push({ kind: "close" });
    }
  }

  #takeFrame(): { opcode: number; payload: Uint8Array } | undefined {
    const start = this.#queue.peek(2);
    if (start === undefined) return undefined;
    const [first, second] = start as unknown as [number, number];
    if ((first & 0x70) !== 0) throw malformed("an extension nobody agreed on");
    if ((second & 0x80) === 0) throw malformed("a frame without mask");
    const short = second & 0x7f;
    this.#checkKind({ opcode: first & 0x0f, isFinal: (first & 0x80) !== 0, length: short });
    const lengthBytes = short < 126 ? 0 : short === 126 ? 2 : 8;
    const head = this.#queue.peek(2 + lengthBytes + 4);
    if (head === undefined) return undefined;
    let length = lengthBytes === 0 ? short : 0;
    for (const byte of head.subarray(2, 2 + lengthBytes)) length = length * 256 + byte;
    if (length > MAX_WEBSOCKET_PAYLOAD) {
      throw new RtspError("websocket-frame-too-large", `${length} bytes in a WebSocket frame`);
    }
    const frame = this.#queue.take(head.length + length);
    if (frame === undefined) return undefined;
    const mask = frame.subarray(head.length - 4, head.length);
    const payload = frame.slice(head.length);
    for (let at = 0; at < payload.length; at++) payload[at]! ^= mask[at & 3]!;
    const opcode = first & 0x0f;
    if (opcode <= WebSocketOpcode.Binary) this.#isInMessage = (first & 0x80) === 0;
    return { opcode, payload };
  }

  /** Whether a frame of that kind may come now (RFC 6455, 5.4 and 5.5). */
  #checkKind(
    { opcode, isFinal, length }: {
      readonly opcode: number;
      readonly isFinal: boolean;
      readonly length: number;
    },
  ): void {
    if (!KNOWN_OPCODES.has(opcode)) throw malformed(`opcode ${opcode}`);
    if (opcode >= WebSocketOpcode.Close) {
      if (!isFinal) throw malformed("a control frame in pieces");
      if (length > MAX_CONTROL_PAYLOAD) throw malformed("a control frame over 125 bytes");
    } else if (this.#isInMessage !== (opcode === WebSocketOpcode.Continuation)) {
      throw malformed(
        this.#isInMessage ? "a message within a message" : "the continuation of no message",
      );
    }
  }
}

function malformed(what: string): RtspError {
  return new RtspError("malformed-websocket", what);
}
