import type { MediaUnit } from "../media/mod.ts";

/** Bytes of a unit's payload. */
export function unitBytes(unit: MediaUnit): number {
  switch (unit.payload.format) {
    case "flv":
      return unit.payload.body.length;
    case "rtp":
      return unit.payload.packets.reduce((sum, packet) => sum + packet.length, 0);
    case "access-unit":
      return unit.payload.data.length;
  }
}
