import { Buffer } from "node:buffer";
import { concat } from "@std/bytes/concat";
import { targetKind } from "./request_target.ts";

/** The longest head that is read: what Deno's own server takes. */
const MOST_HEAD_BYTES = 64 * 1024;

/** Bytes of empty lines before a request: old clients send one behind the body of the request before. */
const MOST_EMPTY_BYTES = 1024;

/** More headers than any client or balancer sends. */
const MOST_HEADERS = 128;

/** Headers that are longer together are not kept for the next request. */
const MOST_KEPT = 1024;

/** A request that is none, or one that this server does not take: `status` is what it is answered with. */
export class RequestFault extends Error {
  /** Name of the class. */
  override readonly name = "RequestFault";
  /** HTTP's status. */
  readonly status: number;

  /** A request that is answered with `status`; `reason` is for its client. */
  constructor(status: number, reason: string) {
    super(reason);
    this.status = status;
  }
}

/** The head of a request (RFC 9112, 2 and 3). */
export interface RequestHead {
  /** As it was sent: methods know their case. */
  readonly method: string;
  /** The target: a path and query, a URL, or `*`; percent-encoded. */
  readonly target: string;
  /** Whether a URL has the target's path and query as they are. */
  readonly isPlain: boolean;
  /** The host that it is for, as it was sent. */
  readonly host: string | undefined;
  /** Whether it is a request of HTTP/1.0. */
  readonly isOld: boolean;
  /** The headers in their order, names in small letters. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  /** Bytes of its body; `"chunked"` where these say themselves where it ends. */
  readonly body: number | "chunked";
  /** Whether the client may send another request behind it. */
  readonly keepsAlive: boolean;
  /** Whether the client waits for leave to send the body (RFC 9110, 10.1.1). */
  readonly expectsContinue: boolean;
}

/**
 * Finds the end of a head in bytes that come in pieces, and reads the head. What it has no use for is refused, and
 * nothing is guessed: what two servers in a row read differently, one of them has let in by mistake.
 */
export class RequestHeadDecoder {
  #bytes: Uint8Array = NOTHING;
  /** Up to here there is no end of a head. */
  #searched = 0;
  /** Bytes of empty lines that came before it. */
  #emptyBytes = 0;
  /** The headers of the newest head, as they came and as they were read. */
  #known: { readonly lines: string; readonly fields: Fields } | undefined;

