import { type ReadingTurn, readingTurn } from "./reading_turn.ts";

/** Processor time of a round before it gives way, in milliseconds: what it ends has as much to do behind it. */
const SLICE_MS = 2;

/**
 * Does something with each of many, such as to look whether their time is over, and gives way to everything else again
 * and again. A thousand connections of a flood have the same deadline: to close them all at once would keep all others
 * waiting for a tenth of a second.
 */
export class EachInTurn {
  readonly #turn: Pick<ReadingTurn, "giveWay">;
  readonly #now: () => number;
  #isUnderWay = false;

  /** Shares the event loop by `turn`, and takes time from `now`, in milliseconds. */
  constructor(
    turn: Pick<ReadingTurn, "giveWay"> = readingTurn,
    now: () => number = () => performance.now(),
  ) {
    this.#turn = turn;
    this.#now = now;
  }

  /**
   * Calls `act` with each of `all`, with those too that come meanwhile; resolves when the round is over. While one is
   * under way, a further one does nothing.
   */
  async run<T>(all: Iterable<T>, act: (one: T) => void): Promise<void> {
    if (this.#isUnderWay) return;
    this.#isUnderWay = true;
    try {
      let startMs = this.#now();
      for (const one of all) {
        act(one);
        if (this.#now() - startMs < SLICE_MS) continue;
        await this.#turn.giveWay();
        startMs = this.#now();
      }
    } finally {
      this.#isUnderWay = false;
    }
  }
}
