import { MediaError, type Track } from "../media/mod.ts";
import { joinParts } from "./codec/flv_bodies.ts";
import { codecRow } from "./codec/table.ts";
import type { CodedFrame } from "./coded_frame.ts";

/**
 * How long a frame of audio lasts by its codec, microseconds, not rounded; `undefined` for video, and where the frame
 * and the track's configuration do not tell.
 *
 * @example
 * ```ts
 * import { frameDurationUs } from "@weir/server/transmux";
 *
 * const frame = {
 *   ...{ kind: "audio", track: 0, codec: "pcma", dtsUs: 0, ptsUs: 0 } as const,
 *   ...{ keyFrame: true, discardable: false, parts: [new Uint8Array(160)] },
 * };
 * const track = { kind: "audio", id: 0, codec: "pcma", config: undefined } as const;
 * console.log(frameDurationUs(frame, track)); // 20000
 * ```
 */
export function frameDurationUs({ codec, parts }: CodedFrame, track: Track): number | undefined {
  const { durationUs } = codecRow(codec) ?? {};
  if (durationUs === undefined) return undefined;
  try {
    return durationUs(joinParts(parts), track);
  } catch (error) {
    if (error instanceof MediaError) return undefined;
    throw error;
  }
}