  /**
   * Takes the next bytes; returns the head once it is whole, and what came behind it.
   *
   * @throws {RequestFault} when it is none, or too large
   */
  push(bytes: Uint8Array): { readonly head: RequestHead; readonly rest: Uint8Array } | undefined {
    this.#bytes = this.#bytes.length === 0 ? bytes : concat([this.#bytes, bytes]);
    this.#skipEmptyLines();
    const end = this.#findEnd();
    if (end === undefined || end > MOST_HEAD_BYTES) {
      if (this.#bytes.length <= MOST_HEAD_BYTES) return undefined;
      throw new RequestFault(431, `The head of the request is over ${MOST_HEAD_BYTES} bytes`);
    }
    const text = textOf(this.#bytes.subarray(0, end - 4));
    const rest = this.#bytes.subarray(end);
    this.#bytes = NOTHING;
    this.#searched = 0;
    this.#emptyBytes = 0;
    return { head: parseHead(text, (lines) => this.#fieldsOf(lines)), rest };
  }

  /** Empty lines before a request are to be taken no notice of (RFC 9112, 2.2), as long as they are a few. */
  #skipEmptyLines(): void {
    const bytes = this.#bytes;
    let at = 0;
    while (bytes[at] === CR && bytes[at + 1] === LF) at += 2;
    if (at === 0) return;
    this.#emptyBytes += at;
    if (this.#emptyBytes > MOST_EMPTY_BYTES) throw malformed();
    this.#bytes = bytes.subarray(at);
  }

  /** Most clients send the same headers with each request of a connection: they are looked through once. */
  #fieldsOf(lines: string): Fields {
    if (this.#known?.lines === lines) return this.#known.fields;
    const fields = parseFields(lines);
    this.#known = lines.length <= MOST_KEPT ? { lines, fields } : undefined;
    return fields;
  }

  /** Where the head has ended: behind an empty line. */
  #findEnd(): number | undefined {
    const bytes = this.#bytes;
    let at = this.#searched;
    for (;;) {
      at = bytes.indexOf(LF, at);
      if (at < 0 || at + 1 >= bytes.length) break;
      // An empty line, its end or the one before of no CR: then this is not what it seems to be.
      if (bytes[at + 1] === LF) throw malformed();
      if (bytes[at + 1] === CR) {
        if (at + 2 >= bytes.length) break;
        if (bytes[at + 2] === LF) {
          if (bytes[at - 1] !== CR) throw malformed();
          return at + 3;
        }
      }
      at++;
    }
    this.#searched = Math.max(0, bytes.length - 3);
    return undefined;
  }
}

const [CR, LF] = [13, 10];
const NOTHING = new Uint8Array(0);

/** Token characters of names and methods (RFC 9110, 5.6.2). */
const TOKEN = /^[!#$%&'*+\-.^_`|~\dA-Za-z]+$/;

/** Characters of a value (RFC 9110, 5.5). */
const VALUE = /^[\t -~\x80-\xff]*$/;

/** What the lines behind the first say. */
interface Fields {
  readonly headers: RequestHead["headers"];
  /** Words of the header of the connection. */
  readonly connection: readonly string[];
  readonly body: RequestHead["body"];
  readonly hosts: readonly string[];
  readonly expectsContinue: boolean;
}

function parseHead(text: string, fieldsOf: (lines: string) => Fields): RequestHead {
  const end = text.indexOf("\r\n");
  const line = end < 0 ? text : text.slice(0, end);
  const [method = "", target = "", version = "", ...more] = line.split(" ");
  const kind = targetKind(target);
  if (!isMethod(method) || kind === "none" || more.length > 0) throw malformed();
  if (version !== "HTTP/1.1" && !/^HTTP\/\d\.\d$/.test(version)) throw malformed();
  if (!version.startsWith("HTTP/1.")) {
    throw new RequestFault(505, "This port speaks HTTP/1.1, and HTTP/2 from its first byte on");
  }
  const isOld = version === "HTTP/1.0";
  const fields = fieldsOf(end < 0 ? "" : text.slice(end + 2));
  const { headers, connection, body, hosts, expectsContinue } = fields;
  if (isOld && body === "chunked") throw malformed();
  if (hosts.length > 1 || (hosts.length === 0 && !isOld)) {
    throw new RequestFault(400, "A request has one Host (RFC 9112, 3.2)");
  }
  return {
    method,
    target: kind === "plain" ? target : encoded(target),
    isPlain: kind === "plain",
    host: hosts[0],
    isOld,
    // HTTP/1.0 has no other protocol to go on with (RFC 9110, 7.8).
    headers: isOld ? headers.filter(([name]) => name !== "upgrade") : headers,
    body,
    keepsAlive: isOld ? connection.includes("keep-alive") : !connection.includes("close"),
    expectsContinue: !isOld && expectsContinue,
  };
}

function parseFields(text: string): Fields {
  const lines = text === "" ? [] : text.split("\r\n");
  if (lines.length > MOST_HEADERS) {
    throw new RequestFault(431, `The request has over ${MOST_HEADERS} headers`);
  }
  const headers = lines.map(parseHeader);
  return {
    headers,
    connection: listOf(headers, "connection"),
    body: bodyOf(headers),
    hosts: valuesOf(headers, "host"),
    expectsContinue: listOf(headers, "expect").includes("100-continue"),
  };
}

function isMethod(method: string): boolean {
  return method === "GET" || TOKEN.test(method);
}

/** A target with what is not ASCII as percent-encoding has it. */
function encoded(target: string): string {
  if (/^[!-~]*$/.test(target)) return target;
  return target.replaceAll(
    /[\x80-\xff]/g,
    (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function parseHeader(line: string): readonly [string, string] {
  const colon = line.indexOf(":");
  const [name, value] = [line.slice(0, Math.max(0, colon)), line.slice(colon + 1)];
  // A name with a blank behind it, and a value that goes on in the next line, are read in more than one way.
  if (!TOKEN.test(name) || !VALUE.test(value)) throw malformed();
  return [name.toLowerCase(), trimmed(value)];
}

/** A value without the blanks around it (RFC 9110, 5.5). */
function trimmed(value: string): string {
  let [from, to] = [0, value.length];
  while (isBlank(value, from)) from++;
  while (to > from && isBlank(value, to - 1)) to--;
  return value.slice(from, to);
}

function isBlank(value: string, at: number): boolean {
  const code = value.charCodeAt(at);
  return code === 0x20 || code === 0x09;
}

/** How long the body is (RFC 9112, 6.3). */
function bodyOf(headers: RequestHead["headers"]): number | "chunked" {
  const lengths = valuesOf(headers, "content-length");
  const codings = listOf(headers, "transfer-encoding");
  // One that names no coding is there all the same: another server may take the body for one in chunks.
  if (headers.some(([name]) => name === "transfer-encoding")) {
    if (lengths.length > 0) throw malformed();
    if (codings.length > 1 || codings[0] !== "chunked") {
      throw new RequestFault(501, "Bodies are taken as they are, or chunked");
    }
    return "chunked";
  }
  if (lengths.length === 0) return 0;
  const [length = ""] = lengths;
  if (lengths.length > 1 || !/^\d{1,15}$/.test(length)) throw malformed();
  return Number(length);
}

function valuesOf(headers: RequestHead["headers"], wanted: string): string[] {
  const values: string[] = [];
  for (const [name, value] of headers) if (name === wanted) values.push(value);
  return values;
}

/** The words of a header that is a list, in small letters. */
function listOf(headers: RequestHead["headers"], wanted: string): string[] {
  const values = valuesOf(headers, wanted);
  return values.length === 0
    ? values
    : values.flatMap((value) =>
      value.toLowerCase().split(",").map(trimmed).filter((word) => word !== "")
    );
}

/** A character for each byte: the platform's decoder of "latin1" has others for some. */
function textOf({ buffer, byteOffset, length }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, length).toString("latin1");
}

function malformed(): RequestFault {
  return new RequestFault(400, "The request is none of HTTP/1.1");
}
