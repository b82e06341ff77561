import { ByteWriter } from "../../bytes/mod.ts";
import type { WireCursor, WireRun } from "../../hub/mod.ts";
import type { Feed } from "../../transport/mod.ts";
import { framesOf, type JoinBurst, type RtspFrame } from "./join_burst.ts";
import type { SessionProtection } from "./session_protection.ts";

/** Bytes that are copied at a time: a player that pauses is sent those that were. */
const COPIED_BYTES = 64 * 1024;

/**
 * What a player over TCP is sent: first a copy of what is there when it begins, without the reports that would
 * set it off, and then the shared bytes; one with other channels than 0-1, 2-3 …, or not all tracks, gets copies
 * throughout.
 */
export class RtspTcpFeed implements Feed {
  readonly #cursor: WireCursor;
  readonly #burst: JoinBurst;
  readonly #channels: ReadonlyMap<number, number> | undefined;
  readonly #protection: SessionProtection | undefined;
  #pending: Uint8Array = new Uint8Array(0);
  /** The rest of the run that is being copied. */
  #frames: Generator<RtspFrame> | undefined;
  /** The last run that was taken ends behind what was there when the player began. */
  #isOver = false;
  /** Packets that were copied, and their bytes that have left. */
  readonly #copied = { messages: 0, bytes: 0 };
  /** Where the cursor stood when it began to give the shared bytes; `undefined` while copies are made. */
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
    return this.#copied.messages + this.#cursor.messages -
      (this.#shared?.messages ?? this.#cursor.messages);
  }

  /** Bytes that have left. */
  get bytes(): number {
    return this.#copied.bytes + this.#cursor.bytes - (this.#shared?.bytes ?? this.#cursor.bytes);
  }

  get atBoundary(): boolean {
    return this.#shared === undefined ? this.#pending.length === 0 : this.#cursor.atBoundary;
  }

  /** The player begins, or goes on elsewhere; what it is in the middle of is not cut off. */
  restart(): void {
    this.#frames = undefined;
    this.#isOver = false;
    if (this.#shared === undefined || !this.#cursor.atBoundary) return;
    const { messages, bytes } = this;
    Object.assign(this.#copied, { messages, bytes });
    this.#shared = undefined;
  }

  next(onlyMessage = false): Uint8Array | undefined {
    while (this.#shared === undefined && this.#pending.length === 0) {
      if (onlyMessage) return undefined;
      if (this.#frames === undefined && !this.#take()) return undefined;
      if (this.#frames !== undefined) this.#copySome(this.#frames);
    }
    return this.#shared === undefined ? this.#pending : this.#cursor.next(onlyMessage);
  }

  advance(count: number): void {
    if (this.#shared !== undefined) return this.#cursor.advance(count);
    this.#copied.bytes += count;
    this.#pending = this.#pending.subarray(count);
  }

  wait(onWake: () => void): void {
    this.#cursor.wait(onWake);
  }

  /** Takes the next run to be copied, or goes over to the shared bytes; false where there is nothing now. */
  #take(): boolean {
    const isShared = this.#channels === undefined;
    const run = isShared && this.#isOver ? undefined : this.#cursor.takeRun();
    if (run !== undefined) {
      this.#isOver = this.#burst.isOverAfter(run);
      this.#frames = this.#framesOf(this.#cursor.takePreamble(), run);
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

  #copySome(frames: Generator<RtspFrame>): void {
    const writer = new ByteWriter();
    while (writer.length < COPIED_BYTES) {
      const { done, value } = frames.next();
      if (done) {
        this.#frames = undefined;
        break;
      }
      const { track, rtcp, packet: plain } = value;
      const channel = this.#channels === undefined ? track * 2 : this.#channels.get(track);
      if (channel === undefined) continue;
      const packet = this.#protection?.protect(plain, { rtcp }) ?? plain;
      writer.u8(0x24).u8(channel + (rtcp ? 1 : 0)).u16(packet.length).bytes(packet);
      this.#copied.messages++;
    }
    this.#pending = writer.finish();
  }
}
