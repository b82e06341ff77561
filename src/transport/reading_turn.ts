import { setImmediate } from "node:timers";

/** Processor time that all readers together have before everything else has its turn. */
const TURN_MS = 5;

/**
 * Deno looks for what has come from the network when it has nothing else to do, or after so many rounds of its
 * event loop. One `setImmediate` is a round: timers run in it, but one alone lets sockets wait for 60 turns
 * more. All of them cost 80 µs, a `setTimeout` of 0 costs 2 ms.
 */
const ROUNDS = 61;

/**
 * How all that reads what peers send shares the event loop. A read of data that is there already resolves
 * without a round of the loop, more than a hundred times in a row: one peer that sends faster than it is
 * handled would keep timers, new connections and all other peers waiting for seconds. So a reader says how
 * long the work on what it has read took, and when the work of all together has come to 5 ms, each waits
 * until the network and the timers had their turn.
 */
export class ReadingTurn {
  readonly #nextRound: (callback: () => void) => void;
  #workedMs = 0;
  #next: Promise<void> | undefined;

  /** `nextRound` calls back in the next round of the event loop. */
  constructor(nextRound: (callback: () => void) => void) {
    this.#nextRound = nextRound;
  }

  /** Adds work; returns what to wait for before going on, `undefined` while the turn lasts. */
  spend(workMs: number): Promise<void> | undefined {
    this.#workedMs += workMs;
    return this.#workedMs >= TURN_MS ? this.giveWay() : this.#next;
  }

  /** Resolves when the network and the timers had their turn, whatever work there was. */
  giveWay(): Promise<void> {
    return this.#next ??= this.#pass();
  }

  async #pass(): Promise<void> {
    for (let round = 0; round < ROUNDS; round++) {
      await new Promise<void>((resolve) => this.#nextRound(resolve));
    }
    this.#workedMs = 0;
    this.#next = undefined;
  }
}

/** The turn of this program's event loop. */
export const readingTurn: ReadingTurn = new ReadingTurn((callback) => void setImmediate(callback));
