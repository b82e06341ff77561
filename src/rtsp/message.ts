import { concat } from "@std/bytes/concat";
import type { RtspError } from "./errors.ts";
import type { RtspHeaders } from "./headers.ts";

/** A request (RFC 2326, 6); a tunnel's opening HTTP request has the same shape. */
export interface RtspRequest {
  /** Tells requests from the other messages. */
  readonly kind: "request";
  /** Method, as written. */
  readonly method: string;
  /** The URL as received: absolute, or `*`. */
  readonly url: string;
  /** Protocol and version, such as `RTSP/1.0`. */
  readonly protocol: string;
  /** Header fields. */
  readonly headers: RtspHeaders;
  /** The body; a view that nobody may change, empty where there is none. */
  readonly body: Uint8Array;
}

/** A response (RFC 2326, 7). */
export interface RtspResponse {
  /** Tells responses from the other messages. */
  readonly kind: "response";
  /** Status code, 100 to 599. */
  readonly status: number;
  /** Reason phrase, for people. */
  readonly reason: string;
  /** Protocol and version, such as `RTSP/1.0`. */
  readonly protocol: string;
  /** Header fields. */
  readonly headers: RtspHeaders;
  /** The body; a view that nobody may change, empty where there is none. */
  readonly body: Uint8Array;
}

/** Binary data between the messages (RFC 2326, 10.12). */
export interface RtspInterleavedFrame {
  /** Tells frames from the other messages. */
  readonly kind: "frame";
  /** Channel, 0 to 255. */
  readonly channel: number;
  /** An RTP or RTCP packet; a view that nobody may change, valid as long as it is held. */
  readonly payload: Uint8Array;
}

/** Bytes that are no RTSP; nothing comes after it. */
export interface RtspMalformed {
  /** Tells faults from the messages. */
  readonly kind: "malformed";
  /** The fault in it. */
  readonly error: RtspError;
}

/** A message that an {@linkcode RtspDecoder} has found; `kind` tells which. */
export type RtspMessage = RtspRequest | RtspResponse | RtspInterleavedFrame | RtspMalformed;

/** Header fields as a caller writes them. */
export type RtspHeadersInit =
  | RtspHeaders
  | Iterable<readonly [string, string]>
  | Readonly<Record<string, string>>;

/** A request to encode. */
export interface RtspRequestInit {
  /** Method, such as `DESCRIBE`. */
  readonly method: string;
  /** Absolute URL, or `*`. */
  readonly url: string;
  /** `Content-Length` is added by itself. */
  readonly headers?: RtspHeadersInit;
  /** Body, a text as UTF-8. */
  readonly body?: Uint8Array | string;
}

/** A response to encode. */
export interface RtspResponseInit {
  /** Status code. */
  readonly status: number;
  /** Reason phrase; by default the one of RFC 2326, 7.1.1. */
  readonly reason?: string;
  /** `Content-Length` is added by itself. */
  readonly headers?: RtspHeadersInit;
  /** Body, a text as UTF-8. */
  readonly body?: Uint8Array | string;
}

/** Reason phrases (RFC 2326, 7.1.1). */
export const RTSP_REASONS: Readonly<Record<number, string>> = {
  100: "Continue",
  200: "OK",
  201: "Created",
  250: "Low on Storage Space",
  300: "Multiple Choices",
  301: "Moved Permanently",
  302: "Moved Temporarily",
  303: "See Other",
  304: "Not Modified",
  305: "Use Proxy",
  400: "Bad Request",
  401: "Unauthorized",
  402: "Payment Required",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  406: "Not Acceptable",
  407: "Proxy Authentication Required",
  408: "Request Time-out",
  410: "Gone",
  411: "Length Required",
  412: "Precondition Failed",
  413: "Request Entity Too Large",
  414: "Request-URI Too Large",
  415: "Unsupported Media Type",
  451: "Parameter Not Understood",
  452: "Conference Not Found",
  453: "Not Enough Bandwidth",
  454: "Session Not Found",
  455: "Method Not Valid in This State",
  456: "Header Field Not Valid for Resource",
  457: "Invalid Range",
  458: "Parameter Is Read-Only",
  459: "Aggregate operation not allowed",
  460: "Only aggregate operation allowed",
  461: "Unsupported transport",
  462: "Destination unreachable",
  500: "Internal Server Error",
  501: "Not Implemented",
  502: "Bad Gateway",
  503: "Service Unavailable",
  504: "Gateway Time-out",
  505: "RTSP Version not supported",
  551: "Option not supported",
};

