import type { Clock, Timer } from "../hub/mod.ts";

/** Players that wait for files at once: each costs a promise. */
const MAX_WAITERS = 20_000;

/** Waiters for one file share a promise. */
interface Awaited {
  readonly promise: Promise<boolean>;
  readonly settle: (isThere: boolean) => void;
  readonly isThere: () => boolean;
  readonly timer: Timer;
}

/** Files that players wait for: each is looked for again when something new is there, or given up in time. */
export class AwaitedFiles {
  readonly #clock: Clock;
  readonly #awaited = new Map<string, Awaited>();
  #waiters = 0;

  /** Nobody waits yet. */
  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Resolves to whether a file is there, at once or in time; `key` names it, and those that wait for the same share a
   * timer. False at once where too many wait.
   */
  async wait(
    key: string,
    { isThere, waitMs }: { readonly isThere: () => boolean; readonly waitMs: number },
  ): Promise<boolean> {
    if (isThere()) return true;
    if (this.#waiters >= MAX_WAITERS) return false;
    this.#waiters++;
    try {
      return await (this.#awaited.get(key) ?? this.#await(key, isThere, waitMs)).promise;
    } finally {
      this.#waiters--;
    }
  }

  /** Something new is there: who waits for it is told. */
  settleReady(): void {
    for (const awaited of [...this.#awaited.values()]) {
      if (awaited.isThere()) awaited.settle(true);
    }
  }

  /** Nothing more comes: all are told whether what they wait for is there. */
  settleAll(): void {
    for (const awaited of [...this.#awaited.values()]) awaited.settle(awaited.isThere());
  }

  #await(key: string, isThere: () => boolean, waitMs: number): Awaited {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const settle = (isThere: boolean): void => {
      awaited.timer.cancel();
      this.#awaited.delete(key);
      resolve(isThere);
    };
    const timer = this.#clock.setTimer(() => settle(false), waitMs);
    const awaited: Awaited = { promise, settle, isThere, timer };
    this.#awaited.set(key, awaited);
    return awaited;
  }
}
