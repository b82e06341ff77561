import { openStreamQueue, type Stream, type StreamQueue } from "../hub/mod.ts";
import type { RelayedUnit } from "./relay_driver.ts";

/** The units of a stream that wait for a remote server to take them. */
export class RelayQueue {
  readonly #units: StreamQueue;
  #told = 0;

  /** Starts with the headers, and with the units since the newest start. */
  constructor(stream: Stream) {
    this.#units = openStreamQueue(stream);
  }

  /** Whether nothing more comes behind what waits. */
  get isEnded(): boolean {
    return this.#units.queue.isEnded;
  }

  /** The next unit. */
  next(): RelayedUnit | undefined {
    const next = this.#units.queue.next();
    return next === undefined ? undefined : { unit: next.unit, publication: next.tag };
  }

  /** Resolves when there may be a next unit, or none comes any more. */
  more(): Promise<void> {
    return this.#units.queue.more();
  }

  /** Units that were dropped since it was asked last. */
  takeDropped(): number {
    const { dropped } = this.#units.queue;
    const since = dropped - this.#told;
    this.#told = dropped;
    return since;
  }

  /** Takes nothing more. */
  end(): void {
    this.#units.close();
  }
}
