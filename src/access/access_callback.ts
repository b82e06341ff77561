import type { AuthenticationRequest } from "../gate/mod.ts";
import { askByHttp, type Fetch, isSuccess } from "../transport/mod.ts";
import { Turns } from "./turns.ts";

/** What a {@linkcode AccessCallback} asks, and how. */
export interface AccessCallbackOptions {
  /** The URL that is asked. */
  readonly url: string;
  /** How long the answer may take, milliseconds, the wait for its turn included. */
  readonly timeoutMs: number;
  /** Questions at a time. */
  readonly atATime: number;
  /** Asks. */
  readonly fetch: Fetch;
}

/** What the server of others says. */
export type CallbackVerdict = "yes" | "who" | "no";

/** Questions that may wait for their turn. */
const MOST_WAITING = 1000;

/** Asks a server of others who may do what, by the JSON object that MediaMTX sends. */
export class AccessCallback {
  readonly #options: AccessCallbackOptions;
  readonly #turns: Turns;

  /** Asks nothing yet. */
  constructor(options: AccessCallbackOptions) {
    this.#options = options;
    this.#turns = new Turns({ atATime: options.atATime, waiting: MOST_WAITING });
  }

  /**
   * Asks; a status of 2xx is a yes, 401 asks who it is, and all else is a no.
   *
   * @throws if there is no answer in time, or one that tells of nobody: a redirect, or a failure of the server. That is a
   * no as well, which whoever runs the server wants to know of
   */
  async ask(request: AuthenticationRequest): Promise<CallbackVerdict> {
    const { url, timeoutMs, fetch } = this.#options;
    const late = AbortSignal.timeout(timeoutMs);
    const { status } = await this.#turns.run(() => {
      late.throwIfAborted();
      return askByHttp(url, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(questionOf(request)),
        timeoutMs,
        maxBytes: 0,
        signal: late,
      }, fetch);
    });
    if (isSuccess(status)) return "yes";
    if (status < 400 || status >= 500) throw new Error(`The URL has answered ${status}`);
    return status === 401 ? "who" : "no";
  }
}

/** What existing answerers call protocols. Those over TLS are the same. */
const PROTOCOLS: Readonly<Record<string, string>> = {
  rtmps: "rtmp",
  rtsps: "rtsp",
  https: "http",
  "http-hls": "hls",
  whep: "webrtc",
  whip: "webrtc",
};

/** The question as existing answerers know it. A digest shows no password, and cannot be passed on. */
function questionOf(
  { connection, action, name, query, credentials }: AuthenticationRequest,
): Readonly<Record<string, string>> {
  const hasName = credentials.kind === "password" || credentials.kind === "digest";
  return {
    user: hasName ? credentials.username : "",
    password: credentials.kind === "password" ? credentials.password : "",
    token: credentials.kind === "token" ? credentials.token : "",
    ip: connection.remoteAddress,
    action: action === "play" ? "read" : action,
    path: name,
    protocol: PROTOCOLS[connection.protocol] ?? connection.protocol,
    id: String(connection.id),
    query: String(query),
  };
}
