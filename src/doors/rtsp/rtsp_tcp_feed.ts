import { ByteWriter } from "../../bytes/mod.ts";
import type { WireCursor, WireRun } from "../../hub/mod.ts";
import type { Feed } from "../../transport/mod.ts";
import {
  framesOf,
  type JoinBurst,
  type RtspFrame,
  type RtspStretch,
  stretchesOf,
} from "./join_burst.ts";
import type { SessionProtection } from "./session_protection.ts";

/** Bytes that are taken at a time while not all is sent: a player that pauses is sent those that were. */
const TAKEN_BYTES = 64 * 1024;

/**
 * What a player over TCP is sent: first what is there when it begins, without the reports that would set it off, and
 * then the shared bytes; one with other channels than 0-1, 2-3 …, or not all tracks, gets copies throughout.
 */
export class RtspTcpFeed implements Feed {
  readonly #cursor: WireCursor;
  readonly #burst: JoinBurst;
  readonly #channels: ReadonlyMap<number, number> | undefined;
  readonly #protection: SessionProtection | undefined;
  #pending: Uint8Array = new Uint8Array(0);
  /** The rest of the run that was taken. */
  #stretches: Generator<RtspStretch> | undefined;
  /** The last run that was taken ends behind what was there when the player began. */
  #isOver = false;
  /** Packets that were taken, and their bytes that have left. */
  readonly #taken = { messages: 0, bytes: 0 };
  /** Where the cursor stood when it began to give all the shared bytes; `undefined` before. */
  #shared: { readonly messages: number; readonly bytes: number } | undefined;

  /** `channels` are those of each track that is set up; `undefined` where they are those of the log. */
  constructor(
    cursor: WireCursor,
    options: {
      readonly burst: JoinBurst;
      readonly channels: ReadonlyMap<number, number> | undefined;
      /** What protects its packets, which are then copies throughout: each player has a key of its own. */
      readonly protection?: SessionProtection | undefined;
    },
  ) {
    this.#cursor = cursor;
    this.#burst = options.burst;
    this.#channels = options.channels;
    this.#protection = options.protection;
  }

  /** Packets that have left, or were taken to be sent. */
  get messages(): number {
    return this.#taken.messages + this.#cursor.messages -
      (this.#shared?.messages ?? this.#cursor.messages);
  }

  /** Bytes that have left. */
  get bytes(): number {
    return this.#taken.bytes + this.#cursor.bytes - (this.#shared?.bytes ?? this.#cursor.bytes);
  }

  get atBoundary(): boolean {
    return this.#shared === undefined ? this.#pending.length === 0 : this.#cursor.atBoundary;
  }

  /** The player begins, or goes on elsewhere; what it is in the middle of is not cut off. */
  restart(): void {
    this.#stretches = undefined;
    this.#isOver = false;
    if (this.#shared === undefined || !this.#cursor.atBoundary) return;
    const { messages, bytes } = this;
    Object.assign(this.#taken, { messages, bytes });
    this.#shared = undefined;
  }

  next(onlyMessage = false): Uint8Array | undefined {
    while (this.#shared === undefined && this.#pending.length === 0) {
      if (onlyMessage) return undefined;
      if (this.#stretches === undefined && !this.#take()) return undefined;
      const next = this.#stretches?.next();
      if (next?.done === false) {
        this.#taken.messages += next.value.messages;
        this.#pending = next.value.bytes;
      } else this.#stretches = undefined;
    }
    return this.#shared === undefined ? this.#pending : this.#cursor.next(onlyMessage);
  }

  advance(count: number): void {
    if (this.#shared !== undefined) return this.#cursor.advance(count);
    this.#taken.bytes += count;
    this.#pending = this.#pending.subarray(count);
  }

  wait(onWake: () => void): void {
    this.#cursor.wait(onWake);
  }

  /** Takes the next run, or goes over to the shared bytes; false where there is nothing now. */
  #take(): boolean {
    const isShared = this.#channels === undefined;
    const run = isShared && this.#isOver ? undefined : this.#cursor.takeRun();
    if (run !== undefined) {
      this.#isOver = this.#burst.isOverAfter(run);
      const preamble = this.#cursor.takePreamble();
      this.#stretches = this.#channels === undefined
        ? this.#views(preamble, run)
        : this.#copies(this.#framesOf(preamble, run), this.#channels);
      return true;
    }
    if (!isShared) return false;
    const { messages, bytes } = this.#cursor;
    this.#shared = { messages, bytes };
    return true;
  }

  *#framesOf(preamble: Uint8Array, run: WireRun): Generator<RtspFrame> {
    yield* framesOf(preamble);
    yield* this.#burst.frames(run);
  }

  *#views(preamble: Uint8Array, run: WireRun): Generator<RtspStretch> {
    const most = TAKEN_BYTES;
    yield* stretchesOf(framesOf(preamble), { bytes: preamble, most });
    yield* stretchesOf(this.#burst.frames(run), { bytes: run.bytes, most });
  }

  *#copies(
    frames: Iterable<RtspFrame>,
    channels: ReadonlyMap<number, number>,
  ): Generator<RtspStretch> {
    let writer = new ByteWriter();
    let messages = 0;
    for (const { track, rtcp, packet: plain } of frames) {
      const channel = channels.get(track);
      if (channel === undefined) continue;
      const packet = this.#protection?.protect(plain, { rtcp }) ?? plain;
      writer.u8(0x24).u8(channel + (rtcp ? 1 : 0)).u16(packet.length).bytes(packet);
      messages++;
      if (writer.length < TAKEN_BYTES) continue;
      yield { bytes: writer.finish(), messages };
      writer = new ByteWriter();
      messages = 0;
    }
    if (messages > 0) yield { bytes: writer.finish(), messages };
  }
}
