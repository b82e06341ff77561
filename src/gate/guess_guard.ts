import type { Clock, Timer } from "../hub/mod.ts";
import { boundedAddress } from "./address_bounds.ts";
import type { Leavers } from "./hook_caller.ts";

/** Wrong credentials that an address may show in a row before it is slowed. */
const BURST = 5;

/** Guesses a second that a slowed address has. */
const GUESSES_PER_SECOND = 1;

/** Credentials of one address that are judged at a time, while none of them were wrong. */
const MOST_AT_A_TIME = 16;

/** Credentials of one address that may wait to be judged: as many as it may have connections, about. */
const MOST_WAITING = 1000;

/** The record of an address that has guessed. */
interface AddressGuesses {
  /** How many more may be wrong now; below 0 where more at a time were wrong. */
  left: number;
  atMs: number;
  judging: number;
  readonly waiting: Set<(mayGo: boolean) => void>;
  timer: Timer | undefined;
}

/** How long credentials wait for their turn. */
export interface TurnOptions {
  /** At most, milliseconds. */
  readonly waitMs: number;
  /** The client that shows them; it waits no longer once it leaves. */
  readonly leavers: Leavers;
}

/** Slows who guesses, in this thread or for several. */
export interface Guesses {
  /** See {@linkcode GuessGuard.note}. */
  note(address: string): void;
  /** See {@linkcode GuessGuard.suspects}. */
  suspects(address: string): boolean | Promise<boolean>;
  /** See {@linkcode GuessGuard.turn}. */
  turn(address: string, options: TurnOptions): Promise<((wasRight: boolean) => void) | undefined>;
  /** See {@linkcode GuessGuard.close}. */
  close(): void;
}

/**
 * Slows who guesses passwords: after some wrong ones an address, as {@linkcode boundedAddress} tells them apart, has one
 * try a second, whatever doors and connections it comes by. Who is right is not slowed, unless somebody at the same address guesses.
 */
export class GuessGuard implements Guesses {
  readonly #clock: Clock;
  readonly #addresses = new Map<string, AddressGuesses>();
  #isClosed = false;

  /** Takes time from `clock`. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Addresses that are remembered. */
  get size(): number {
    return this.#addresses.size;
  }

  /** Somebody at the address has guessed, and was judged without a turn. */
  note(address: string): void {
    if (this.#isClosed) return;
    const key = boundedAddress(address);
    const guesses = this.#of(key);
    guesses.left--;
    this.#go(key, guesses);
  }

  /** Whether somebody at the address has guessed of late. */
  suspects(address: string): boolean {
    return (this.#addresses.get(boundedAddress(address))?.left ?? BURST) < BURST;
  }

  /**
   * Resolves when credentials of an address may be judged: to what is to be called with whether they were right.
   * `undefined` where too many wait already, the turn has not come in time, or the client has left.
   */
  async turn(
    address: string,
    { waitMs, leavers }: TurnOptions,
  ): Promise<((wasRight: boolean) => void) | undefined> {
    if (this.#isClosed) return undefined;
    const key = boundedAddress(address);
    const guesses = this.#of(key);
    const { waiting } = guesses;
    if (waiting.size >= MOST_WAITING) return undefined;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const withdraw = (): void => void (waiting.delete(resolve) && resolve(false));
    waiting.add(resolve);
    leavers.add(withdraw);
    const timer = this.#clock.setTimer(withdraw, waitMs);
    this.#go(key, guesses);
    const mayGo = await promise;
    timer.cancel();
    leavers.delete(withdraw);
    if (!mayGo) return undefined;
    let isJudged = false;
    return (wasRight) => {
      if (isJudged) return;
      isJudged = true;
      guesses.judging--;
      if (!wasRight) guesses.left--;
      this.#go(key, guesses);
    };
  }

  /** Lets all go that wait, refused: the server stops. */
  close(): void {
    this.#isClosed = true;
    for (const { waiting, timer } of this.#addresses.values()) {
      timer?.cancel();
      for (const resolve of waiting) resolve(false);
      waiting.clear();
    }
    this.#addresses.clear();
  }

  #of(address: string): AddressGuesses {
    let guesses = this.#addresses.get(address);
    if (guesses === undefined) {
      const atMs = this.#clock.now();
      guesses = { left: BURST, atMs, judging: 0, waiting: new Set(), timer: undefined };
      this.#addresses.set(address, guesses);
    }
    return guesses;
  }

  #go(address: string, guesses: AddressGuesses): void {
    if (this.#isClosed) return;
    const { waiting } = guesses;
    const nowMs = this.#clock.now();
    guesses.left = Math.min(
      BURST,
      guesses.left + (nowMs - guesses.atMs) / 1000 * GUESSES_PER_SECOND,
    );
    guesses.atMs = nowMs;
    // While some were wrong of late, each may be wrong: no more go on than may be.
    const most = guesses.left >= BURST ? MOST_AT_A_TIME : Math.floor(guesses.left);
    for (const resolve of waiting) {
      if (guesses.judging >= most) break;
      guesses.judging++;
      waiting.delete(resolve);
      resolve(true);
    }
    guesses.timer?.cancel();
    guesses.timer = undefined;
    if (guesses.left >= BURST) {
      // Whoever is judged now, or is to be, calls again.
      if (guesses.judging === 0) this.#addresses.delete(address);
      return;
    }
    if (waiting.size === 0 && guesses.judging > 0) return;
    // Somebody waits, or the address is to be forgotten once it was quiet for long enough.
    const wanted = waiting.size > 0 ? Math.min(guesses.judging + 1, BURST) : BURST;
    const waitMs = Math.max(1, Math.ceil((wanted - guesses.left) / GUESSES_PER_SECOND * 1000));
    guesses.timer = this.#clock.setTimer(() => this.#go(address, guesses), waitMs);
  }
}
