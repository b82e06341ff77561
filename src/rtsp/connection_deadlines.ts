import { RtspError } from "./errors.ts";

/** Time in which the first request must be there. */
const FIRST_REQUEST_MS = 10_000;
/** Time in which a client over UDP can still ask for its session, which the owner has ended, and be told why. */
const LAST_REQUESTS_MS = 3000;
/** Time without a request after which a connection without session ends. */
const IDLE_MS = 60_000;

/** When an RTSP connection ends since its client asks for nothing. */
export class ConnectionDeadlines {
  readonly #openedMs: number;
  #lastRequestMs: number | undefined;
  #ending: { readonly error: RtspError; readonly sinceMs: number } | undefined;

  /** Counts from `nowMs` on. */
  constructor(nowMs: number) {
    this.#openedMs = nowMs;
  }

  /** The client has asked for something. */
  noteRequest(nowMs: number): void {
    this.#lastRequestMs = nowMs;
  }

  /** The connection is to end for `error`, unless it has a session again a moment later. */
  endSoon(error: RtspError, nowMs: number): void {
    this.#ending ??= { error, sinceMs: nowMs };
  }

  /** Why the connection is to end now; `undefined` while it may go on. */
  due(nowMs: number, { hasSessions }: { readonly hasSessions: boolean }): RtspError | undefined {
    const ending = this.#ending;
    if (ending !== undefined && nowMs - ending.sinceMs >= LAST_REQUESTS_MS) {
      this.#ending = undefined;
      if (!hasSessions) return ending.error;
    }
    const quiet = nowMs - (this.#lastRequestMs ?? this.#openedMs);
    const limit = this.#lastRequestMs === undefined ? FIRST_REQUEST_MS : IDLE_MS;
    // R124: while a session lives, its own timeouts rule.
    if (hasSessions || quiet < limit) return undefined;
    return new RtspError("idle-timeout", `no request for ${Math.round(quiet)} ms`);
  }
}
