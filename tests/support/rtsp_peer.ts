/** An RTSP client of raw bytes: what a test does not send, nobody sends. */
import { assertEquals } from "@std/assert";
import {
  encodeInterleavedFrame,
  encodeRequest,
  RtspDecoder,
  type RtspInterleavedFrame,
  type RtspMessage,
  type RtspResponse,
} from "../../src/rtsp/mod.ts";
import { patiently } from "./patience.ts";

const utf8 = new TextEncoder();

export const SDP = "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\n" +
  "m=audio 0 RTP/AVP 0\r\na=control:streamid=0\r\n";

/** A packet of G.711: 20 ms, whose number shows in its bytes. */
export function audioPacket(number: number, ssrc = 0x1234_5678): Uint8Array {
  const bytes = new Uint8Array(12 + 160).fill(number & 0xff, 12);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, 0x8000);
  view.setUint16(2, number & 0xffff);
  view.setUint32(4, number * 160);
  view.setUint32(8, ssrc);
  return bytes;
}

export interface RequestOptions {
  readonly url?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** One connection. */
export class RtspPeer implements Disposable {
  readonly conn: Deno.Conn;
  readonly #decoder = new RtspDecoder();
  readonly #messages: RtspMessage[] = [];
  readonly #url: string;
  #cseq = 0;
  #closed = false;

  constructor(conn: Deno.Conn, options: { url?: string } = {}) {
    this.conn = conn;
    this.#url = options.url ??
      `rtsp://127.0.0.1:${(conn.remoteAddr as Deno.NetAddr).port}/live/cam`;
  }

  static async dial(port: number, hostname = "127.0.0.1"): Promise<RtspPeer> {
    return new RtspPeer(await Deno.connect({ hostname, port }));
  }

  async send(data: Uint8Array | string): Promise<void> {
    const bytes = typeof data === "string" ? utf8.encode(data) : data;
    for (let at = 0; at < bytes.length;) at += await this.conn.write(bytes.subarray(at));
  }

  async frame(channel: number, payload: Uint8Array): Promise<void> {
    await this.send(encodeInterleavedFrame(channel, payload));
  }

  /** Bytes of a request with the next `CSeq`. */
  encode(method: string, options: RequestOptions = {}): Uint8Array {
    const { url = this.#url, headers = {}, body } = options;
    return encodeRequest({
      method,
      url,
      headers: { CSeq: String(++this.#cseq), ...headers },
      ...(body === undefined ? {} : { body }),
    });
  }

  /** Sends a request, and returns the response to it. */
  async request(method: string, options: RequestOptions = {}): Promise<RtspResponse> {
    await this.send(this.encode(method, options));
    const response = await this.response();
    assertEquals(response.headers.get("CSeq"), String(this.#cseq), `CSeq of ${method}`);
    return response;
  }

  /** Announces one track of audio, sets it up, and returns the `Session` header of later requests. */
  async announce(transport: string, body = SDP): Promise<Record<string, string>> {
    const announced = await this.request("ANNOUNCE", {
      headers: { "Content-Type": "application/sdp" },
      body,
    });
    assertEquals(announced.status, 200);
    const session = { Session: announced.headers.get("Session")!.split(";")[0]! };
    const setUp = await this.request("SETUP", {
      url: `${this.#url}/streamid=0`,
      headers: { ...session, Transport: `${transport};mode=record` },
    });
    assertEquals(setUp.status, 200);
    return session;
  }

  /** Announces, sets up over TCP and records. */
  async record(body = SDP): Promise<Record<string, string>> {
    const session = await this.announce("RTP/AVP/TCP;unicast;interleaved=0-1", body);
    assertEquals((await this.request("RECORD", { headers: session })).status, 200);
    return session;
  }

  /** The next response; frames before it are dropped. */
  async response(): Promise<RtspResponse> {
    for (;;) {
      const message = await this.message();
      if (message?.kind === "response") return message;
      if (message === undefined) throw new Error("closed instead of a response");
      if (message.kind === "malformed") throw message.error;
    }
  }

  /** The next interleaved frame. */
  async nextFrame(): Promise<RtspInterleavedFrame> {
    for (;;) {
      const message = await this.message();
      if (message?.kind === "frame") return message;
      if (message === undefined) throw new Error("closed instead of a frame");
    }
  }

  /** The next message, `undefined` at the end. */
  async message(): Promise<RtspMessage | undefined> {
    while (this.#messages.length === 0) {
      const bytes = await this.read();
      if (bytes === undefined) return undefined;
      this.#messages.push(...this.#decoder.push(bytes));
    }
    return this.#messages.shift();
  }

  /** What comes next, `undefined` at the end. */
  async read(): Promise<Uint8Array | undefined> {
    const target = new Uint8Array(65_536);
    try {
      const count = await patiently(this.conn.read(target));
      return count === null ? undefined : target.subarray(0, count);
    } catch (error) {
      if (
        error instanceof Deno.errors.ConnectionReset ||
        error instanceof Deno.errors.UnexpectedEof || error instanceof Deno.errors.BadResource ||
        error instanceof Deno.errors.Interrupted
      ) return undefined;
      throw error;
    }
  }

  /** Reads to the end, and returns it as text. */
  async rest(): Promise<string> {
    let text = "";
    const decoder = new TextDecoder();
    for (let bytes; (bytes = await this.read()) !== undefined;) {
      text += decoder.decode(bytes, { stream: true });
    }
    return text;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.conn.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** A UDP socket of a client. */
export class UdpPeer implements Disposable {
  readonly conn: Deno.DatagramConn = Deno.listenDatagram({
    hostname: "127.0.0.1",
    port: 0,
    transport: "udp",
  });
  readonly port: number = (this.conn.addr as Deno.NetAddr).port;

  /** `client_port` of a `Transport` header; nobody listens for RTCP. */
  get ports(): string {
    return `${this.port}-${this.port + 1}`;
  }

  async send(bytes: Uint8Array, port: number): Promise<void> {
    await this.conn.send(bytes, { transport: "udp", hostname: "127.0.0.1", port });
  }

  async receive(): Promise<Uint8Array> {
    const [bytes] = await this.conn.receive(new Uint8Array(65_536));
    return bytes;
  }

  [Symbol.dispose](): void {
    this.conn.close();
  }
}
