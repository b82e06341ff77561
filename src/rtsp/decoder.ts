import { ByteQueue } from "../bytes/mod.ts";
import { RtspError } from "./errors.ts";
import { RtspHeaders } from "./headers.ts";
import type { RtspMessage } from "./message.ts";

/** Sizes that a peer controls. */
export interface RtspLimits {
  /** Method name: the longest known has 13 letters. */
  readonly methodLength: number;
  /** URL: camera URLs with a query and credentials stay below. */
  readonly urlLength: number;
  /** Protocol name and version. */
  readonly protocolLength: number;
  /** Header fields of a message: real ones have under 20. */
  readonly headerCount: number;
  /** Header name. */
  readonly headerNameLength: number;
  /** Header value: KeyMgmt and RTP-Info are the long ones. */
  readonly headerValueLength: number;
  /** Start line and headers together; the product of the limits above would be 650 KB. */
  readonly headLength: number;
  /** Body: a description of 64 media with large parameter sets. */
  readonly bodyLength: number;
  /** Bytes between two messages that belong to neither, before it is no RTSP at all. */
  readonly garbageLength: number;
}

/** The limits that hold where a caller gives no others. */
export const RTSP_LIMITS: RtspLimits = {
  methodLength: 64,
  urlLength: 2048,
  protocolLength: 64,
  headerCount: 255,
  headerNameLength: 512,
  headerValueLength: 2048,
  headLength: 64 * 1024,
  bodyLength: 128 * 1024,
  garbageLength: 64 * 1024,
};

/** What is kept behind an HTTP request until it is taken: a read or two. */
const MAX_TUNNEL_REST = 128 * 1024;

const DOLLAR = 0x24;
const LF = 0x0a;
const EMPTY: Uint8Array = new Uint8Array(0);
const utf8 = new TextDecoder();

/** A message whose head is not, or whose body is not yet complete. */
interface Head {
  readonly start:
    | { readonly kind: "request"; readonly method: string; readonly url: string }
    | { readonly kind: "response"; readonly status: number; readonly reason: string };
  readonly protocol: string;
  readonly fields: [string, string][];
}

/**
 * Finds requests, responses and interleaved frames in the bytes of a connection, whatever the pieces
 * they come in (RFC 2326, 4 to 7 and 10.12).
 *
 * Payloads and bodies are views of what was pushed where they lie in one piece, and copies where not.
 * Bytes between messages that start none are skipped until a `$` or a letter (field reports of cameras
 * that pad their frames). An HTTP request, with which a tunnel opens, ends the decoding: what follows
 * it is no RTSP yet, and {@linkcode RtspDecoder.takeRest} gives it back.
 *
 * @example
 * ```ts
 * import { encodeRequest, RtspDecoder } from "@weir/server/rtsp";
 *
 * const decoder = new RtspDecoder();
 * const bytes = encodeRequest({ method: "OPTIONS", url: "*", headers: { CSeq: "1" } });
 * console.log(decoder.push(bytes.subarray(0, 9)).length); // 0
 * console.log(decoder.push(bytes.subarray(9))[0]?.kind); // request
 * ```
 */
export class RtspDecoder {
  readonly #limits: RtspLimits;
  /** The piece that is being read, and where. */
  #input: Uint8Array = EMPTY;
  #at = 0;
  /** The beginning of a frame or body whose end is not there yet. */
  readonly #partial = new ByteQueue();
  #frame: { readonly channel: number; readonly length: number } | undefined;
  #line: Uint8Array[] = [];
  #lineLength = 0;
  #headLength = 0;
  #garbage = 0;
  #head: Head | undefined;
  #bodyLength: number | undefined;
  #state: "open" | "tunnel" | "failed" = "open";

  /** `limits` replaces single {@linkcode RTSP_LIMITS}. */
  constructor(limits: Partial<RtspLimits> = {}) {
    this.#limits = { ...RTSP_LIMITS, ...limits };
  }

