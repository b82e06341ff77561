import { concat } from "@std/bytes/concat";
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

/** Bytes of a start line that tell it from garbage: a method of the longest kind, and the head of a URL. */
const LONGEST_START = 80;
/** Bytes that tell a frame from garbage: its header, and the first of its packet. */
const FRAME_START_BYTES = 5;
/** No RTP packet is below 12 bytes, and no RTCP packet below 8 that says anything. */
const SHORTEST_PACKET = 8;
/** Channels are given out from the lowest up, two a track: a new track is not far above those that are in use. */
const NEW_CHANNELS = 4;

const DOLLAR = 0x24;
const LF = 0x0a;
const BLANK = 0x20;
const SLASH = 0x2f;
const PROTOCOL = "RTSP";
const RTP_VERSION = 2;
/** The longest word that is looked for behind a method. */
const LONGEST_WORD = "rtsps:".length;
const EMPTY: Uint8Array = new Uint8Array(0);
const utf8 = new TextDecoder();

/** What starts at a byte; "undecided" where more bytes will tell; a number of bytes that start nothing. */
type Start = "frame" | "head" | "undecided" | number;

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
 * An HTTP request, with which a tunnel opens, ends the decoding: what follows it is no RTSP yet, and
 * {@linkcode RtspDecoder.takeRest} gives it back.
 *
 * Some cameras put bytes between messages that belong to none. They are skipped and counted: before the first
 * frame up to a `$` or a letter; after it, since frames are what such cameras send, up to a `$` with a channel, a
 * length and a packet that can be meant, or the beginning of a start line. More than
 * {@linkcode RtspLimits.garbageLength} of them in one piece end the connection.
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
  /** Bytes that belonged to no message, since the last one, and in all. */
  #garbage = 0;
  #garbageInAll = 0;
  /** The highest channel that a frame had whose place was certain; -1 while there was none. */
  #highestChannel = -1;
  /** Bytes at the end of a piece that may begin a message after garbage, or in the middle of frames. */
  #undecided: Uint8Array = EMPTY;
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
    this.#input = this.#undecided.length === 0 ? bytes : joined([this.#undecided, bytes]);
    this.#undecided = EMPTY;
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

  /** Bytes that belonged to no message so far. */
  get garbageBytes(): number {
    return this.#garbageInAll;
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
        if (this.#frame !== undefined || this.#partial.length > 0) return this.#takeFrame();
        const start = this.#findStart();
        if (start === undefined) return undefined;
        if (start === "frame") return this.#takeFrame();
      }
      const line = this.#takeLine();
      if (line === undefined) return undefined;
      this.#readLine(line);
    }
  }

  /** Goes to where a message starts. `undefined`: not in what is there. */
  #findStart(): "frame" | "head" | undefined {
    while (this.#at < this.#input.length) {
      const start = this.#startHere();
      if (start === "undecided") {
        this.#undecided = this.#input.slice(this.#at);
        this.#at = this.#input.length;
        return undefined;
      }
      if (typeof start === "string") {
        this.#garbage = 0;
        return start;
      }
      this.#at += start;
      this.#garbage += start;
      this.#garbageInAll += start;
      if (this.#garbage <= this.#limits.garbageLength) continue;
      const message = `over ${this.#limits.garbageLength} bytes that start no message`;
      throw new RtspError("too-much-garbage", message);
    }
    return undefined;
  }

  /** What starts at the byte that is next, or how many bytes from it on start nothing. */
  #startHere(): Start {
    const byte = this.#input[this.#at]!;
    if (byte === DOLLAR) return this.#garbage === 0 ? "frame" : this.#frameHere();
    if (!isLetter(byte)) return 1;
    return this.#highestChannel < 0 ? "head" : this.#headHere();
  }

  /** Whether the `$` after garbage can be that of a frame. */
  #frameHere(): Start {
    const [, channel, high, low, first] = this.#input.subarray(
      this.#at,
      this.#at + FRAME_START_BYTES,
    );
    if (this.#highestChannel >= 0 && channel !== undefined) {
      if (channel > this.#highestChannel + NEW_CHANNELS) return 1;
    }
    if (low !== undefined && high! * 0x100 + low < SHORTEST_PACKET) return 1;
    if (first === undefined) return "undecided";
    return first >> 6 === RTP_VERSION ? "frame" : 1;
  }

  /** Whether a start line begins here: `RTSP/1.0 200`, or a method and a URL. */
  #headHere(): Start {
    const end = Math.min(this.#input.length, this.#at + LONGEST_START);
    let at = this.#at;
    while (at < end && isMethodByte(this.#input[at]!)) at++;
    if (at === this.#input.length) return "undecided";
    const length = at - this.#at;
    if (this.#input[at] === SLASH) {
      const start = Math.max(this.#at, at - PROTOCOL.length);
      if (latin1(this.#input.subarray(start, at)) !== PROTOCOL) return length;
      // Letters right before it are garbage.
      return start > this.#at ? start - this.#at : this.#continuesHere(at, ["/1.", "/2."]);
    }
    if (this.#input[at] !== BLANK || length > this.#limits.methodLength) return length;
    while (at < end && this.#input[at] === BLANK) at++;
    return this.#continuesHere(at, ["rtsp:", "rtsps:", "*", "/"]);
  }

  /** Whether one of `words`, in any case, stands at `from`. */
  #continuesHere(from: number, words: readonly string[]): Start {
    const text = latin1(this.#input.subarray(from, from + LONGEST_WORD)).toLowerCase();
    if (words.some((word) => text.startsWith(word))) return "head";
    const isCut = from + text.length === this.#input.length;
    if (isCut && words.some((word) => word.startsWith(text))) return "undecided";
    return from - this.#at;
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
    this.#highestChannel = Math.max(this.#highestChannel, channel);
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
    const line = withoutLineEnd(utf8.decode(joined(this.#line)));
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
    else if (line === "") this.#endHead(this.#head);
    else this.#readHeader(this.#head, line);
  }

  #parseStartLine(line: string): Head {
    const [first = "", second = "", ...rest] = wordsOf(line);
    if (/^RTSP\/\d\.\d$/.test(first) && /^\d{3}$/.test(second)) {
      const after = line.indexOf(second, first.length) + second.length;
      const reason = line.slice(after).trim();
      const start = { kind: "response", status: Number(second), reason } as const;
      return { start, protocol: first, fields: [] };
    }
    // A URL of a careless client may have blanks in it.
    const protocol = rest.pop();
    if (protocol === undefined) throw new RtspError("malformed-start-line", "no request line");
    const after = line.indexOf(first) + first.length;
    const url = line.slice(after, line.lastIndexOf(protocol)).trim();
    this.#checkLength("method-too-long", first, this.#limits.methodLength, 400);
    this.#checkLength("url-too-long", url, this.#limits.urlLength, 414);
    this.#checkLength("protocol-too-long", protocol, this.#limits.protocolLength, 400);
    if (!/^[A-Za-z][\w.-]*$/.test(first) || !/^(RTSP|HTTP)\/\d\.\d$/.test(protocol)) {
      throw new RtspError("malformed-start-line", "neither a method nor RTSP");
    }
    return { start: { kind: "request", method: first, url }, protocol, fields: [] };
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
    const isFolded = line.startsWith(" ") || line.startsWith("\t"); // RFC 2326, 15.1
    const text = line.trim();
    // A line of blanks is folding without text: some cameras send one in the midst of a head.
    if (isFolded && text === "") return;
    if (isFolded && last !== undefined) {
      last[1] = last[1] === "" ? text : `${last[1]} ${text}`;
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

function isMethodByte(byte: number): boolean {
  const isDigit = byte >= 0x30 && byte <= 0x39;
  return isLetter(byte) || isDigit || byte === 0x5f || byte === 0x2d || byte === 0x2e;
}

function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

function wordsOf(line: string): string[] {
  return line.split(/[ \t]/).filter((word) => word !== "");
}

function withoutLineEnd(line: string): string {
  return line.slice(0, line.endsWith("\r\n") ? -2 : -1);
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  return pieces.length === 1 ? pieces[0]! : concat(pieces as Uint8Array[]);
}
