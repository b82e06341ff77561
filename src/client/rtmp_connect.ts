import { parseRtmpUrl, RtmpConnectAuthentication, RtmpError, type RtmpUrl } from "../rtmp/mod.ts";
import { within } from "../time/mod.ts";
import { streamPairTransport, systemClock, type Transport } from "../transport/mod.ts";
import { dial } from "./dial.ts";
import type { RtmpClientOptions } from "./rtmp_client_options.ts";
import { checkRedirect, redirected } from "./rtmp_redirection.ts";

/** Options of one connection. */
export interface RtmpAttempt extends RtmpClientOptions {
  /** How many redirections have led here. */
  readonly redirects: number;
  /** What the server has asked for so far. */
  readonly authentication: RtmpConnectAuthentication;
  /** Gives the attempt up. */
  readonly signal: AbortSignal;
}

/** A client that can be closed. */
interface Closable {
  close(): Promise<void>;
}

/**
 * Shakes hands and asks for the URL's application on a connection; resolves with who has it, or with the URL that the
 * server sends the client to. `onShaken` is to be called when hands are shaken.
 */
export type OpenRtmp<T extends Closable> = (
  transport: Transport,
  about: {
    readonly target: RtmpUrl;
    readonly attempt: RtmpAttempt;
    readonly onShaken: () => void;
  },
) => Promise<T | string>;

/** How far connecting has come, in words, for the error of the one who waits. */
interface ConnectProgress {
  reached: string;
}

/** How far a connection is whose connect command is not answered. */
export const RTMP_SHAKEN = "connected, handshake done, no answer to connect";

/**
 * How long a server may leave the connect command without an answer, milliseconds, before another connection
 * asks without the lists of Enhanced RTMP. The first goes on: it may only be slow.
 */
const SILENCE_MS = 3000;

/** What makes connect a command of before Enhanced RTMP. */
const NOTHING_ENHANCED = {
  fourCcList: undefined,
  capsEx: undefined,
  videoFourCcInfoMap: undefined,
  audioFourCcInfoMap: undefined,
} as const;

/** Connects as `RtmpClient.connect` says, by as many connections as that takes; `open` makes a client of each. */
export async function connectRtmp<T extends Closable>(
  url: string | RtmpUrl,
  options: RtmpClientOptions,
  open: OpenRtmp<T>,
): Promise<T> {
  const { credentials, timeoutMs = 10_000 } = options;
  let target = typeof url === "string" ? parseRtmpUrl(url) : url;
  if (credentials !== undefined) {
    const { username, password } = credentials;
    target = { ...target, username, password };
  }
  const deadline = new AbortController();
  const progress: ConnectProgress = { reached: "" };
  const timer = setTimeout(() => {
    const { host, port } = target;
    const message = `No connection to ${host} at port ${port} within ${timeoutMs} ms`;
    deadline.abort(new RtmpError("timeout", `${message}: ${progress.reached}`));
  }, timeoutMs);
  const signal = options.signal === undefined
    ? deadline.signal
    : AbortSignal.any([options.signal, deadline.signal]);
  try {
    for (let redirects = 0;; redirects++) {
      progress.reached = "";
      const connecting = new Connecting(open, progress);
      const connected = await connecting.to(target, { ...options, redirects, signal });
      if (typeof connected !== "string") return connected;
      if (options.transport !== undefined) {
        throw new RtmpError(
          "connect-rejected",
          `The server redirects to ${connected}, which a given transport cannot follow`,
        );
      }
      target = redirected(target, connected);
      checkRedirect(target);
    }
  } finally {
    clearTimeout(timer);
  }
}

/** The connections to one server, of which it may take several to be let in. */
class Connecting<T extends Closable> {
  readonly #open: OpenRtmp<T>;
  readonly #progress: ConnectProgress;

  constructor(open: OpenRtmp<T>, progress: ConnectProgress) {
    this.#open = open;
    this.#progress = progress;
  }

