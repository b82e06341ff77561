import type { MediaUnit } from "../media/mod.ts";
import { unitBytes } from "./unit_bytes.ts";
import type { WireAppendContext } from "./wire_log.ts";

/** A unit with what a log must know of it. */
export interface KeptUnit extends WireAppendContext {
  /** The unit. */
  readonly unit: MediaUnit;
}

/** The units since the newest start, kept for the first reader of a format. */
export class KeptGroup {
  readonly #maxBytes: number;
  #units: KeptUnit[] = [];
  #bytes = 0;

  /** Keeps nothing of a group that is larger than `maxBytes`. */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** From a start on; empty when there was none, or the group is too large. */
  get units(): readonly KeptUnit[] {
    return this.#units;
  }

  /** Takes a unit in: a start drops all before it, what precedes the first start is not kept. */
  add(kept: KeptUnit): void {
    if (kept.startPoint) this.clear();
    else if (this.#units.length === 0) return;
    this.#units.push(kept);
    this.#bytes += unitBytes(kept.unit);
    if (this.#bytes > this.#maxBytes) this.clear();
  }

  /** Keeps nothing until the next start. */
  clear(): void {
    this.#units = [];
    this.#bytes = 0;
  }
}
