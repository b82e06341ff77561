/** Times of pings, milliseconds. */
interface PingTimes {
  readonly pingAfterMs: number;
  readonly pingTimeoutMs: number;
}

/** Looks whether a server that is silent is there still. Of one that has never answered a ping, no answer is expected. */
export class ClientPings {
  readonly #times: PingTimes;
  #lastReceivedAt: number;
  #pingedAt: number | undefined;
  #isAnswered: boolean | undefined;

  /** The silence begins at `nowMs`. */
  constructor(times: PingTimes, nowMs: number) {
    this.#times = times;
    this.#lastReceivedAt = nowMs;
  }

  /** Something has come, and all of it is read. */
  received(nowMs: number): void {
    this.#lastReceivedAt = nowMs;
    this.#pingedAt = undefined;
  }

  /** The server has answered a ping. */
  answered(): void {
    if (this.#pingedAt !== undefined) this.#isAnswered = true;
  }

  /** Looks whether it is time to ping, or too late. */
  tick(nowMs: number): "ping" | "late" | undefined {
    const { pingAfterMs, pingTimeoutMs } = this.#times;
    if (this.#pingedAt !== undefined) {
      if (nowMs - this.#pingedAt < pingTimeoutMs) return undefined;
      if (this.#isAnswered === true) return "late";
      this.#isAnswered = false;
      return undefined;
    }
    if (this.#isAnswered === false || nowMs - this.#lastReceivedAt < pingAfterMs) return undefined;
    this.#pingedAt = nowMs;
    return "ping";
  }
}
