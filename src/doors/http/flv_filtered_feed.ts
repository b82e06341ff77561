import { ByteWriter } from "../../bytes/mod.ts";
import { FlvTagType } from "../../flv/mod.ts";
import type { WireCursor, WireEntry, WireRun } from "../../hub/mod.ts";
import { flvTagLength } from "../../wire/mod.ts";
import type { ByteFeed } from "./byte_feed.ts";

/** The kinds of media that a player takes. */
export interface FlvWishes {
  readonly audio: boolean;
  readonly video: boolean;
}

const NOTHING = new Uint8Array(0);

/** The tags of a player that wants a kind of media alone: copies of those that it keeps. */
export class FlvFilteredFeed implements ByteFeed {
  readonly #cursor: WireCursor;
  readonly #wishes: FlvWishes;
  #pending: Uint8Array = NOTHING;

  /** Takes the tags of `cursor` that `wishes` names. */
  constructor(cursor: WireCursor, wishes: FlvWishes) {
    this.#cursor = cursor;
    this.#wishes = wishes;
  }

  next(): Uint8Array | undefined {
    while (this.#pending.length === 0) {
      const run = this.#cursor.takeRun();
      if (run === undefined) return undefined;
      this.#pending = this.#kept(run, this.#cursor.takePreamble());
    }
    return this.#pending;
  }

  advance(count: number): void {
    this.#pending = this.#pending.subarray(count);
  }

  wait(onWake: () => void): void {
    this.#cursor.wait(onWake);
  }

  #kept({ bytes, entries }: WireRun, preamble: Uint8Array): Uint8Array {
    const writer = new ByteWriter(preamble.length + 4096);
    for (let at = 0; at < preamble.length;) {
      const end = at + flvTagLength(preamble, at);
      if (this.#wantsTag(preamble[at]!)) writer.bytes(preamble.subarray(at, end));
      at = end;
    }
    for (const entry of entries) {
      if (this.#wants(entry)) writer.bytes(bytes.subarray(entry.start, entry.end));
    }
    return writer.finish();
  }

  #wantsTag(type: number): boolean {
    if (type === FlvTagType.Audio) return this.#wishes.audio;
    return type !== FlvTagType.Video || this.#wishes.video;
  }

  #wants({ kind }: WireEntry): boolean {
    return kind === "data" || this.#wishes[kind];
  }
}
