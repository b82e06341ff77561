/** A timer that was set. */
export interface Timer {
  /** Stops the timer; harmless when it has fired. */
  cancel(): void;
}

/** Time as the hub sees it; passed in, so that a test can be the clock. */
export interface Clock {
  /** Milliseconds on a clock that never goes back. */
  now(): number;
  /** Calls `callback` once, `delayMs` from now. */
  setTimer(callback: () => void, delayMs: number): Timer;
  /**
   * Calls `callback` in the next round of the event loop. A clock that has none has everything done at once that would
   * else be spread over rounds.
   */
  nextRound?(callback: () => void): void;
}
