import { concat } from "@std/bytes/concat";
import type { Track } from "../media/mod.ts";
import { type CodedFrame, type CutFragment, FragmentWriter, frameBytes } from "../transmux/mod.ts";

/**
 * Makes pieces of packed audio of the frames of one track: frames as they are, behind a tag of ID3 that has their time
 * (RFC 8216bis, 3.4). Browsers do not know MP3 in MP4, and know it so.
 */
export class PackedAudioWriter {
  /** There is no initialization segment. */
  readonly init: undefined = undefined;
  /** Keeps the time as for all other tracks. */
  readonly #times: FragmentWriter;
  #frames: Uint8Array[] = [];

  /** Of `track`, whose frames need nothing beside themselves. */
  constructor(track: Track) {
    this.#times = new FragmentWriter([track]);
  }

  /** Whether a frame is of the track. */
  carries(frame: Pick<CodedFrame, "kind" | "track">): boolean {
    return this.#times.carries(frame);
  }

  /** Takes a frame. */
  add(frame: CodedFrame): void {
    if (this.#times.add(frame)) this.#frames.push(frameBytes(frame));
  }

  /** Ends a piece, before `next` where that is known; `undefined` where there is nothing for one. */
  cut(next?: CodedFrame): CutFragment | undefined {
    const cut = this.#times.cut(next);
    if (cut === undefined) return undefined;
    const bytes = concat([timeTag(cut.startUs), ...this.#frames]);
    this.#frames = [];
    return { ...cut, bytes };
  }
}

const OWNER = new TextEncoder().encode("com.apple.streaming.transportStreamTimestamp\0");

/** Bytes of the headers of a tag and of a frame in it (ID3v2.4.0, 3.1 and 4). */
const HEADER_BYTES = 10;

/** A time as MPEG-TS has it: 90 kHz, 33 bits. */
function timeTag(timeUs: number): Uint8Array {
  const tag = new Uint8Array(2 * HEADER_BYTES + OWNER.length + 8);
  const view = new DataView(tag.buffer);
  tag.set(new TextEncoder().encode("ID3\x04"));
  // Sizes of less than 128 are the same in seven bits a byte.
  tag[9] = tag.length - HEADER_BYTES;
  tag.set(new TextEncoder().encode("PRIV"), HEADER_BYTES);
  tag[HEADER_BYTES + 7] = tag.length - 2 * HEADER_BYTES;
  tag.set(OWNER, 2 * HEADER_BYTES);
  view.setBigUint64(tag.length - 8, BigInt.asUintN(33, BigInt(Math.round(timeUs * 0.09))));
  return tag;
}
