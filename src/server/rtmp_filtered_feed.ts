import { ByteReader, ByteWriter } from "../bytes/mod.ts";
import type { WireCursor, WireEntry, WireRun } from "../hub/mod.ts";
import { chunkedLength } from "../rtmp/mod.ts";
import type { Feed } from "./outbox.ts";
import { PLAYER_CHUNK_SIZE } from "./rtmp_wire_format.ts";

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
  #pending: Uint8Array = new Uint8Array(0);
  /** Bytes of it that have left. */
  #offset = 0;
  /** Where each message in it ends, and which of them is the next to end. */
  #ends: readonly number[] = [];
  #nextEnd = 0;

  /** Takes messages from `cursor`. */
  constructor(cursor: WireCursor, wishes: RtmpPlayerWishes) {
    this.#cursor = cursor;
    this.#wishes = wishes;
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
    for (let at = 0; at < preamble.length;) {
      starts.push(at);
      at += messageLength(preamble, at);
    }
    writer.bytes(preamble);
    for (const entry of run.entries) {
      if (!this.#wants(entry)) continue;
      starts.push(writer.length);
      writer.bytes(run.bytes.subarray(entry.start, entry.end));
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

  #wants(entry: WireEntry): boolean {
    // What decoding needs is kept up to date, so that the kind can be switched on again.
    return entry.kind === "data" || entry.role !== "media" || this.#wishes[entry.kind];
  }
}

/** Bytes of the message that starts at `at` in bytes that the wire format has made. */
function messageLength(bytes: Uint8Array, at: number): number {
  const reader = new ByteReader(bytes.subarray(at));
  const chunkStreamId = reader.u8() & 0x3f;
  // The marker of an extended timestamp counts as one, which is all that matters here.
  const timestampMs = reader.u24();
  const payloadLength = reader.u24();
  return chunkedLength(payloadLength, {
    chunkSize: PLAYER_CHUNK_SIZE,
    timestampMs,
    chunkStreamId,
  });
}