/**
 * Encodes a request.
 *
 * @throws {TypeError} if a part holds a line end or NUL
 *
 * @example
 * ```ts
 * import { encodeRequest } from "@weir/server/rtsp";
 *
 * const bytes = encodeRequest({ method: "OPTIONS", url: "*", headers: { CSeq: "1" } });
 * console.log(new TextDecoder().decode(bytes).split("\r\n")[0]); // OPTIONS * RTSP/1.0
 * ```
 */
export function encodeRequest(request: RtspRequestInit): Uint8Array {
  return encodeMessage(`${request.method} ${request.url} RTSP/1.0`, request);
}

/**
 * Encodes a response.
 *
 * @throws {TypeError} if a part holds a line end or NUL
 *
 * @example
 * ```ts
 * import { encodeResponse } from "@weir/server/rtsp";
 *
 * const bytes = encodeResponse({ status: 454, headers: { CSeq: "7" } });
 * console.log(new TextDecoder().decode(bytes).split("\r\n")[0]); // RTSP/1.0 454 Session Not Found
 * ```
 */
export function encodeResponse(response: RtspResponseInit): Uint8Array {
  const reason = response.reason ?? RTSP_REASONS[response.status] ?? "Unknown";
  return encodeMessage(`RTSP/1.0 ${response.status} ${reason}`, response);
}

/**
 * Encodes an interleaved frame (RFC 2326, 10.12).
 *
 * @throws {RangeError} if the channel is over 255 or the payload over 65535 bytes
 *
 * @example
 * ```ts
 * import { encodeInterleavedFrame } from "@weir/server/rtsp";
 *
 * console.log(encodeInterleavedFrame(1, new Uint8Array([9]))); // Uint8Array(5) [ 36, 1, 0, 1, 9 ]
 * ```
 */
export function encodeInterleavedFrame(channel: number, payload: Uint8Array): Uint8Array {
  if (!(channel >= 0 && channel <= 255)) {
    throw new RangeError(
      `Cannot encode a frame as channels are 0 to 255: current value is ${channel}`,
    );
  }
  if (payload.length > 0xffff) {
    throw new RangeError(
      `Cannot encode a frame as it holds at most 65535 bytes: current value is ${payload.length}`,
    );
  }
  const frame = new Uint8Array(4 + payload.length);
  frame.set([0x24, channel, payload.length >> 8, payload.length & 0xff]);
  frame.set(payload, 4);
  return frame;
}

const utf8 = new TextEncoder();

function encodeMessage(
  startLine: string,
  message: { readonly headers?: RtspHeadersInit; readonly body?: Uint8Array | string },
): Uint8Array {
  const body = typeof message.body === "string" ? utf8.encode(message.body) : message.body;
  const lines = [startLine];
  for (const [name, value] of headerEntries(message.headers)) lines.push(`${name}: ${value}`);
  if (body !== undefined && body.length > 0) lines.push(`Content-Length: ${body.length}`);
  const broken = lines.find((line) => /[\r\n\0]/.test(line));
  if (broken !== undefined) {
    throw new TypeError(
      `Cannot encode the message as a line holds a line end: current value is ${
        JSON.stringify(broken)
      }`,
    );
  }
  const head = utf8.encode(lines.join("\r\n") + "\r\n\r\n");
  if (body === undefined || body.length === 0) return head;
  return concat([head, body]);
}

function headerEntries(headers: RtspHeadersInit = []): Iterable<readonly [string, string]> {
  return Symbol.iterator in headers
    ? headers as Iterable<readonly [string, string]>
    : Object.entries(headers as Readonly<Record<string, string>>);
}
