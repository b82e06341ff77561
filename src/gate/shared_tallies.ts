import { AddressNames, boundedAddress } from "./address_bounds.ts";
import type { Tallies } from "./tallies.ts";

/**
 * Cells of a row. Two addresses that share a cell in each of the two rows count as one, which happens to a given two by
 * one in 67 million.
 */
const CELLS = 8192;
const ROWS = 2;

/** What is counted in cells of each member's own, so that those of one that dies can be taken out. */
const COUNTED = ["connections", "waited"] as const;
type Counted = typeof COUNTED[number];

/** What is bounded a second, in cells of all. */
const PACED = ["handshakes", "requests"] as const;
type Paced = typeof PACED[number];

/** Numbers of one member: its total, and the cells of what is counted. */
const MEMBER_NUMBERS = 1 + COUNTED.length * ROWS * CELLS;

const SECOND_US = 1_000_000;

/** The memory that several gates count in, and what their cells are chosen by. */
export interface SharedTalliesMemory {
  /** What each member has. */
  readonly counts: SharedArrayBuffer;
  /** When what was done would have been due. */
  readonly times: SharedArrayBuffer;
  /** Known to nobody else, so that nobody chooses addresses that share a cell. */
  readonly seeds: readonly [number, number];
}

/** Makes memory for so many members; the seeds are numbers of 32 bits by chance. */
export function sharedTalliesMemory(
  members: number,
  seeds: SharedTalliesMemory["seeds"],
): SharedTalliesMemory {
  return {
    counts: new SharedArrayBuffer(4 * members * MEMBER_NUMBERS),
    times: new SharedArrayBuffer(8 * PACED.length * ROWS * CELLS),
    seeds,
  };
}

/** A member has died: what it had counts no longer. */
export function forgetMember({ counts }: SharedTalliesMemory, member: number): void {
  const numbers = new Int32Array(counts);
  for (let at = member * MEMBER_NUMBERS; at < (member + 1) * MEMBER_NUMBERS; at++) {
    Atomics.store(numbers, at, 0);
  }
}

/**
 * Counts together with other members of one process, each in a thread of its own, without a message: in shared memory.
 * Addresses are told apart by two hashes of theirs and not kept (a count-min sketch: Cormode and Muthukrishnan, "An
 * improved data stream summary", 2005), so that memory is bounded whoever comes.
 */
export class SharedTallies implements Tallies {
  readonly connections: Tallies["connections"];
  readonly handshakes: Tallies["handshakes"];
  readonly requests: Tallies["requests"];
  readonly waited: Tallies["waited"];
  readonly #counts: Int32Array<SharedArrayBuffer>;
  readonly #times: BigInt64Array<SharedArrayBuffer>;
  readonly #seeds: readonly [number, number];
  readonly #member: number;
  readonly #nowUnixMs: () => number;

  /** Counts as one of the members; `nowUnixMs` is the time, by a clock that all have. */
  constructor(
    { counts, times, seeds }: SharedTalliesMemory,
    { member, nowUnixMs }: { readonly member: number; readonly nowUnixMs: () => number },
  ) {
    this.#counts = new Int32Array(counts);
    this.#times = new BigInt64Array(times);
    this.#seeds = seeds;
    this.#member = member;
    this.#nowUnixMs = nowUnixMs;
    this.connections = this.#connections();
    this.handshakes = {
      take: (address, { perSecond }) => this.#pace("handshakes", { address, perSecond }),
    };
    this.requests = {
      take: (address, { perSecond }) => this.#pace("requests", { address, perSecond }),
    };
    this.waited = this.#waited();
  }

