/** What all players of a process have seen. */
import type { PictureMark } from "./test_stream.ts";

/** Counts while it is told to. */
export class Meter {
  isCounting = false;
  /** Nothing is measured any more: the server may close its players. */
  isOver = false;
  bytes = 0;
  /** Datagrams or pictures that have come, and that should have by their numbers. */
  received = 0;
  expected = 0;
  /** Of the datagrams, those that came when they were asked for again, and those that never came. */
  recovered = 0;
  missed = 0;
  /** Parts of HLS that have come, and those that came later than the playlist allows. */
  parts = 0;
  lateParts = 0;
  /** Requests of HTTP that were answered, and those that were not answered with what was asked for. */
  requests = 0;
  failures = 0;
  /** How long players have waited for their first picture, milliseconds. */
  readonly joins: number[] = [];
  readonly #latencies: number[] = [];
  #since = 0;

  /** Counts from now on, from nothing. */
  start(): void {
    this.isCounting = true;
    this.bytes =
      this.received =
      this.expected =
      this.recovered =
      this.missed =
        0;
    this.parts =
      this.lateParts =
      this.requests =
      this.failures =
        0;
    this.#latencies.length = 0;
    this.#since = performance.now();
  }

  /** Stops, and returns for how many seconds it has counted. */
  stop(): number {
    this.isCounting = false;
    this.#latencies.sort((a, b) => a - b);
    return (performance.now() - this.#since) / 1000;
  }

  /** A picture is whole that has this mark. */
  picture({ stampMs }: Pick<PictureMark, "stampMs">): void {
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
    return quantile(this.#latencies, share);
  }
}

/** The value that this share of values, which are in order, does not exceed. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

/** The pictures of one player, which come over a connection: a number that is passed over is a picture lost. */
export class PlayerPictures {
  readonly #meter: Meter;
  readonly #openedMs = performance.now();
  #newest: number | undefined;

  constructor(meter: Meter) {
    this.#meter = meter;
  }

  /** Whether the player has seen a picture. */
  get hasBegun(): boolean {
    return this.#newest !== undefined;
  }

  push(mark: PictureMark): void {
    if (this.#newest === undefined) this.#meter.joins.push(performance.now() - this.#openedMs);
    if (this.#meter.isCounting) {
      this.#meter.received++;
      this.#meter.expected += this.#newest === undefined ? 1 : mark.number - this.#newest;
    }
    this.#newest = mark.number;
    this.#meter.picture(mark);
  }
}
