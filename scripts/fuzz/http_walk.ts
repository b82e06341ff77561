/** A walk through what HTTP is used for, in which each step may be wrong. */
import { concat } from "@std/bytes/concat";
import { encodeFlvHeader, encodeFlvTag } from "../../src/flv/mod.ts";
import { type Chance, mutated, mutatedText, WRONGNESS } from "./mutation.ts";
import { BODIES, type Step } from "./rtmp_walk.ts";

const encoder = new TextEncoder();

/** What there is to ask for: endless bodies are last. */
const PATHS = [
  ...["/", "/healthz", "/readyz", "/metrics", "/v1", "/v1/streams?limit=2", "/v1/openapi.json"],
  ...["/healthy/cam/index.m3u8", "/healthy/cam/hls/0123456789abcdef/main.m3u8?_HLS_msn=1"],
  ...["/healthy/cam", "/console/page.js", "/healthy/cam/clip.mp4?last=1", "/v1/recordings"],
  ...["/healthy/cam/whep", "/fuzz/cam/whip", "/nothing/here.flv"],
  ...["/healthy/cam.flv", "/healthy/cam.flv?audio=0", "/healthy/cam.ts", "/healthy/cam.mp4"],
];

const METHODS = ["GET", "HEAD", "OPTIONS", "POST", "DELETE", "PATCH", "BREW"];

const HEADERS = [
  ...["Range: bytes=0-10", "Range: bytes=-5,1-2", 'If-None-Match: "a", W/"b"', "If-Match: *"],
  ...["Accept-Encoding: gzip, br", "Accept: text/html", "Origin: http://elsewhere.example"],
  ...[
    "Authorization: Basic YTpi",
    "Authorization: Bearer x",
    "Connection: close",
    "Expect: 100-continue",
  ],
  ...["X-Forwarded-For: 192.0.2.1, 10.0.0.1", "X-Forwarded-Proto: https", "Cookie: a=b"],
];

const SDP = [
  "v=0",
  "o=- 1 2 IN IP4 127.0.0.1",
  "s=-",
  "t=0 0",
  "a=group:BUNDLE 0",
  "m=audio 9 UDP/TLS/RTP/SAVPF 111 0",
  "c=IN IP4 0.0.0.0",
  "a=mid:0",
  "a=recvonly",
  "a=ice-ufrag:abcd",
  "a=ice-pwd:abcdefghijklmnopqrstuvwx",
  `a=fingerprint:sha-256 ${Array(32).fill("AB").join(":")}`,
  "a=setup:actpass",
  "a=rtcp-mux",
  "a=rtpmap:111 opus/48000/2",
  "a=rtpmap:0 PCMU/8000",
  "",
].join("\r\n");

