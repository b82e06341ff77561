/** Seeded chance, and what it does to bytes. */

import { concat } from "@std/bytes/concat";

/** Random numbers that the same seed gives again (mulberry32). */
export class Chance {
  #state: number;

  /** Starts anew from `seed`. */
  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 to 1, 1 left out. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number below `end`. */
  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  /** Whether something of that probability happens. */
  is(probability: number): boolean {
    return this.next() < probability;
  }

  /** One of `choices`. */
  of<T>(choices: readonly T[]): T {
    return choices[this.below(choices.length)]!;
  }

  /** Bytes without sense. */
  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }
}

/**
 * How often a walk goes wrong at a step. What is wrong mostly ends a connection, so those that are seldom wrong come
 * far, and those that often are show what happens early.
 */
export const WRONGNESS: readonly number[] = [0.004, 0.02, 0.1, 0.4];

/** Values at which lengths, counts and numbers break. */
const EDGES = [0, 1, 2, 3, 0x7f, 0x80, 0xfe, 0xff];

type Mutation = (bytes: Uint8Array, chance: Chance) => Uint8Array;

const MUTATIONS: readonly Mutation[] = [
  function flipBits(bytes, chance) {
    const copy = bytes.slice();
    for (let count = 1 + chance.below(4); count > 0; count--) {
      copy[chance.below(copy.length)]! ^= 1 << chance.below(8);
    }
    return copy;
  },
  function writeEdges(bytes, chance) {
    const copy = bytes.slice();
    const at = chance.below(copy.length);
    copy.fill(chance.of(EDGES), at, at + 1 + chance.below(4));
    return copy;
  },
  function cut(bytes, chance) {
    return bytes.slice(0, chance.below(bytes.length));
  },
  function leaveOut(bytes, chance) {
    const from = chance.below(bytes.length);
    const to = from + 1 + chance.below(8);
    return concat([bytes.subarray(0, from), bytes.subarray(to)]);
  },
  function repeat(bytes, chance) {
    const from = chance.below(bytes.length);
    const piece = bytes.subarray(from, from + 1 + chance.below(32));
    const times = 1 + chance.below(chance.is(0.02) ? 200 : 4);
    return concat([bytes.subarray(0, from), ...new Array(times).fill(piece), bytes.subarray(from)]);
  },
  function insert(bytes, chance) {
    const at = chance.below(bytes.length + 1);
    return concat([bytes.subarray(0, at), chance.bytes(1 + chance.below(16)), bytes.subarray(at)]);
  },
  function swap(bytes, chance) {
    const middle = chance.below(bytes.length);
    return concat([bytes.subarray(middle), bytes.subarray(0, middle)]);
  },
];

/** Changes `bytes` in one to three ways; a copy comes back. */
export function mutated(bytes: Uint8Array, chance: Chance): Uint8Array {
  let changed = bytes;
  for (let count = 1 + chance.below(3); count > 0; count--) {
    if (changed.length === 0) return chance.bytes(chance.below(8));
    changed = chance.of(MUTATIONS)(changed, chance);
  }
  return changed;
}

/** Numbers that text says where a small one stood. */
const TEXT_EDGES = [
  "",
  "-1",
  "0",
  "65535",
  "65536",
  "4294967296",
  "1e9",
  "0x10",
  "99999999999999999999",
];

/** Changes a text as an odd client would: numbers, lines and blanks; or its bytes. */
export function mutatedText(text: string, chance: Chance): Uint8Array {
  let changed = text;
  const encoder = new TextEncoder();
  switch (chance.below(6)) {
    case 0:
      changed = changed.replace(
        /\d+/g,
        (digits) => chance.is(0.3) ? chance.of(TEXT_EDGES) : digits,
      );
      break;
    case 1: {
      const lines = changed.split("\r\n");
      lines.splice(chance.below(lines.length), 1);
      changed = lines.join("\r\n");
      break;
    }
    case 2: {
      const lines = changed.split("\r\n");
      const line = chance.of(lines);
      lines.splice(chance.below(lines.length), 0, ...new Array(1 + chance.below(5)).fill(line));
      changed = lines.join("\r\n");
      break;
    }
    case 3:
      changed = changed.replace(
        / /g,
        () => " ".repeat(1 + chance.below(chance.is(0.05) ? 5000 : 3)),
      );
      break;
    case 4:
      changed = changed.replace(
        /[=;,:]/g,
        (mark) => chance.is(0.2) ? chance.of(["", mark + mark, "\0", '"']) : mark,
      );
      break;
    default:
      return mutated(encoder.encode(changed), chance);
  }
  return encoder.encode(changed);
}
