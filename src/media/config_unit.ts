import type { Track } from "./track.ts";
import type { MediaUnit } from "./unit.ts";

/**
 * The unit at time 0 that tells a track's codec configuration to who reads the stream; empty where the codec has none.
 *
 * @example
 * ```ts
 * import { configUnit } from "@weir/server/media";
 *
 * const config = Uint8Array.of(0x12, 0x10); // AudioSpecificConfig
 * const { role } = configUnit({ id: 0, kind: "audio", codec: "aac", config });
 * console.log(role); // config
 * ```
 */
export function configUnit(track: Track): MediaUnit {
  return {
    kind: track.kind,
    role: "config",
    track: track.id,
    dtsUs: 0,
    ptsUs: 0,
    keyFrame: false,
    discardable: false,
    payload: { format: "access-unit", data: track.config ?? new Uint8Array(0) },
  };
}
