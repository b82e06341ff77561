/** What all players of a process have seen. */

/** Counts while it is told to. */
export class Meter {
  isCounting = false;
  bytes = 0;
  /** Datagrams that have come, and that should have by their sequence numbers. */
  received = 0;
  expected = 0;
  readonly #latencies: number[] = [];
  #since = 0;

  start(): void {
    this.isCounting = true;
    this.#since = performance.now();
  }

  /** Stops, and returns for how many seconds it has counted. */
  stop(): number {
    this.isCounting = false;
    this.#latencies.sort((a, b) => a - b);
    return (performance.now() - this.#since) / 1000;
  }

  /** A picture is whole that was stamped then. */
  picture(stampMs: number): void {
    if (this.isCounting && stampMs >= this.#since) {
      this.#latencies.push(performance.now() - stampMs);
    }
  }

  /** Pictures whose latency is known. */
  get pictures(): number {
    return this.#latencies.length;
  }

  /** The latency that this share of pictures did not exceed, milliseconds; only when it is stopped. */
  latency(share: number): number {
    return this.#latencies[Math.floor(this.#latencies.length * share)] ?? NaN;
  }
}
