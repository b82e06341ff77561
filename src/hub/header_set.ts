import { equals } from "@std/bytes/equals";
import type { MediaUnit } from "../media/mod.ts";
import { mapPayload, payloadPieces, UNIT_COST_BYTES, unitBytes } from "./unit_bytes.ts";

/** Headers remembered for a stream: no encoder sends a tenth of it, and a peer could send any number. */
const MAX_HEADERS = 64;

/** Bytes of them: recordings that are played out carry a key frame index of up to some 100 KB. */
const MAX_HEADER_BYTES = 1024 * 1024;

/** Memory that a set takes beside its units, in bytes, about. */
const SET_COST_BYTES = 64;

/**
 * What a reader needs before it can start: the newest metadata and the newest codec configuration of
 * each track. Immutable: a change makes a new set, so that two sets are the same when identical.
 */
export class HeaderSet {
  /** The set of a stream that has sent nothing. */
  static readonly EMPTY: HeaderSet = new HeaderSet([]);
  /** Metadata first, then the others in the order of their tracks' first appearance. */
  readonly units: readonly MediaUnit[];

  private constructor(units: readonly MediaUnit[]) {
    this.units = units;
  }

  /**
   * Returns the set after `unit`: this same set when `unit` is no header, repeats one to the letter
   * (DJI drones repeat theirs each second), or is more than a stream may have.
   */
  with(unit: MediaUnit): HeaderSet {
    if (unit.role !== "config" && unit.role !== "metadata") return this;
    const at = this.units.findIndex((old) => isSameSlot(old, unit));
    if (at >= 0 && hasSameBytes(this.units[at]!, unit)) return this;
    const own = mapPayload(unit, withoutBuffer);
    const units = at >= 0
      ? this.units.with(at, own)
      // What belongs to a track (colours, channels) goes behind its configuration.
      : unit.role === "metadata" && unit.kind === "data"
      ? [own, ...this.units]
      : [...this.units, own];
    const bytes = units.reduce((sum, header) => sum + unitBytes(header), 0);
    return units.length > MAX_HEADERS || bytes > MAX_HEADER_BYTES ? this : new HeaderSet(units);
  }

  /** Bytes of memory that keeping this set takes where `other` is kept already, about. */
  bytesBeside(other: HeaderSet | undefined): number {
    if (this === other || this.units.length === 0) return 0;
    let bytes = SET_COST_BYTES + this.units.length * 8;
    for (const unit of this.units) {
      if (!other?.units.includes(unit)) bytes += unitBytes(unit) + UNIT_COST_BYTES;
    }
    return bytes;
  }
}

/** A header lives long: it must not keep all alive that was read together with it. */
function withoutBuffer(piece: Uint8Array): Uint8Array {
  return piece.length === piece.buffer.byteLength ? piece : piece.slice();
}

function isSameSlot(a: MediaUnit, b: MediaUnit): boolean {
  return a.role === b.role && a.kind === b.kind && a.track === b.track;
}

function hasSameBytes(a: MediaUnit, b: MediaUnit): boolean {
  const left = payloadPieces(a);
  const right = payloadPieces(b);
  return left.length === right.length &&
    left.every((piece, index) => equals(piece, right[index]!));
}