/** What a client of HTTP/2 begins with, and a request (RFC 9113, 3.4 and 6.2): `GET /`. */
export const HTTP2_START = concat([
  encoder.encode("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
  Uint8Array.of(0, 0, 0, 4, 0, 0, 0, 0, 0),
]);
const HTTP2_GET = Uint8Array.of(0, 0, 6, 1, 5, 0, 0, 0, 1, 0x82, 0x86, 0x84, 0x41, 1, 0x78);

/** What a walk is about. */
const KINDS = ["requests", "requests", "publish", "publish", "websocket", "http2"] as const;

/** One connection: what it sends first, and then step by step. */
export class HttpWalk {
  readonly #chance: Chance;
  readonly #kind: typeof KINDS[number];
  readonly #wrongness: number;
  /** Whether the body of what is published comes in chunks. */
  readonly #isChunked: boolean;
  #timestampMs = 0;
  #streams = 1;

  /** Takes its chance from `chance`. */
  constructor(chance: Chance) {
    this.#chance = chance;
    this.#kind = chance.of(KINDS);
    this.#wrongness = chance.of(WRONGNESS);
    this.#isChunked = chance.is(0.5);
  }

  /** The first request, or what comes before it. */
  start(): Step {
    switch (this.#kind) {
      case "requests":
        return this.next();
      case "publish": {
        const length = this.#isChunked ? "Transfer-Encoding: chunked" : "Content-Length: 1000000";
        const head = this.#text(`/fuzz/http${this.#chance.below(20)}.flv`, {
          method: this.#chance.of(["PUT", "POST"]),
          lines: [length],
        });
        const flv = encodeFlvHeader({ hasAudio: true, hasVideo: true });
        return { bytes: concat([this.#wrong(head), this.#piece(flv)]), inputs: 2 };
      }
      case "websocket": {
        const lines = ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"];
        const head = this.#text("/healthy/cam.flv", {
          method: "GET",
          lines: [...lines, "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="],
        });
        return { bytes: this.#wrong(head), inputs: 1, isAnswered: true };
      }
      case "http2":
        return { bytes: this.#wrong(HTTP2_START, 0.3), inputs: 1 };
    }
  }

  /** Some requests, frames or pieces of a body, most of them wrong in some way. */
  next(): Step {
    const chance = this.#chance;
    switch (this.#kind) {
      case "requests": {
        const count = chance.is(0.2) ? 1 + chance.below(20) : 1;
        const bytes = concat(Array.from({ length: count }, () => this.#request()));
        return { bytes, inputs: count, isAnswered: true };
      }
      case "publish": {
        const count = 1 + chance.below(6);
        return { bytes: concat(Array.from({ length: count }, () => this.#tag())), inputs: count };
      }
      case "websocket": {
        const count = 1 + chance.below(4);
        return { bytes: concat(Array.from({ length: count }, () => this.#frame())), inputs: count };
      }
      case "http2": {
        const get = HTTP2_GET.slice();
        get[8] = this.#streams;
        this.#streams = (this.#streams + 2) & 0xff;
        return { bytes: this.#wrong(get, 0.3), inputs: 1, isAnswered: true };
      }
    }
  }

  /** Bytes, which are wrong as often as the walk is, or so often. */
  #wrong(bytes: Uint8Array | string, wrongness: number = this.#wrongness): Uint8Array {
    const chance = this.#chance;
    if (typeof bytes !== "string") return chance.is(wrongness) ? mutated(bytes, chance) : bytes;
    return chance.is(wrongness) ? mutatedText(bytes, chance) : encoder.encode(bytes);
  }

  #text(
    path: string,
    { method, lines, body = "" }: {
      readonly method: string;
      readonly lines: readonly string[];
      readonly body?: string;
    },
  ): string {
    return [`${method} ${path} HTTP/1.1`, "Host: 127.0.0.1", ...lines, "", body].join("\r\n");
  }

  #request(): Uint8Array {
    const chance = this.#chance;
    const lines = HEADERS.filter(() => chance.is(0.1));
    const path = chance.of(PATHS);
    if (chance.is(0.2)) {
      const body = chance.is(0.7) ? SDP : '{"streams":["live/*"]}';
      const type = chance.is(0.7) ? "application/sdp" : "application/json";
      // A body that is wrong has the length that it is said to have.
      const said = chance.is(this.#wrongness)
        ? new TextDecoder("latin1").decode(mutatedText(body, chance))
        : body;
      const text = this.#text(path, {
        method: chance.of(["POST", "PUT", "PATCH"]),
        lines: [
          ...lines,
          `Content-Type: ${type}`,
          `Content-Length: ${encoder.encode(said).length}`,
        ],
        body: said,
      });
      return path.startsWith("/healthy") && path.includes(".flv")
        ? this.#wrong(this.#text(path, { method: "GET", lines }))
        : this.#wrong(text);
    }
    const method = chance.is(this.#wrongness) ? chance.of(METHODS) : "GET";
    return this.#wrong(this.#text(path, { method, lines }));
  }

  /** A tag of an FLV file. */
  #tag(): Uint8Array {
    const chance = this.#chance;
    const isVideo = chance.is(0.6);
    this.#timestampMs += 20;
    const tag = encodeFlvTag({
      type: isVideo ? 9 : 8,
      timestampMs: this.#timestampMs,
      body: chance.of(isVideo ? BODIES.video : BODIES.audio),
    });
    return this.#piece(this.#wrong(tag, this.#wrongness / 4));
  }

  /** A piece of a body. */
  #piece(bytes: Uint8Array): Uint8Array {
    if (!this.#isChunked) return bytes;
    const size = encoder.encode(`${bytes.length.toString(16)}\r\n`);
    return this.#wrong(concat([size, bytes, encoder.encode("\r\n")]), this.#wrongness / 4);
  }

  /** A frame of a WebSocket's client (RFC 6455, 5.2). */
  #frame(): Uint8Array {
    const chance = this.#chance;
    const payload = chance.bytes(chance.below(chance.is(0.1) ? 300 : 60));
    const mask = chance.bytes(4);
    const size = payload.length < 126
      ? Uint8Array.of(0x80 | payload.length)
      : Uint8Array.of(0x80 | 126, payload.length >> 8, payload.length);
    const opcode = chance.of([0x81, 0x82, 0x89, 0x8a, ...chance.is(0.1) ? [0x88, 0x01, 0xf3] : []]);
    const masked = payload.map((byte, at) => byte ^ mask[at % 4]!);
    return this.#wrong(concat([Uint8Array.of(opcode), size, mask, masked]));
  }
}
