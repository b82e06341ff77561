import type { MediaUnit } from "../media/mod.ts";
import { mapPayload, payloadPieces, UNIT_COST_BYTES, unitBytes } from "./unit_bytes.ts";
import type { WireAppendContext } from "./wire_log.ts";

/** A unit with what a log must know of it. */
export interface KeptUnit extends WireAppendContext {
  /** The unit. */
  readonly unit: MediaUnit;
}

/** The units since the newest start, kept for the first reader of a format. */
export class KeptGroup {
  /** A group that is larger is not kept: the next unit shows it. */
  maxBytes: number;
  #units: KeptUnit[] = [];
  /** Memory that the units and their headers take, in bytes, without their buffers. */
  #bytes = 0;
  /** Bytes of the buffers that the units are views of, each counted where it differs from the last. */
  #heldBytes = 0;
  /** Bytes of the headers in force, each counted where it changes. */
  #headerBytes = 0;
  #lastBuffer: ArrayBufferLike | undefined;
  /** How many of the units have been copied to buffers of their own. */
  #copied = 0;

  /** Keeps nothing of a group that is larger than `maxBytes`. */
  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  /** From a start on; empty when there was none, or the group is too large. */
  get units(): readonly KeptUnit[] {
    return this.#units;
  }

  /** Bytes of memory that it holds, about. */
  get heldBytes(): number {
    return Math.max(this.#bytes, this.#heldBytes + this.#headerBytes);
  }

  /** Takes a unit in: a start drops all before it, what precedes the first start is not kept. */
  add(kept: KeptUnit): void {
    if (kept.startPoint) this.clear();
    else if (this.#units.length === 0) return;
    const headerBytes = kept.headers.bytesBeside(this.#units.at(-1)?.headers);
    this.#units.push(kept);
    this.#bytes += unitBytes(kept.unit) + UNIT_COST_BYTES + headerBytes;
    this.#headerBytes += headerBytes;
    for (const { buffer } of payloadPieces(kept.unit)) {
      if (buffer === this.#lastBuffer) continue;
      this.#lastBuffer = buffer;
      this.#heldBytes += buffer.byteLength;
    }
    if (this.#bytes > this.maxBytes) this.clear();
    else if (this.#heldBytes > this.maxBytes) this.#letBuffersGo();
  }

  /** Keeps nothing until the next start. */
  clear(): void {
    this.#units = [];
    this.#bytes = 0;
    this.#heldBytes = 0;
    this.#headerBytes = 0;
    this.#lastBuffer = undefined;
    this.#copied = 0;
  }

  /**
   * Small units keep the large buffers alive that they were read into, whatever else was in those: copies
   * do not.
   */
  #letBuffersGo(): void {
    for (; this.#copied < this.#units.length; this.#copied++) {
      const kept = this.#units[this.#copied]!;
      const unit = mapPayload(kept.unit, (piece) => piece.slice());
      this.#units[this.#copied] = { ...kept, unit };
    }
    this.#heldBytes = this.#bytes - this.#headerBytes;
    this.#lastBuffer = undefined;
  }
}
