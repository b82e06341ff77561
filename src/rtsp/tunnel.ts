import { RtspError } from "./errors.ts";
import type { RtspHeaders } from "./headers.ts";
import type { RtspRequest } from "./message.ts";

/** A cookie names one tunnel; QuickTime's has 22 characters. */
const MAX_COOKIE_LENGTH = 256;
const ascii = new TextEncoder();

/** What a connection is for; its first request says it, and it stays so. */
export type RtspConnectionRole =
  | { readonly role: "rtsp" }
  /** The way down of an HTTP tunnel: it carries nothing up. */
  | { readonly role: "tunnel-get"; readonly cookie: string }
  /** The way up of an HTTP tunnel: base64 follows. */
  | { readonly role: "tunnel-post"; readonly cookie: string }
  /** A WebSocket with the subprotocol `rtsp.onvif.org`. */
  | {
    readonly role: "websocket";
    readonly key: string;
    /**
     * Whether a page of another host has opened it, by `Origin` (RFC 6454, 7): the browser of whoever looks at such a
     * page connects from where that person is. Ports do not count, since no page comes from this one.
     */
    readonly isOfForeignPage: boolean;
  }
  /** HTTP that opens no tunnel: to be answered with 400 and closed. */
  | { readonly role: "http" };

/**
 * Tells from the first request of a connection what it is for: RTSP, one way of an HTTP tunnel (Apple's
 * "Tunnelling RTSP and RTP through HTTP", ONVIF Streaming Specification 5.1.1.3), or a WebSocket tunnel
 * (ONVIF Streaming Specification 5.1.1.4).
 *
 * @example
 * ```ts
 * import { classifyFirstRequest, RtspDecoder } from "@weir/server/rtsp";
 *
 * const bytes = new TextEncoder().encode("GET /cam HTTP/1.0\r\nx-sessioncookie: abc\r\n\r\n");
 * const [first] = new RtspDecoder().push(bytes);
 * if (first?.kind === "request") console.log(classifyFirstRequest(first).role); // tunnel-get
 * ```
 */
export function classifyFirstRequest(request: RtspRequest): RtspConnectionRole {
  if (!request.protocol.startsWith("HTTP/")) return { role: "rtsp" };
  const { method, headers } = request;
  if (method === "GET" && /\bwebsocket\b/i.test(headers.get("Upgrade") ?? "")) {
    const key = headers.get("Sec-WebSocket-Key") ?? "";
    const protocols = headers.getAll("Sec-WebSocket-Protocol").join().split(",");
    const right = protocols.some((one) => one.trim().toLowerCase() === "rtsp.onvif.org");
    if (!right || !/^[\w+/]{22}==$/.test(key)) return { role: "http" };
    return { role: "websocket", key, isOfForeignPage: isOfForeignPage(headers) };
  }
  const cookie = headers.get("x-sessioncookie");
  if (cookie === undefined || cookie === "" || cookie.length > MAX_COOKIE_LENGTH) {
    return { role: "http" };
  }
  if (method === "GET") return { role: "tunnel-get", cookie };
  return method === "POST" ? { role: "tunnel-post", cookie } : { role: "http" };
}

function isOfForeignPage(headers: RtspHeaders): boolean {
  const origin = headers.get("Origin");
  if (origin === undefined) return false;
  const own = URL.parse(`http://${headers.get("Host")}`)?.hostname;
  return own === undefined || URL.parse(origin)?.hostname !== own;
}

/** Response to the GET of a tunnel; it has no length, the tunnel follows. */
export function tunnelGetResponse(): Uint8Array {
  return httpResponse("200 OK", [
    "Content-Type: application/x-rtsp-tunnelled",
    "Cache-Control: no-cache",
    "Pragma: no-cache",
    "Connection: close",
  ]);
}

/** Response to the POST of a tunnel. */
export function tunnelPostResponse(): Uint8Array {
  return httpResponse("200 OK", [
    "Content-Type: application/x-rtsp-tunnelled",
    "Cache-Control: no-cache",
    "Pragma: no-cache",
    "Connection: close",
  ]);
}

