/** Somebody to wake. */
export interface Sleeper {
  /** Wakes it; whatever this throws is the sleeper's own. */
  wake(): void;
}

/** Sleepers that were given together. */
interface Sleepers {
  readonly all: readonly Sleeper[];
  next: number;
  readonly onError: (error: unknown) => void;
}

/**
 * So many are woken in a round of the event loop. Who is woken writes, and Deno begins no more than 128 operations on
 * sockets in a round: it puts the others off, each with a promise that lasts, and comes back to each. That costs more
 * than the round, which takes 1 to 2 microseconds, and what else is to be done has its turn between two rounds.
 */
const MOST_OF_A_ROUND = 60;

/**
 * Wakes readers in their order, so many in each round of the event loop. Of all streams together: the rounds are those of
 * the whole program.
 */
export class WakeRounds {
  readonly #nextRound: ((callback: () => void) => void) | undefined;
  readonly #queue: (Sleepers | (() => void))[] = [];
  /**
   * How many may still be woken before another round. Rounds that pass meanwhile are not seen: to ask for each would cost
   * streams with few readers more than a wait now and then.
   */
  #room: number;
  #isRoundDue = false;
  #isWaking = false;

  /** `nextRound` calls back in the next round; without it all are woken at once. */
  constructor(nextRound?: (callback: () => void) => void) {
    this.#nextRound = nextRound;
    this.#room = nextRound === undefined ? Infinity : MOST_OF_A_ROUND;
  }

  /** Wakes each of them behind those that are to be woken already; what they throw goes to `onError`. */
  wake(sleepers: readonly Sleeper[], onError: (error: unknown) => void): void {
    if (sleepers.length === 0) return;
    const isFree = !this.#isWaking && this.#queue.length === 0;
    if (isFree && sleepers.length <= this.#room) this.#wakeFew(sleepers, onError);
    else this.#add({ all: sleepers, next: 0, onError });
  }

  /** Calls `then` once all are woken that are to be woken so far. */
  whenWoken(then: () => void): void {
    if (this.#queue.length === 0) then();
    else this.#add(then);
  }

  /** As it is with streams of few readers: these need not be remembered. */
  #wakeFew(all: readonly Sleeper[], onError: (error: unknown) => void): void {
    this.#room -= all.length;
    this.#isWaking = true;
    let next = 0;
    try {
      while (next < all.length) wakeOne(all[next++]!, onError);
    } finally {
      this.#isWaking = false;
      if (next < all.length) this.#queue.unshift({ all, next, onError });
    }
    if (this.#queue.length > 0) this.#goOn();
  }

  #add(one: Sleepers | (() => void)): void {
    this.#queue.push(one);
    // Who is woken may have others woken.
    if (!this.#isWaking) this.#goOn();
  }

  #goOn(): void {
    this.#isWaking = true;
    try {
      for (let first = this.#queue[0]; first !== undefined; first = this.#queue[0]) {
        if (typeof first !== "function" && !this.#wakeEach(first)) return;
        this.#queue.shift();
        if (typeof first === "function") first();
      }
    } finally {
      this.#isWaking = false;
    }
  }

  /** Wakes those that this round has room for; returns whether that is all. */
  #wakeEach(sleepers: Sleepers): boolean {
    const { all, onError } = sleepers;
    while (sleepers.next < all.length) {
      if (this.#room === 0) {
        if (!this.#isRoundDue) this.#nextRound!(this.#onRound);
        this.#isRoundDue = true;
        return false;
      }
      this.#room--;
      wakeOne(all[sleepers.next++]!, onError);
    }
    return true;
  }

  readonly #onRound = (): void => {
    this.#isRoundDue = false;
    this.#room = MOST_OF_A_ROUND;
    this.#goOn();
  };
}

function wakeOne(sleeper: Sleeper, onError: (error: unknown) => void): void {
  try {
    sleeper.wake();
  } catch (error) {
    onError(error);
  }
}
