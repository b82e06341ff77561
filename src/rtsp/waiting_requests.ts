import { RtspError } from "./errors.ts";
import { RtspHeaders } from "./headers.ts";
import type { RtspRequest } from "./message.ts";

/** Requests that may wait while one is decided: a client that pipelines sends a handful. More are answered 503. */
const MAX_WAITING_REQUESTS = 64;
/** Answers of 503 that may wait likewise, of a few bytes each; more end the connection. */
const MAX_WAITING_REFUSALS = 4096;

/** A request whose turn has not come; of one that is refused only what its answer needs is kept. */
export interface WaitingRequest {
  readonly request: RtspRequest;
  readonly isRefused: boolean;
}

/** Requests behind one that is being decided, within bounds. */
export class WaitingRequests {
  #requests: WaitingRequest[] = [];
  /** The next; those before it are taken. */
  #at = 0;

  /**
   * Keeps a request for its turn.
   *
   * @throws {RtspError} `pipeline-overflow` where there is no room even for a refusal
   */
  add(request: RtspRequest): void {
    const count = this.#requests.length - this.#at;
    if (count >= MAX_WAITING_REQUESTS + MAX_WAITING_REFUSALS) {
      const message = `over ${MAX_WAITING_REFUSALS} requests before an answer`;
      throw new RtspError("pipeline-overflow", message);
    }
    const isRefused = count >= MAX_WAITING_REQUESTS;
    this.#requests.push({ request: isRefused ? withoutContent(request) : request, isRefused });
  }

  /** Removes and returns the next; `undefined` when none waits. */
  take(): WaitingRequest | undefined {
    const next = this.#requests[this.#at++];
    if (next === undefined) this.clear();
    return next;
  }

  /** Forgets them. */
  clear(): void {
    this.#requests = [];
    this.#at = 0;
  }
}

/** Method and number of a request, in as little memory as that takes. */
function withoutContent(request: RtspRequest): RtspRequest {
  const cseq = request.headers.get("CSeq");
  const headers = new RtspHeaders(cseq === undefined ? [] : [["CSeq", cseq]]);
  return { ...request, url: "*", headers, body: new Uint8Array(0) };
}

/** The error for a request that is answered 503 in its turn. */
export function tooMany(): RtspError {
  const message = `over ${MAX_WAITING_REQUESTS} requests before an answer`;
  return new RtspError("pipeline-overflow", message, { status: 503 });
}