/** Response to HTTP that opens no tunnel, before the connection is closed. */
export function httpBadRequestResponse(): Uint8Array {
  return httpResponse("400 Bad Request", ["Connection: close", "Content-Length: 0"]);
}

function httpResponse(status: string, headers: readonly string[]): Uint8Array {
  return ascii.encode([`HTTP/1.1 ${status}`, ...headers, "", ""].join("\r\n"));
}

/** A way down. */
interface WayDown<T> {
  readonly address: string;
  readonly value: T;
  /** Whether a way up has come already. */
  isMatched: boolean;
}

/**
 * Brings the two connections of each HTTP tunnel together: by cookie and client address. A client may close its
 * POST and open another as long as its GET lives.
 *
 * `T` is what stands for the GET's connection.
 *
 * @example
 * ```ts
 * import { RtspTunnelMatcher } from "@weir/server/rtsp";
 *
 * const tunnels = new RtspTunnelMatcher<string>();
 * tunnels.open("cookie", { address: "192.0.2.1", value: "the GET" });
 * console.log(tunnels.match("cookie", "192.0.2.1")); // the GET
 * ```
 */
export class RtspTunnelMatcher<T> {
  readonly #ways = new Map<string, WayDown<T>>();

  /**
   * Keeps the way down `value` for its ways up. One that has had its own already makes room for it: a client may
   * come back with its cookie before its old connection is known to be gone.
   *
   * @throws {RtspError} `malformed-tunnel` if another one waits with this cookie, or has it at another address
   */
  open(cookie: string, way: { readonly address: string; readonly value: T }): void {
    const before = this.#ways.get(cookie);
    if (before !== undefined && (!before.isMatched || before.address !== way.address)) {
      throw new RtspError("malformed-tunnel", "a cookie that is in use");
    }
    this.#ways.set(cookie, { ...way, isMatched: false });
  }

  /**
   * Returns the way down that belongs to a way up, the first or a later one.
   *
   * @throws {RtspError} `malformed-tunnel` if there is none with this cookie and address
   */
  match(cookie: string, address: string): T {
    const way = this.#ways.get(cookie);
    if (way === undefined || way.address !== address) {
      throw new RtspError("malformed-tunnel", "a POST that no GET waits for");
    }
    way.isMatched = true;
    return way.value;
  }

  /** Forgets a way down whose connection has ended. */
  close(cookie: string, value: T): void {
    if (this.#ways.get(cookie)?.value === value) this.#ways.delete(cookie);
  }
}

const SEXTETS: Int8Array = base64Values();
const PADDING = 0x3d;

/**
 * Decodes the way up of an HTTP tunnel: base64 in arbitrary pieces, line ends between, and padding
 * wherever a client ended a message and began the next.
 *
 * @example
 * ```ts
 * import { Base64Decoder } from "@weir/server/rtsp";
 *
 * const decoder = new Base64Decoder();
 * console.log(decoder.push(new TextEncoder().encode("AQ==AgM="))); // Uint8Array(3) [ 1, 2, 3 ]
 * ```
 */
export class Base64Decoder {
  #bits = 0;
  #count = 0;

  /**
   * Returns the bytes that are now complete, owned by the caller.
   *
   * @throws {RtspError} `malformed-tunnel` for a character that is not base64
   */
  push(bytes: Uint8Array): Uint8Array {
    const decoded = new Uint8Array(Math.ceil(bytes.length * 3 / 4) + 3);
    let length = 0;
    for (const byte of bytes) {
      if (byte === PADDING) {
        this.#bits = this.#count = 0;
        continue;
      }
      if (byte === 0x0d || byte === 0x0a || byte === 0x20) continue;
      const value = SEXTETS[byte]!;
      if (value < 0) throw new RtspError("malformed-tunnel", `byte ${byte} is not base64`);
      this.#bits = ((this.#bits << 6) | value) & 0xffffff;
      this.#count += 6;
      if (this.#count < 8) continue;
      this.#count -= 8;
      decoded[length++] = this.#bits >> this.#count;
    }
    return decoded.subarray(0, length);
  }
}

function base64Values(): Int8Array {
  const values = new Int8Array(256).fill(-1);
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (const [value, character] of [...alphabet].entries()) values[character.charCodeAt(0)] = value;
  return values;
}
