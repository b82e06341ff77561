/** Bounds of {@linkcode Turns}. */
export interface TurnsOptions {
  /** Tasks at a time. */
  readonly atATime: number;
  /** Tasks that may wait for their turn. */
  readonly waiting: number;
}

/** There are as many tasks as may wait. */
export class TooManyWaiting extends Error {
  /** Name of the class. */
  override readonly name = "TooManyWaiting";
}

/** Runs so many tasks at a time, in the order in which they came; the others wait, and not too many of them. */
export class Turns {
  readonly #options: TurnsOptions;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** Runs nothing yet. */
  constructor(options: TurnsOptions) {
    this.#options = options;
  }

  /**
   * Runs a task when it is its turn.
   *
   * @throws {TooManyWaiting} if too many wait already; and what the task throws
   */
  async run<T>(task: () => Promise<T>): Promise<T> {
    const { atATime, waiting } = this.#options;
    if (this.#running >= atATime) {
      if (this.#waiting.length >= waiting) throw new TooManyWaiting("Too many wait already");
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#running++;
    }
    try {
      return await task();
    } finally {
      // The turn goes on to who waits.
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}