  /**
   * Takes the next bytes, which must not be changed afterwards, and returns what they complete.
   *
   * Never throws: a fault of the peer is the last message, of kind `malformed`, so that what came
   * before it is not lost; bytes after it are dropped. More than 128 KiB behind an HTTP request that nobody
   * takes is such a fault.
   */
  push(bytes: Uint8Array): RtspMessage[] {
    const messages: RtspMessage[] = [];
    this.#input = bytes;
    this.#at = 0;
    try {
      while (this.#state === "open") {
        const message = this.#next();
        if (message === undefined) break;
        messages.push(message);
      }
    } catch (error) {
      if (!(error instanceof RtspError)) throw error;
      this.#state = "failed";
      messages.push({ kind: "malformed", error });
    }
    if (this.#state === "tunnel") this.#keepRest(messages);
    this.#input = EMPTY;
    return messages;
  }

  /** After an HTTP request: removes and returns the bytes that came behind it. */
  takeRest(): Uint8Array {
    return this.#state === "tunnel" ? this.#partial.takeAll() : EMPTY;
  }

  /** Keeps what came behind an HTTP request, but not without end for one who does not take it. */
  #keepRest(messages: RtspMessage[]): void {
    const rest = this.#input.subarray(this.#at);
    if (this.#partial.length === 0 || this.#partial.length + rest.length <= MAX_TUNNEL_REST) {
      this.#partial.push(rest);
      return;
    }
    this.#state = "failed";
    this.#partial.takeAll();
    const message = `over ${MAX_TUNNEL_REST} bytes behind an HTTP request`;
    messages.push({ kind: "malformed", error: new RtspError("malformed-tunnel", message) });
  }

  #next(): RtspMessage | undefined {
    for (;;) {
      if (this.#bodyLength !== undefined) return this.#takeBody(this.#bodyLength);
      if (this.#headLength === 0) {
        if (this.#frame === undefined && this.#partial.length === 0) this.#skipGarbage();
        if (this.#frame !== undefined || this.#partial.length > 0) return this.#takeFrame();
        if (this.#input[this.#at] === DOLLAR) return this.#takeFrame();
      }
      const line = this.#takeLine();
      if (line === undefined) return undefined;
      this.#readLine(line);
    }
  }

  #skipGarbage(): void {
    for (; this.#at < this.#input.length; this.#at++) {
      const byte = this.#input[this.#at]!;
      if (byte === DOLLAR || isLetter(byte)) {
        this.#garbage = 0;
        return;
      }
      if (++this.#garbage <= this.#limits.garbageLength) continue;
      const message = `over ${this.#limits.garbageLength} bytes that start no message`;
      throw new RtspError("too-much-garbage", message);
    }
  }

  #takeFrame(): RtspMessage | undefined {
    if (this.#frame === undefined) {
      const header = this.#take(4);
      if (header === undefined) return undefined;
      this.#frame = { channel: header[1]!, length: header[2]! * 0x100 + header[3]! };
    }
    const { channel, length } = this.#frame;
    const payload = this.#take(length);
    if (payload === undefined) return undefined;
    this.#frame = undefined;
    return { kind: "frame", channel, payload };
  }

  /** Returns `count` bytes: a view of the input where they lie in one piece. */
  #take(count: number): Uint8Array | undefined {
    const end = Math.min(this.#input.length, this.#at + count - this.#partial.length);
    const piece = this.#input.subarray(this.#at, end);
    this.#at = end;
    if (piece.length === count) return piece;
    this.#partial.push(piece);
    return this.#partial.take(count);
  }

  /** Returns the next line without its end. What is scanned once is not scanned again. */
  #takeLine(): string | undefined {
    if (this.#at === this.#input.length) return undefined;
    const end = this.#input.indexOf(LF, this.#at) + 1;
    const part = this.#input.subarray(this.#at, end === 0 ? undefined : end);
    this.#at += part.length;
    this.#lineLength += part.length;
    this.#headLength += part.length;
    this.#line.push(part);
    this.#checkHeadLength();
    if (end === 0) return undefined;
    const line = utf8.decode(joined(this.#line, this.#lineLength)).replace(/\r?\n$/, "");
    this.#line = [];
    this.#lineLength = 0;
    return line;
  }

  #checkHeadLength(): void {
    const { headLength, headerValueLength, headerNameLength, urlLength } = this.#limits;
    if (this.#headLength > headLength) {
      throw new RtspError("headers-too-large", `a head of over ${headLength} bytes`, {
        status: 413,
      });
    }
    // No line that keeps the limits is longer than this; a longer one need not be waited for.
    const longest = Math.max(headerNameLength + headerValueLength, urlLength + 128) + 256;
    if (this.#lineLength <= longest) return;
    if (this.#head === undefined) {
      throw new RtspError("url-too-long", `a start line of over ${longest} bytes`, { status: 414 });
    }
    throw new RtspError("header-value-too-long", `a header of over ${longest} bytes`);
  }

  #readLine(line: string): void {
    if (/(?!\t)\p{Cc}/u.test(line)) {
      const code = this.#head === undefined ? "malformed-start-line" : "malformed-header";
      throw new RtspError(code, "a control character in the head");
    }
    if (this.#head === undefined) this.#head = this.#parseStartLine(line);
    else if (line.trim() === "") this.#endHead(this.#head);
    else this.#readHeader(this.#head, line);
  }

  #parseStartLine(line: string): Head {
    const response = /^(RTSP\/\d\.\d) +(\d{3})(?: +(.*))?$/.exec(line);
    if (response !== null) {
      const start = { kind: "response", status: Number(response[2]), reason: response[3] ?? "" };
      return { start: start as Head["start"], protocol: response[1]!, fields: [] };
    }
    const request = /^(\S+) +(.*\S) +(\S+)\s*$/.exec(line);
    if (request === null) throw new RtspError("malformed-start-line", "no request line");
    const [, method, url, protocol] = request as unknown as [string, string, string, string];
    this.#checkLength("method-too-long", method, this.#limits.methodLength, 400);
    this.#checkLength("url-too-long", url, this.#limits.urlLength, 414);
    this.#checkLength("protocol-too-long", protocol, this.#limits.protocolLength, 400);
    if (!/^[A-Za-z][\w.-]*$/.test(method) || !/^(RTSP|HTTP)\/\d\.\d$/.test(protocol)) {
      throw new RtspError("malformed-start-line", "neither a method nor RTSP");
    }
    return { start: { kind: "request", method, url }, protocol, fields: [] };
  }

  #checkLength(
    code: "method-too-long" | "url-too-long" | "protocol-too-long",
    text: string,
    ...[limit, status]: [number, number]
  ): void {
    if (text.length <= limit) return;
    throw new RtspError(code, `${text.length} characters are over ${limit}`, { status });
  }

  #readHeader(head: Head, line: string): void {
    const { headerCount, headerNameLength, headerValueLength } = this.#limits;
    const last = head.fields.at(-1);
    if (/^[ \t]/.test(line) && last !== undefined) {
      last[1] = `${last[1]} ${line.trim()}`.trim(); // folded: RFC 2326, 15.1
    } else {
      const colon = line.indexOf(":");
      const name = line.slice(0, Math.max(0, colon)).trimEnd();
      if (name === "" || /\s/.test(name)) {
        // Not the line itself: it may be an Authorization without its colon.
        throw new RtspError("malformed-header", `line ${head.fields.length + 2} is no header`);
      }
      if (name.length > headerNameLength) {
        throw new RtspError("header-name-too-long", `a header name of over ${headerNameLength}`);
      }
      if (head.fields.length === headerCount) {
        throw new RtspError("too-many-headers", `over ${headerCount} headers`);
      }
      head.fields.push([name, line.slice(colon + 1).trim()]);
    }
    if (head.fields.at(-1)![1].length > headerValueLength) {
      throw new RtspError("header-value-too-long", `a header value of over ${headerValueLength}`);
    }
  }

  #endHead(head: Head): void {
    // The body of a tunnel's POST is the tunnel itself, whatever length it declares.
    this.#bodyLength = head.protocol.startsWith("HTTP") ? 0 : this.#contentLength(head);
  }

