import type { Clock, Timer } from "../hub/mod.ts";

/** Wrong credentials that an address may show in a row before it is slowed. */
const BURST = 5;

/** Guesses a second that a slowed address has. */
const GUESSES_PER_SECOND = 1;

/** Credentials of one address that are judged at a time, while none of them were wrong. */
const MOST_AT_A_TIME = 16;

/** Credentials of one address that may wait to be judged: as many as it may have connections, about. */
const MOST_WAITING = 1000;

/** What is known of an address. */
interface Guesses {
  /** How many more may be wrong now. */
  left: number;
  atMs: number;
  judging: number;
  readonly waiting: ((mayGo: boolean) => void)[];
  timer: Timer | undefined;
}

/**
 * Slows who guesses passwords: after some wrong ones an address has one try a second, whatever doors and
 * connections it comes by. Who is right is not slowed, unless somebody at the same address guesses.
 */
export class GuessGuard {
  readonly #clock: Clock;
  readonly #addresses = new Map<string, Guesses>();

  /** Takes time from `clock`. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Addresses that are remembered. */
  get size(): number {
    return this.#addresses.size;
  }

  /**
   * Resolves when credentials of an address may be judged: to what is to be called with whether they were right.
   * `undefined` where too many wait already.
   */
  async turn(address: string): Promise<((wasRight: boolean) => void) | undefined> {
    let guesses = this.#addresses.get(address);
    if (guesses === undefined) {
      guesses = {
        left: BURST,
        atMs: this.#clock.now(),
        judging: 0,
        waiting: [],
        timer: undefined,
      };
      this.#addresses.set(address, guesses);
    }
    if (guesses.waiting.length >= MOST_WAITING) return undefined;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    guesses.waiting.push(resolve);
    this.#go(address, guesses);
    if (!await promise) return undefined;
    let isJudged = false;
    return (wasRight) => {
      if (isJudged) return;
      isJudged = true;
      guesses.judging--;
      if (!wasRight) guesses.left = Math.max(0, guesses.left - 1);
      this.#go(address, guesses);
    };
  }

  /** Lets all go that wait, refused: the server stops. */
  close(): void {
    for (const { waiting, timer } of this.#addresses.values()) {
      timer?.cancel();
      for (const resolve of waiting.splice(0)) resolve(false);
    }
    this.#addresses.clear();
  }

  #go(address: string, guesses: Guesses): void {
    const nowMs = this.#clock.now();
    guesses.left = Math.min(
      BURST,
      guesses.left + (nowMs - guesses.atMs) / 1000 * GUESSES_PER_SECOND,
    );
    guesses.atMs = nowMs;
    while (
      guesses.waiting.length > 0 &&
      // While some were wrong of late, each may be wrong: no more go on than may be.
      guesses.judging < (guesses.left >= BURST ? MOST_AT_A_TIME : Math.floor(guesses.left))
    ) {
      guesses.judging++;
      guesses.waiting.shift()!(true);
    }
    guesses.timer?.cancel();
    guesses.timer = undefined;
    if (guesses.left >= BURST && guesses.judging === 0 && guesses.waiting.length === 0) {
      this.#addresses.delete(address);
      return;
    }
    if (guesses.judging > 0) return;
    // Somebody waits, or the address is to be forgotten once it was quiet for long enough.
    const wanted = guesses.waiting.length > 0 ? 1 : BURST;
    const waitMs = Math.max(1, Math.ceil((wanted - guesses.left) / GUESSES_PER_SECOND * 1000));
    guesses.timer = this.#clock.setTimer(() => this.#go(address, guesses), waitMs);
  }
}