  /** Connects as often as the server asks who the client is; or returns where it sends the client. */
  async to(target: RtmpUrl, options: Omit<RtmpAttempt, "authentication">): Promise<T | string> {
    const { username, password = "" } = target;
    const authentication = new RtmpConnectAuthentication({
      credentials: username === undefined ? undefined : { username, password },
      app: target.app,
      random: (length) => crypto.getRandomValues(new Uint8Array(length)),
    });
    for (;;) {
      try {
        return await this.#either(target, { ...options, authentication });
      } catch (error) {
        const isRefusal = error instanceof RtmpError && error.code === "connect-rejected";
        if (!isRefusal) throw error;
        const { isAsked } = authentication;
        if (!authentication.refused(error.description ?? "")) {
          throw isAsked ? withoutDescription(error) : error;
        }
        if (options.transport !== undefined) {
          throw new RtmpError(
            "unauthorized",
            "The server asks who the client is, which a given transport cannot answer",
          );
        }
      }
    }
  }

  /** Opens a connection, and another that says less where the server says nothing to the first. */
  async #either(target: RtmpUrl, options: RtmpAttempt): Promise<T | string> {
    const { signal, timeoutMs = 10_000, connectParameters } = options;
    if (options.transport !== undefined) return await this.#one(target, options);
    const losers = new AbortController();
    const both = { ...options, signal: AbortSignal.any([signal, losers.signal]) };
    const shaken = Promise.withResolvers<void>();
    let isShaken = false;
    const first = this.#one(target, both, () => {
      isShaken = true;
      shaken.resolve();
    });
    const isAnswered = first.then(() => true, (error) => !isShaken || !isClosed(error));
    try {
      await Promise.race([shaken.promise, isAnswered]);
      const ms = Math.min(SILENCE_MS, timeoutMs / 3);
      if (await within(isAnswered, { clock: systemClock, ms }) === true) return await first;
      const plain = { ...NOTHING_ENHANCED, ...connectParameters };
      const second = this.#one(target, { ...both, connectParameters: plain });
      const attempts = [first, second];
      const winner = await Promise.any(attempts).catch(({ errors }: AggregateError) => {
        throw errors.find((error) => !isClosed(error)) ?? errors[0];
      });
      for (const attempt of attempts) {
        void attempt.then(async (client) => {
          if (client !== winner && typeof client !== "string") await client.close();
        }).catch(() => {});
      }
      return winner;
    } finally {
      losers.abort(new RtmpError("closed", "Another connection was answered first"));
    }
  }

  async #one(target: RtmpUrl, attempt: RtmpAttempt, onShaken?: () => void): Promise<T | string> {
    const progress = this.#progress;
    progress.reached ||= "not connected";
    const transport = await openTransport(target, attempt);
    if (progress.reached !== RTMP_SHAKEN) progress.reached = "connected, the handshake is not done";
    return await this.#open(transport, {
      target,
      attempt,
      onShaken: () => {
        progress.reached = RTMP_SHAKEN;
        onShaken?.();
      },
    });
  }
}

async function openTransport(
  target: RtmpUrl,
  options: RtmpAttempt,
): Promise<Transport> {
  const { transport, signal, caCerts } = options;
  if (transport !== undefined) {
    // One by one: the streams of a `Deno.Conn` are getters, which a spread leaves out.
    const { readable, writable, remoteAddress = target.host } = transport;
    return streamPairTransport({ readable, writable, remoteAddress });
  }
  return await dial(
    { hostname: target.host, port: target.port, tls: target.scheme === "rtmps" },
    { signal, caCerts },
  );
}

/** Whether the server has closed, and said nothing. */
function isClosed(error: unknown): boolean {
  return error instanceof RtmpError && error.code === "closed";
}

/** A server may repeat what it was told, and the query of `app` tells who the client is. */
function withoutDescription({ code, status }: RtmpError): RtmpError {
  return new RtmpError(code, `The server refuses to connect: ${JSON.stringify(status)}`, {
    status,
  });
}