  #contentLength(head: Head): number {
    const values = head.fields.filter(([name]) => name.toLowerCase() === "content-length");
    if (values.length === 0) return 0;
    const text = values[0]![1];
    if (values.length > 1 || !/^\d{1,15}$/.test(text)) {
      throw new RtspError("content-length", `not one number: "${values.join().slice(0, 60)}"`);
    }
    const length = Number(text);
    if (length > this.#limits.bodyLength) {
      const message = `a body of ${length} bytes is over ${this.#limits.bodyLength}`;
      throw new RtspError("body-too-large", message, { status: 413 });
    }
    return length;
  }

  #takeBody(length: number): RtspMessage | undefined {
    const body = this.#take(length);
    if (body === undefined) return undefined;
    const { start, protocol, fields } = this.#head!;
    this.#head = undefined;
    this.#bodyLength = undefined;
    this.#headLength = 0;
    if (protocol.startsWith("HTTP")) this.#state = "tunnel";
    return { ...start, protocol, headers: new RtspHeaders(fields), body };
  }
}

function isLetter(byte: number): boolean {
  return (byte >= 0x41 && byte <= 0x5a) || (byte >= 0x61 && byte <= 0x7a);
}

function joined(pieces: readonly Uint8Array[], length: number): Uint8Array {
  if (pieces.length === 1) return pieces[0]!;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.length;
  }
  return whole;
}
