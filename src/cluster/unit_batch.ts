import { type MediaUnit, payloadPieces, unitBytes } from "../hub/mod.ts";
import type { TrackKind, UnitPayload, UnitRole } from "../media/mod.ts";

const KINDS: readonly TrackKind[] = ["video", "audio", "data"];
const ROLES: readonly UnitRole[] = ["media", "config", "metadata", "end"];
const FORMATS: readonly UnitPayload["format"][] = ["flv", "rtp", "access-unit"];

/** Bytes of a unit beside its payload: kind and role, format and flags, track, two times, number of pieces. */
const HEAD_BYTES = 28;

/** Bytes before each piece: its length. */
const PIECE_BYTES = 4;

const KEY_FRAME = 1;
const DISCARDABLE = 2;

/**
 * Packs units into one buffer, which can be given to another thread without a further copy.
 *
 * @example
 * ```ts
 * import { packUnits, unpackUnits } from "@weir/server/cluster";
 *
 * const buffer = packUnits([{
 *   kind: "audio",
 *   role: "media",
 *   track: 0,
 *   dtsUs: 0,
 *   ptsUs: 0,
 *   keyFrame: true,
 *   discardable: false,
 *   payload: { format: "flv", body: new Uint8Array([0xaf, 1, 0x21]) },
 * }]);
 * console.log(unpackUnits(buffer)[0]?.kind); // audio
 * ```
 */
export function packUnits(units: readonly MediaUnit[]): ArrayBuffer {
  let length = 0;
  for (const unit of units) {
    length += HEAD_BYTES + payloadPieces(unit).length * PIECE_BYTES + unitBytes(unit);
  }
  const buffer = new ArrayBuffer(length);
  const view = new DataView(buffer);
  const bytes = new Uint8Array(buffer);
  let at = 0;
  for (const unit of units) {
    const pieces = payloadPieces(unit);
    view.setUint8(at, KINDS.indexOf(unit.kind));
    view.setUint8(at + 1, ROLES.indexOf(unit.role));
    view.setUint8(at + 2, FORMATS.indexOf(unit.payload.format));
    const flags = (unit.keyFrame ? KEY_FRAME : 0) | (unit.discardable ? DISCARDABLE : 0);
    view.setUint8(at + 3, flags);
    view.setUint32(at + 4, unit.track);
    view.setFloat64(at + 8, unit.dtsUs);
    view.setFloat64(at + 16, unit.ptsUs);
    view.setUint32(at + 24, pieces.length);
    at += HEAD_BYTES;
    for (const piece of pieces) {
      view.setUint32(at, piece.length);
      bytes.set(piece, at + PIECE_BYTES);
      at += PIECE_BYTES + piece.length;
    }
  }
  return buffer;
}

/** Unpacks what {@linkcode packUnits} has packed; payloads are views of the buffer. */
export function unpackUnits(buffer: ArrayBuffer): MediaUnit[] {
  const view = new DataView(buffer);
  const units: MediaUnit[] = [];
  for (let at = 0; at < buffer.byteLength;) {
    const start = at;
    const pieces: Uint8Array[] = [];
    const count = view.getUint32(start + 24);
    at += HEAD_BYTES;
    for (let piece = 0; piece < count; piece++) {
      const length = view.getUint32(at);
      pieces.push(new Uint8Array(buffer, at + PIECE_BYTES, length));
      at += PIECE_BYTES + length;
    }
    const flags = view.getUint8(start + 3);
    units.push({
      kind: KINDS[view.getUint8(start)]!,
      role: ROLES[view.getUint8(start + 1)]!,
      track: view.getUint32(start + 4),
      dtsUs: view.getFloat64(start + 8),
      ptsUs: view.getFloat64(start + 16),
      keyFrame: (flags & KEY_FRAME) !== 0,
      discardable: (flags & DISCARDABLE) !== 0,
      payload: payloadOf(FORMATS[view.getUint8(start + 2)]!, pieces),
    });
  }
  return units;
}

function payloadOf(
  format: UnitPayload["format"],
  pieces: readonly Uint8Array[],
): UnitPayload {
  switch (format) {
    case "flv":
      return { format, body: pieces[0]! };
    case "rtp":
      return { format, packets: pieces };
    case "access-unit":
      return { format, data: pieces[0]! };
  }
}
