/** Players of HTTP-FLV and WebSocket-FLV. */
import { concat } from "@std/bytes/concat";
import { FlvDecoder, FlvTagType } from "../../src/flv/mod.ts";
import { type Meter, PlayerPictures } from "./meter.ts";
import { receive } from "./rtmp_peer.ts";
import { markInBody } from "./test_stream.ts";

/** How a player is opened. */
interface PlayerOptions {
  readonly port: number;
  readonly meter: Meter;
  readonly parses: boolean;
}

/** Opens a player of HTTP-FLV; resolves when its first bytes have come. */
export function playFlv(name: string, options: PlayerOptions): Promise<void> {
  const framesOf = (head: string) =>
    /^transfer-encoding: *chunked/im.test(head) ? new ChunkedBody() : new PlainBody();
  return play(name, { ...options, headers: [], framesOf });
}

/** Opens a player of WebSocket-FLV; resolves when its first bytes have come. */
export function playFlvByWebSocket(name: string, options: PlayerOptions): Promise<void> {
  const headers = [
    "Upgrade: websocket",
    "Connection: Upgrade",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: d2VpcidzIGJlbmNobWFyaw==",
  ];
  return play(name, { ...options, headers, framesOf: () => new WebSocketFrames() });
}

async function play(
  name: string,
  { port, meter, parses, headers, framesOf }: PlayerOptions & {
    readonly headers: readonly string[];
    readonly framesOf: (head: string) => BodyFrames;
  },
): Promise<void> {
  const pictures = new PlayerPictures(meter);
  const conn = await Deno.connect({ hostname: "127.0.0.1", port });
  conn.setNoDelay(true);
  const request = [`GET /live/${name}.flv HTTP/1.1`, "Host: 127.0.0.1", ...headers, "", ""];
  await conn.write(new TextEncoder().encode(request.join("\r\n")));
  const decoder = new FlvDecoder();
  const { promise, resolve } = Promise.withResolvers<void>();
  let head: Uint8Array | undefined = new Uint8Array(0);
  let frames: BodyFrames = new PlainBody();
  void receive({ conn, meter }, (piece) => {
    resolve();
    if (!parses && pictures.hasBegun) return;
    let bytes = piece.slice();
    if (head !== undefined) {
      head = concat([head, bytes]);
      const text = new TextDecoder("latin1").decode(head);
      const end = text.indexOf("\r\n\r\n");
      if (end < 0) return;
      frames = framesOf(text.slice(0, end));
      bytes = head.slice(end + 4);
      head = undefined;
    }
    for (const part of frames.push(bytes)) {
      for (const { type, body } of decoder.push(part)) {
        if (type === FlvTagType.Video && body[1] === 1) {
          const mark = markInBody(body);
          if (mark !== undefined) pictures.push(mark);
        }
      }
    }
  });
  await promise;
}

/** What a body is cut into on the wire. */
interface BodyFrames {
  /** Returns what of the body is in the next bytes. */
  push(bytes: Uint8Array): Uint8Array[];
}

/** A body that is as it comes, up to the end of the connection. */
class PlainBody implements BodyFrames {
  push(bytes: Uint8Array): Uint8Array[] {
    return [bytes];
  }
}

/** A body of which parts are still to come, each behind a header that `readHeader` knows. */
abstract class LengthPrefixed implements BodyFrames {
  #rest: Uint8Array = new Uint8Array(0);
  #left = 0;

  push(bytes: Uint8Array): Uint8Array[] {
    const parts: Uint8Array[] = [];
    let rest = this.#rest.length === 0 ? bytes : concat([this.#rest, bytes]);
    while (rest.length > 0) {
      if (this.#left > 0) {
        const part = rest.subarray(0, this.#left);
        parts.push(part);
        this.#left -= part.length;
        rest = rest.subarray(part.length);
        continue;
      }
      const header = this.readHeader(rest);
      if (header === undefined) break;
      this.#left = header.length;
      rest = rest.subarray(header.size);
    }
    this.#rest = rest;
    return parts;
  }

  /** The size of the header, and the length of what follows; `undefined` while it is not whole. */
  protected abstract readHeader(
    bytes: Uint8Array,
  ): { readonly size: number; readonly length: number } | undefined;
}

/** Chunks (RFC 9112, 7.1); the line end behind one is taken as the beginning of the next. */
class ChunkedBody extends LengthPrefixed {
  protected readHeader(bytes: Uint8Array) {
    const text = new TextDecoder("latin1").decode(bytes.subarray(0, 16));
    const match = /^(?:\r\n)?([0-9a-f]+)\r\n/i.exec(text);
    return match === null ? undefined : { size: match[0].length, length: parseInt(match[1]!, 16) };
  }
}

/** Frames from a server (RFC 6455, 5.2): not masked. */
class WebSocketFrames extends LengthPrefixed {
  protected readHeader(bytes: Uint8Array) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    if (bytes.length < 2) return undefined;
    const short = bytes[1]! & 0x7f;
    const size = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (bytes.length < size) return undefined;
    const length = short < 126
      ? short
      : short === 126
      ? view.getUint16(2)
      : Number(view.getBigUint64(2));
    return { size, length };
  }
}
