import type { MediaUnit } from "../media/mod.ts";

/**
 * What a unit costs beside its bytes, about: bytes alone would let a publisher of empty units have
 * millions of them kept.
 */
export const UNIT_COST_BYTES = 256;

/** The pieces of a unit's payload. */
export function payloadPieces({ payload }: MediaUnit): readonly Uint8Array[] {
  switch (payload.format) {
    case "flv":
      return [payload.body];
    case "rtp":
      return payload.packets;
    case "access-unit":
      return [payload.data];
  }
}

/** Bytes of a unit's payload. */
export function unitBytes(unit: MediaUnit): number {
  return payloadPieces(unit).reduce((sum, piece) => sum + piece.length, 0);
}

/** The unit with each piece of its payload replaced. */
export function mapPayload(unit: MediaUnit, map: (piece: Uint8Array) => Uint8Array): MediaUnit {
  const { payload } = unit;
  switch (payload.format) {
    case "flv":
      return { ...unit, payload: { ...payload, body: map(payload.body) } };
    case "rtp":
      return { ...unit, payload: { ...payload, packets: payload.packets.map(map) } };
    case "access-unit":
      return { ...unit, payload: { ...payload, data: map(payload.data) } };
  }
}
