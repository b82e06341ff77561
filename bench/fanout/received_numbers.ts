/** Which packets of a source have come, and what is asked for again: as browsers do it. */
import { sequenceDistance } from "../../src/rtp/mod.ts";
import type { Meter } from "./meter.ts";

/** A packet that is missing may only have been overtaken: it is asked for after this, and again, milliseconds. */
const ASK_AFTER_MS = 15;
const ASK_AGAIN_MS = 80;

/** Whoever asked so often gives up: the picture is over by then. */
const MOST_ASKED = 10;

/** More that are missing in a row are no loss: the source goes on elsewhere. */
const MOST_MISSING = 1000;

/** The sequence numbers of one source. */
export class ReceivedNumbers {
  readonly #meter: Meter;
  readonly #ask: (missing: readonly number[]) => void;
  #newest: number | undefined;
  /** How often each that is missing was asked for. */
  readonly #missing = new Map<number, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** `ask` sends what asks for packets again. */
  constructor(meter: Meter, ask: (missing: readonly number[]) => void) {
    this.#meter = meter;
    this.#ask = ask;
  }

  /** Takes the number of a packet; `isAgain` says that it came in answer to what was asked. */
  take(sequence: number, { isAgain = false } = {}): void {
    const newest = this.#newest ?? (sequence - 1) & 0xffff;
    const distance = sequenceDistance(newest, sequence);
    if (distance <= 0) return this.#fill(sequence, isAgain);
    this.#newest = sequence;
    this.#count(distance);
    if (distance === 1 || distance > MOST_MISSING) return;
    for (let behind = 1; behind < distance; behind++) {
      this.#missing.set((newest + behind) & 0xffff, 0);
    }
    this.#timer ??= setTimeout(() => this.#look(), ASK_AFTER_MS);
  }

  #count(distance: number): void {
    if (!this.#meter.isCounting) return;
    this.#meter.received++;
    this.#meter.expected += distance;
  }

  /** One that was asked for counts as lost, though it came. */
  #fill(sequence: number, isAgain: boolean): void {
    const asked = this.#missing.get(sequence);
    if (asked === undefined) return;
    this.#missing.delete(sequence);
    if (!this.#meter.isCounting) return;
    if (asked > 0 || isAgain) this.#meter.recovered++;
    else this.#meter.received++;
  }

  #look(): void {
    this.#timer = undefined;
    const asking: number[] = [];
    for (const [sequence, asked] of this.#missing) {
      if (asked < MOST_ASKED) {
        this.#missing.set(sequence, asked + 1);
        asking.push(sequence);
      } else {
        this.#missing.delete(sequence);
        if (this.#meter.isCounting) this.#meter.missed++;
      }
    }
    if (asking.length > 0) this.#ask(asking);
    if (this.#missing.size > 0) this.#timer = setTimeout(() => this.#look(), ASK_AGAIN_MS);
  }
}
