/** Remembers which challenges were answered, so that each is good for one answer. */
export interface UsedChallenges {
  /**
   * Uses a challenge up, which is good until `endsMs`; `false` where it was used before, or that cannot be told: the client
   * is then asked anew. `nonce` is 16 characters of base64url that were chosen by chance.
   */
  use(nonce: string, time: { readonly nowMs: number; readonly endsMs: number }): boolean;
}

/** Remembers the challenges of one thread. */
export class OwnUsedChallenges implements UsedChallenges {
  readonly #max: number;
  /** Until when each is good, the one that was used first first. */
  readonly #endsMs = new Map<string, number>();

  /** Remembers at most `max` that are still good; further ones cannot be used before time has passed. */
  constructor(max: number) {
    this.#max = max;
  }

  /** See {@linkcode UsedChallenges.use}. */
  use(
    nonce: string,
    { nowMs, endsMs }: { readonly nowMs: number; readonly endsMs: number },
  ): boolean {
    for (const [used, usedEndsMs] of this.#endsMs) {
      if (usedEndsMs > nowMs) break;
      this.#endsMs.delete(used);
    }
    if (this.#endsMs.has(nonce) || this.#endsMs.size >= this.#max) return false;
    this.#endsMs.set(nonce, endsMs);
    return true;
  }
}

/** Each challenge has one of these cells, by its nonce. */
const CELLS = 65_536;

/** Makes the memory of {@linkcode SharedUsedChallenges}. */
export function usedChallengesMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(CELLS * Uint32Array.BYTES_PER_ELEMENT);
}

/**
 * Remembers the challenges of several threads, in memory that they share: a cell holds until when a challenge that was used
 * is good, in seconds since 1970, by a clock that all have. Of two challenges with the same cell the second cannot be
 * used at the same time, and its client is asked anew.
 */
export class SharedUsedChallenges implements UsedChallenges {
  readonly #cells: Uint32Array<SharedArrayBuffer>;

  /** Remembers in the memory that {@linkcode usedChallengesMemory} has made. */
  constructor(memory: SharedArrayBuffer) {
    this.#cells = new Uint32Array(memory);
  }

  /** See {@linkcode UsedChallenges.use}. */
  use(
    nonce: string,
    { nowMs, endsMs }: { readonly nowMs: number; readonly endsMs: number },
  ): boolean {
    const [low, middle] = Uint8Array.fromBase64(nonce.slice(0, 4), { alphabet: "base64url" });
    const cell = low! | middle! << 8;
    const before = Atomics.load(this.#cells, cell);
    if (before * 1000 > nowMs) return false;
    const after = Math.ceil(endsMs / 1000);
    return Atomics.compareExchange(this.#cells, cell, before, after) === before;
  }
}
