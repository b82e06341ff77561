import type { RtmpErrorCode } from "./errors.ts";
import type { NetStreams } from "./net_streams.ts";
import type { RtmpServerSessionOptions } from "./server_session_options.ts";

/** Why a session is closed, or that its client is to be pinged. */
export type DeadlineVerdict =
  | { readonly code: RtmpErrorCode; readonly message: string }
  | "ping"
  | undefined;

/** How a session stands. */
interface SessionStanding {
  readonly streams: NetStreams;
  /** Whether what the client sends waits for the answer to a request. */
  readonly isHeld: boolean;
  /** The session's state in a word or two. */
  readonly state: string;
}

/**
 * How long a client may take: to publish or play, to send media as a publisher, and to give a sign of life. It knows
 * what was when, and has no time of its own.
 */
export class ServerDeadlines {
  readonly #options: Required<RtmpServerSessionOptions>;
  /** When the time to publish or play began to run. */
  #noRoleSince: number | undefined;
  /** When a player without a role was first told that there is no stream. */
  #absentSince: number | undefined;
  #lastReceivedAt: number;
  #pingedAt: number | undefined;

  /** The time to publish or play begins to run at `nowMs`. */
  constructor(options: Required<RtmpServerSessionOptions>, nowMs: number) {
    this.#options = options;
    this.#noRoleSince = nowMs;
    this.#lastReceivedAt = nowMs;
  }

  /** Something has come. */
  received(nowMs: number): void {
    this.#lastReceivedAt = nowMs;
    this.#pingedAt = undefined;
  }

  /** The client publishes or plays. */
  roleBegun(): void {
    this.#noRoleSince = this.#absentSince = undefined;
  }

  /** It does neither any more, and is given time for the next. */
  roleEnded(nowMs: number): void {
    this.#noRoleSince = nowMs;
  }

  /** A stream that there is not may come: the player may ask again, though not for ever. */
  streamAbsent(nowMs: number): void {
    if (this.#noRoleSince === undefined) return;
    this.#absentSince ??= nowMs;
    const mayRetry = nowMs - this.#absentSince < this.#options.retryTimeoutMs;
    if (mayRetry) this.#noRoleSince = nowMs;
  }

  /** Looks what is late. */
  tick(nowMs: number, { streams, isHeld, state }: SessionStanding): DeadlineVerdict {
    const { roleTimeoutMs, publisherTimeoutMs, pingAfterMs, pingTimeoutMs } = this.#options;
    const isLate = this.#noRoleSince !== undefined && nowMs - this.#noRoleSince >= roleTimeoutMs;
    // One whose request is looked at is not the one who is late.
    if (isLate && !streams.hasRequest) {
      if (this.#absentSince === undefined) {
        const message = `No publish or play within ${roleTimeoutMs} ms: state is ${state}`;
        return { code: "role-timeout", message };
      }
      return {
        code: "not-found",
        message: `There was no stream, and nothing else was asked for within ${roleTimeoutMs} ms`,
      };
    }
    const isIdle = streams.publishing.some(({ lastMediaAt }) =>
      nowMs - lastMediaAt >= publisherTimeoutMs
    );
    if (isIdle) return { code: "idle-timeout", message: `No media for ${publisherTimeoutMs} ms` };
    // While the client is not listened to, its silence means nothing.
    if (isHeld) return undefined;
    if (this.#pingedAt !== undefined) {
      if (nowMs - this.#pingedAt < pingTimeoutMs) return undefined;
      return { code: "ping-timeout", message: `No answer to a ping for ${pingTimeoutMs} ms` };
    }
    if (nowMs - this.#lastReceivedAt < pingAfterMs) return undefined;
    this.#pingedAt = nowMs;
    return "ping";
  }
}
