import type { WireCursor } from "../../hub/mod.ts";
import type { Feed } from "../../transport/mod.ts";
import { type RtmpCodecGuard, wireMessageLength } from "../../wire/early.ts";

const NOTHING = new Uint8Array(0);

/** The feed of a player that takes the shared bytes, but for codecs that it cannot take: there it ends. */
export class RtmpGuardedFeed implements Feed {
  readonly #cursor: WireCursor;
  readonly #guard: RtmpCodecGuard;
  /** What `next` has given. */
  #given: Uint8Array = NOTHING;
  /** Bytes that the message under way still has. */
  #rest = 0;
  /** The buffer that was looked through last, and where in it: the log only grows, and is read forwards. */
  #checked: { readonly buffer: ArrayBufferLike; readonly to: number } | undefined;

  /** Takes messages from `cursor` as far as `guard` lets them pass. */
  constructor(cursor: WireCursor, guard: RtmpCodecGuard) {
    this.#cursor = cursor;
    this.#guard = guard;
  }

  get atBoundary(): boolean {
    return this.#rest === 0;
  }

  next(onlyMessage = false): Uint8Array | undefined {
    if (onlyMessage && this.atBoundary) return undefined;
    const bytes = this.#cursor.next(onlyMessage);
    if (bytes === undefined) return undefined;
    const end = onlyMessage ? this.#rest : this.#allowed(bytes);
    if (end === 0) return undefined;
    this.#given = bytes.subarray(0, end);
    return this.#given;
  }

  advance(count: number): void {
    this.#cursor.advance(count);
    let end = this.#rest;
    while (end < count) end += wireMessageLength(this.#given, end);
    this.#rest = end - count;
    this.#given = NOTHING;
  }

  wait(onWake: () => void): void {
    this.#cursor.wait(onWake);
  }

  /** How many of the bytes may be sent: up to the first message that may not. */
  #allowed(bytes: Uint8Array): number {
    const { buffer, byteOffset } = bytes;
    let at = this.#rest;
    // What is left of a partial write has been looked at.
    if (this.#checked?.buffer === buffer) at = Math.max(at, this.#checked.to - byteOffset);
    let refused: string | undefined;
    while (at < bytes.length && refused === undefined) {
      refused = this.#guard.refusedAt(bytes, at);
      if (refused === undefined) at += wireMessageLength(bytes, at);
    }
    this.#checked = { buffer, to: byteOffset + at };
    if (refused === undefined) return bytes.length;
    if (at === 0) this.#guard.refuse(refused);
    return at;
  }
}
