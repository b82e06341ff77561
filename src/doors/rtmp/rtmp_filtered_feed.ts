import { ByteWriter } from "../../bytes/mod.ts";
import type { WireCursor, WireEntry, WireRun } from "../../hub/mod.ts";
import type { Feed } from "../../transport/mod.ts";
import { type RtmpCodecGuard, wireMessageLength } from "../../wire/early.ts";

/** Offset of the message stream id in a type 0 chunk with a one-byte basic header. */
const STREAM_ID_AT = 8;

/** What a player does not take as everybody else does. */
export interface RtmpPlayerWishes {
  /** NetStream that it plays on. */
  readonly streamId: number;
  /** Whether it wants audio. */
  readonly audio: boolean;
  /** Whether it wants video. */
  readonly video: boolean;
}

/**
 * The feed of a player that cannot take the shared bytes as they are: another NetStream than the
 * first, audio or video switched off. It copies the messages that it keeps; slower, and rare.
 */
export class RtmpFilteredFeed implements Feed {
  #wishes: RtmpPlayerWishes;
  readonly #cursor: WireCursor;
  readonly #guard: RtmpCodecGuard | undefined;
  /** The codec at which it ends, behind what is pending. */
  #refused: string | undefined;
  #pending: Uint8Array = new Uint8Array(0);
  /** Bytes of it that have left. */
  #offset = 0;
  /** Where each message in it ends, and which of them is the next to end. */
  #ends: readonly number[] = [];
  #nextEnd = 0;

  /** Takes messages from `cursor`, as far as `guard` lets them pass. */
  constructor(cursor: WireCursor, wishes: RtmpPlayerWishes, guard?: RtmpCodecGuard) {
    this.#cursor = cursor;
    this.#wishes = wishes;
    this.#guard = guard;
  }

  /** Changes what is taken, from the next message on. */
  set wishes(wishes: RtmpPlayerWishes) {
    this.#wishes = wishes;
  }

  get atBoundary(): boolean {
    return this.#offset === (this.#ends[this.#nextEnd - 1] ?? 0);
  }

  next(onlyMessage = false): Uint8Array | undefined {
    if (onlyMessage) {
      if (this.atBoundary) return undefined;
      return this.#pending.subarray(this.#offset, this.#ends[this.#nextEnd]);
    }
    while (this.#offset === this.#pending.length) {
      if (this.#refused !== undefined) {
        this.#guard!.refuse(this.#refused);
        return undefined;
      }
      const run = this.#cursor.takeRun();
      if (run === undefined) return undefined;
      this.#copy(run, this.#cursor.takePreamble());
    }
    return this.#pending.subarray(this.#offset);
  }

  advance(count: number): void {
    this.#offset += count;
    while (this.#ends[this.#nextEnd]! <= this.#offset) this.#nextEnd++;
  }

  wait(onWake: () => void): void {
    this.#cursor.wait(onWake);
  }

  #copy(run: WireRun, preamble: Uint8Array): void {
    const writer = new ByteWriter(preamble.length + 4096);
    const starts: number[] = [];
    for (const { bytes, start, end } of this.#wanted(run, preamble)) {
      this.#refused = this.#guard?.refusedAt(bytes, start);
      if (this.#refused !== undefined) break;
      starts.push(writer.length);
      writer.bytes(bytes.subarray(start, end));
    }
    const bytes = writer.finish();
    for (const start of starts) {
      new DataView(bytes.buffer, bytes.byteOffset + start + STREAM_ID_AT)
        .setUint32(0, this.#wishes.streamId, true);
    }
    this.#pending = bytes;
    this.#offset = 0;
    this.#ends = [...starts.slice(1), bytes.length];
    this.#nextEnd = 0;
  }

  /** The messages of the preamble and of the run that the player takes. */
  *#wanted(
    run: WireRun,
    preamble: Uint8Array,
  ): Generator<{ readonly bytes: Uint8Array; readonly start: number; readonly end: number }> {
    for (let start = 0; start < preamble.length;) {
      const end = start + wireMessageLength(preamble, start);
      yield { bytes: preamble, start, end };
      start = end;
    }
    for (const entry of run.entries) {
      if (this.#wants(entry)) yield { bytes: run.bytes, start: entry.start, end: entry.end };
    }
  }

  #wants(entry: WireEntry): boolean {
    // What decoding needs is kept up to date, so that the kind can be switched on again.
    return entry.kind === "data" || entry.role !== "media" || this.#wishes[entry.kind];
  }
}