  #connections(): Tallies["connections"] {
    const total = this.#member * MEMBER_NUMBERS;
    const counts = this.#counts;
    return {
      get total() {
        let sum = 0;
        for (let at = 0; at < counts.length; at += MEMBER_NUMBERS) sum += Atomics.load(counts, at);
        return sum;
      },
      of: (address) => this.#of("connections", boundedAddress(address)),
      take: (address) => {
        const key = boundedAddress(address);
        Atomics.add(counts, total, 1);
        this.#add("connections", { key, by: 1 });
        let isHeld = true;
        return () => {
          if (!isHeld) return;
          isHeld = false;
          Atomics.sub(counts, total, 1);
          this.#add("connections", { key, by: -1 });
        };
      },
    };
  }

  /** A name that players wait for at several members counts at each. */
  #waited(): Tallies["waited"] {
    const own = new AddressNames();
    return {
      of: (address) => this.#of("waited", boundedAddress(address)),
      has: (address, name) => own.has(address, name),
      take: (address, name) => {
        const key = boundedAddress(address);
        if (!own.has(key, name)) this.#add("waited", { key, by: 1 });
        const giveBack = own.take(key, name);
        return () => {
          const had = own.has(key, name);
          giveBack();
          if (had && !own.has(key, name)) this.#add("waited", { key, by: -1 });
        };
      },
    };
  }

  #of(what: Counted, key: string): number {
    let least = Infinity;
    for (let row = 0; row < ROWS; row++) {
      let sum = 0;
      const cell = this.#cellOf(what, { key, row });
      for (let at = cell; at < this.#counts.length; at += MEMBER_NUMBERS) {
        sum += Atomics.load(this.#counts, at);
      }
      least = Math.min(least, sum);
    }
    return least;
  }

  #add(what: Counted, { key, by }: { readonly key: string; readonly by: number }): void {
    const own = this.#member * MEMBER_NUMBERS;
    for (let row = 0; row < ROWS; row++) {
      Atomics.add(this.#counts, own + this.#cellOf(what, { key, row }), by);
    }
  }

  /** The cell of the first member. */
  #cellOf(what: Counted, { key, row }: { readonly key: string; readonly row: number }): number {
    return 1 + (COUNTED.indexOf(what) * ROWS + row) * CELLS + this.#hash(key, row) % CELLS;
  }

  /**
   * Whether an address may do it now: a cell has the time at which all that was done would have been due at that pace, and
   * that may be a second ahead (the generic cell rate algorithm, ITU-T I.371, as a bucket of a second's worth).
   */
  #pace(
    what: Paced,
    { address, perSecond }: { readonly address: string; readonly perSecond: number },
  ): boolean {
    if (perSecond === Infinity) return true;
    if (perSecond <= 0) return false;
    const key = boundedAddress(address);
    const stepUs = Math.max(1, SECOND_US / perSecond);
    const nowUs = this.#nowUnixMs() * 1000;
    let may = false;
    for (let row = 0; row < ROWS; row++) {
      const cell = (PACED.indexOf(what) * ROWS + row) * CELLS + this.#hash(key, row) % CELLS;
      may = this.#step(cell, { nowUs, stepUs }) || may;
    }
    return may;
  }

  #step(
    cell: number,
    { nowUs, stepUs }: { readonly nowUs: number; readonly stepUs: number },
  ): boolean {
    for (;;) {
      const known = Atomics.load(this.#times, cell);
      const dueUs = Number(known);
      // What is further ahead than it can be was written before the clock was set back.
      const isAhead = dueUs > nowUs && dueUs <= nowUs + SECOND_US + stepUs;
      const nextUs = (isAhead ? dueUs : nowUs) + stepUs;
      if (nextUs > nowUs + SECOND_US + 1) return false;
      const next = BigInt(Math.ceil(nextUs));
      if (Atomics.compareExchange(this.#times, cell, known, next) === known) return true;
    }
  }

  #hash(key: string, row: number): number {
    let hash = this.#seeds[row]!;
    for (let at = 0; at < key.length; at++) {
      hash = Math.imul(hash ^ key.charCodeAt(at), 0x5bd1e995);
      hash ^= hash >>> 15;
    }
    hash = Math.imul(hash ^ hash >>> 13, 0xc2b2ae35);
    return (hash ^ hash >>> 16) >>> 0;
  }
}
