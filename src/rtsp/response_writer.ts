import type { RtspError } from "./errors.ts";
import { encodeResponse, RTSP_REASONS, type RtspHeadersInit, type RtspRequest } from "./message.ts";
import { isCSeq } from "./request_checks.ts";
import { formatSessionHeader } from "./session_header.ts";

/** Characters of an explanation in a status line: clients read those into fixed room (FFmpeg: 256). */
const LONGEST_PHRASE = 200;

/** The headers and the body of a response. */
export interface ResponseOptions {
  /** The session that it is about. */
  readonly session?: { readonly id: string; readonly timeoutS: number | undefined };
  readonly headers?: RtspHeadersInit;
  readonly body?: Uint8Array | string;
  /** The reason phrase, where it is not the usual one. */
  readonly reason?: string;
}

/** The responses of a connection that are to be written, in order. */
export class ResponseWriter {
  readonly #server: string;
  #output: Uint8Array[] = [];

  /** `server` is the name in the `Server` header. */
  constructor(options: { readonly server: string }) {
    this.#server = options.server;
  }

  /** Removes and returns what is to be written. */
  take(): Uint8Array[] {
    const output = this.#output;
    this.#output = [];
    return output;
  }

  /** Adds bytes that are no RTSP response. */
  add(bytes: Uint8Array): void {
    this.#output.push(bytes);
  }

  /** Answers what could not be read. */
  answerMalformed(error: RtspError): void {
    this.#output.push(this.#encode(error.status, { reason: reasonOf(error) }));
  }

  /** Answers a request. */
  respond(
    request: RtspRequest,
    status: number,
    options: ResponseOptions = {},
  ): void {
    const { session, body, reason } = options;
    const headers: [string, string][] = [];
    const cseq = request.headers.get("CSeq");
    if (cseq !== undefined && isCSeq(cseq)) headers.push(["CSeq", cseq]);
    if (session !== undefined) {
      const { id, timeoutS } = session;
      const header = timeoutS === undefined ? { id } : { id, timeoutS };
      headers.push(["Session", formatSessionHeader(header)]);
    }
    const { headers: more = [] } = options;
    headers.push(...(Symbol.iterator in more ? more : Object.entries(more)) as [string, string][]);
    this.#output.push(
      this.#encode(status, {
        headers,
        ...(body === undefined ? {} : { body }),
        ...(reason === undefined ? {} : { reason }),
      }),
    );
  }

  #encode(
    status: number,
    options: {
      headers?: readonly (readonly [string, string])[];
      body?: Uint8Array | string;
      reason?: string;
    },
  ): Uint8Array {
    const headers = [...(options.headers ?? []), ["Server", this.#server] as const];
    return encodeResponse({ status, ...options, headers });
  }

  /** Answers a request with an error, in words. */
  refuse(
    request: RtspRequest,
    error: RtspError,
    headers: RtspHeadersInit = {},
  ): void {
    let more = headers;
    if (error.code === "wrong-state") {
      more = { Allow: error.allow.join(", ") };
    } else if (error.code === "unsupported-option") {
      more = { Unsupported: request.headers.get("Require") ?? "" };
    }
    this.respond(request, error.status, { headers: more, reason: reasonOf(error) });
  }
}

/**
 * The reason phrase that tells an error, which a server may word (RFC 2326, 7.1.1): FFmpeg, for one, shows it to
 * its user. What the peer wrote may be in it.
 */
function reasonOf({ status, message }: RtspError): string {
  // deno-lint-ignore no-control-regex
  const words = message.slice(0, LONGEST_PHRASE).replace(/[\0-\x1f\x7f]/g, " ");
  return `${RTSP_REASONS[status] ?? "Error"}: ${words}`;
}
