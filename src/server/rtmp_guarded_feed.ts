import type { WireCursor } from "../hub/mod.ts";
import type { Feed } from "./outbox.ts";
import type { RtmpCodecGuard } from "./rtmp_capabilities.ts";
import { wireMessageLength } from "./rtmp_wire_format.ts";

const NOTHING = new Uint8Array(0);

/** The feed of a player that takes the shared bytes, but for codecs that it cannot take: there it ends. */
export class RtmpGuardedFeed implements Feed {
  readonly #cursor: WireCursor;
  readonly #guard: RtmpCodecGuard;
  /** What `next` has given. */
  #given: Uint8Array = NOTHING;
  /** Bytes that the message under way still has. */
  #rest = 0;

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
    let at = this.#rest;
    while (at < bytes.length) {
      const refused = this.#guard.refusedAt(bytes, at);
      if (refused !== undefined) {
        if (at === 0) this.#guard.refuse(refused);
        return at;
      }
      at += wireMessageLength(bytes, at);
    }
    return bytes.length;
  }
}
