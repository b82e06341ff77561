import { createCipheriv } from "node:crypto";

const BLOCK = 16;

/** Where a packet's key stream begins: what goes into its counter (RFC 3711, 4.1.1). */
export interface CounterStart {
  readonly ssrc: number;
  /** The upper 32 bits of the packet's index of 48 bits: the roll-over counter. */
  readonly indexHigh: number;
  /** Its lower 16 bits. */
  readonly indexLow: number;
  /** Bytes that are to be encrypted. */
  readonly length: number;
}

/**
 * Computes the key stream of AES in counter mode for several packets at once: it encrypts their counters, block by block,
 * with one cipher. To make a cipher costs 7 µs, and to encrypt the counters of 1200 bytes another 1.4 µs, while a
 * cipher in counter mode for each packet costs 9 µs a packet. No cipher is kept for the next call, since each holds a
 * resource of the runtime until it is finished.
 */
export class CounterStream {
  readonly #algorithm: "aes-128-ecb" | "aes-256-ecb";
  readonly #key: Uint8Array;
  readonly #salt: Uint8Array;
  #counters: Uint8Array = new Uint8Array(64 * BLOCK);

  /** `salt` has 14 bytes. */
  constructor(key: Uint8Array, salt: Uint8Array) {
    this.#algorithm = key.length === 16 ? "aes-128-ecb" : "aes-256-ecb";
    this.#key = key;
    this.#salt = salt;
  }

  /**
   * Returns the key stream of packets, one after the other in their order. Each packet takes whole blocks, so that the
   * next one begins at a multiple of 16 bytes.
   */
  of(packets: readonly CounterStart[]): Uint8Array {
    let blocks = 0;
    for (const { length } of packets) blocks += blocksOf(length);
    if (this.#counters.length < blocks * BLOCK) this.#counters = new Uint8Array(blocks * BLOCK * 2);
    let at = 0;
    for (const packet of packets) at = this.#fill(packet, at);
    const cipher = createCipheriv(this.#algorithm, this.#key, null);
    cipher.setAutoPadding(false);
    const stream = cipher.update(this.#counters.subarray(0, at));
    cipher.final();
    return stream;
  }

  #fill({ ssrc, indexHigh, indexLow, length }: CounterStart, from: number): number {
    const counters = this.#counters;
    const salt = this.#salt;
    const blocks = blocksOf(length);
    let at = from;
    for (let block = 0; block < blocks; block++, at += BLOCK) {
      counters[at] = salt[0]!;
      counters[at + 1] = salt[1]!;
      counters[at + 2] = salt[2]!;
      counters[at + 3] = salt[3]!;
      counters[at + 4] = salt[4]! ^ (ssrc >>> 24);
      counters[at + 5] = salt[5]! ^ (ssrc >>> 16);
      counters[at + 6] = salt[6]! ^ (ssrc >>> 8);
      counters[at + 7] = salt[7]! ^ ssrc;
      counters[at + 8] = salt[8]! ^ (indexHigh >>> 24);
      counters[at + 9] = salt[9]! ^ (indexHigh >>> 16);
      counters[at + 10] = salt[10]! ^ (indexHigh >>> 8);
      counters[at + 11] = salt[11]! ^ indexHigh;
      counters[at + 12] = salt[12]! ^ (indexLow >>> 8);
      counters[at + 13] = salt[13]! ^ indexLow;
      counters[at + 14] = block >> 8;
      counters[at + 15] = block;
    }
    return at;
  }
}

/** How many blocks of key stream it takes to encrypt so many bytes. */
export function blocksOf(bytes: number): number {
  return (bytes + BLOCK - 1) >> 4;
}

/** How many bytes of key stream a packet takes that has so many bytes to encrypt. */
export function streamBytes(bytes: number): number {
  return blocksOf(bytes) * BLOCK;
}

/**
 * Combines `length` bytes of `source` with the key stream, and writes them to `target`: plain bytes are encrypted by that,
 * and encrypted ones are decrypted.
 */
export function applyStream(
  stream: Uint8Array,
  { streamAt, source, from, target, at, length }: {
    readonly streamAt: number;
    readonly source: Uint8Array;
    readonly from: number;
    readonly target: Uint8Array;
    readonly at: number;
    readonly length: number;
  },
): void {
  for (let i = 0; i < length; i++) target[at + i] = source[from + i]! ^ stream[streamAt + i]!;
}
