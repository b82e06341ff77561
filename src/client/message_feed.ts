import { concat } from "@std/bytes/concat";
import type { Feed } from "../transport/mod.ts";

/** Media that waits to be written before a publisher is held back: a key frame or two. */
const MOST_WAITING_BYTES = 512 * 1024;

/** Small messages are written together, up to so many bytes. */
const BATCH_BYTES = 64 * 1024;

/**
 * What a client publishes, as a feed of its connection's outbox: whole messages, in the order in which they were
 * given, which the server and its players keep. What the session says overtakes them.
 */
export class MessageFeed implements Feed {
  readonly #messages: Uint8Array[] = [];
  /** Bytes of the first message that have left. */
  #sentOfFirst = 0;
  #waitingBytes = 0;
  #room: PromiseWithResolvers<void> | undefined;
  #onWake: (() => void) | undefined;
  #isEnded = false;

  /** Whether the next byte to leave is the first of a message. */
  get atBoundary(): boolean {
    return this.#sentOfFirst === 0;
  }

  /** Adds a message, which is not changed afterwards; resolves when there is room for the next. */
  push(message: Uint8Array): Promise<void> | undefined {
    if (this.#isEnded) return undefined;
    this.#messages.push(message);
    this.#waitingBytes += message.length;
    const onWake = this.#onWake;
    this.#onWake = undefined;
    onWake?.();
    // To write may have ended it.
    if (this.#waitingBytes <= MOST_WAITING_BYTES) return undefined;
    this.#room ??= Promise.withResolvers();
    return this.#room.promise;
  }

  /** Drops what waits, and takes nothing more: who waits for room goes on. */
  end(): void {
    this.#isEnded = true;
    this.#messages.length = 0;
    this.#sentOfFirst = 0;
    this.#waitingBytes = 0;
    this.#makeRoom();
  }

  /**
   * Bytes that may be written where the server has room for `room()`: the message that fills it goes whole. Where
   * nothing waits, nothing is held.
   */
  wholeRoom(room: () => number): number {
    const first = this.#messages[0];
    if (first === undefined) return Infinity;
    const bytes = room();
    return bytes <= 0 && this.atBoundary ? 0 : Math.max(bytes, first.length - this.#sentOfFirst);
  }

  /** See {@linkcode Feed}. */
  next(onlyMessage = false): Uint8Array | undefined {
    const first = this.#messages[0];
    if (first === undefined || (onlyMessage && this.atBoundary)) return undefined;
    const rest = this.#sentOfFirst === 0 ? first : first.subarray(this.#sentOfFirst);
    let count = 1;
    let bytes = rest.length;
    while (!onlyMessage && count < this.#messages.length && bytes < BATCH_BYTES) {
      bytes += this.#messages[count++]!.length;
    }
    return count === 1 ? rest : concat([rest, ...this.#messages.slice(1, count)]);
  }

  /** See {@linkcode Feed}. */
  advance(count: number): void {
    if (this.#isEnded) return;
    this.#waitingBytes -= count;
    let sent = this.#sentOfFirst + count;
    let whole = 0;
    for (; whole < this.#messages.length && sent >= this.#messages[whole]!.length; whole++) {
      sent -= this.#messages[whole]!.length;
    }
    this.#messages.splice(0, whole);
    this.#sentOfFirst = sent;
    if (this.#waitingBytes <= MOST_WAITING_BYTES) this.#makeRoom();
  }

  /** See {@linkcode Feed}. */
  wait(onWake: () => void): void {
    this.#onWake = onWake;
  }

  #makeRoom(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }
}
