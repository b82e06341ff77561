import { type Stream, UNIT_COST_BYTES, unitBytes } from "../hub/mod.ts";
import type { MediaUnit } from "../media/mod.ts";
import type { RelayedUnit } from "./relay_driver.ts";

/** Bytes that wait for a slow remote server; beyond, it goes on at the next key frame. */
const MOST_WAITING_BYTES = 8 * 1024 * 1024;

/** The units of a stream that wait for a remote server to take them. */
export class RelayQueue {
  readonly #stream: Stream;
  readonly #untap: () => void;
  #waiting: RelayedUnit[] = [];
  #waitingBytes = 0;
  #isSkipping = false;
  #isEnded = false;
  #dropped = 0;
  #wake: (() => void) | undefined;

  /** Starts with the headers, and with the units since the newest start. */
  constructor(stream: Stream) {
    this.#stream = stream;
    this.#untap = stream.tap(
      (unit, startPoint) => this.#take(unit, startPoint),
      () => this.end(),
    );
  }

  /** Whether nothing more comes behind what waits. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  /** The next unit. */
  next(): RelayedUnit | undefined {
    const relayed = this.#waiting.shift();
    if (relayed !== undefined) this.#waitingBytes -= costOf(relayed.unit);
    return relayed;
  }

  /** Resolves when there may be a next unit, or none comes any more. */
  async more(): Promise<void> {
    if (this.#waiting.length > 0 || this.#isEnded) return;
    await new Promise<void>((resolve) => this.#wake = resolve);
  }

  /** Units that were dropped since it was asked last. */
  takeDropped(): number {
    const dropped = this.#dropped;
    this.#dropped = 0;
    return dropped;
  }

  /** Takes nothing more. */
  end(): void {
    this.#isEnded = true;
    this.#untap();
    this.#wake?.();
  }

  #take(unit: MediaUnit, startPoint: boolean): void {
    if (this.#waitingBytes > MOST_WAITING_BYTES) this.#isSkipping = true;
    if (this.#isSkipping) {
      if (!startPoint || this.#waitingBytes > MOST_WAITING_BYTES / 2) {
        this.#dropped++;
        return;
      }
      this.#isSkipping = false;
      // Those that came meanwhile were dropped too.
      for (const header of this.#stream.headers.units) this.#add(header);
    }
    this.#add(unit);
    this.#wake?.();
    this.#wake = undefined;
  }

  #add(unit: MediaUnit): void {
    this.#waiting.push({ unit, publication: this.#stream.publication });
    this.#waitingBytes += costOf(unit);
  }
}

function costOf(unit: MediaUnit): number {
  return unitBytes(unit) + UNIT_COST_BYTES;
}
