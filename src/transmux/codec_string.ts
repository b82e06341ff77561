import { MediaError } from "../media/mod.ts";
import type { CodecStringFacts } from "./codec/codec.ts";
import { codecRow } from "./codec/table.ts";

export type { CodecStringFacts };

/**
 * The name of a track's codec as MP4, HLS and browsers write it in `codecs` (RFC 6381; ISO/IEC 14496-15, annex E; AV1,
 * VP and Opus in ISOBMFF): `avc1.64001f`, `mp4a.40.2`. `undefined` where there is none, or the configuration that it
 * is made of is not known or cannot be read.
 *
 * @example
 * ```ts
 * import { codecString } from "@weir/server/transmux";
 *
 * console.log(codecString({ codec: "aac", config: new Uint8Array([0x12, 0x10]) })); // "mp4a.40.2"
 * ```
 */
export function codecString(track: CodecStringFacts): string | undefined {
  try {
    return codecRow(track.codec)?.codecString?.(track);
  } catch (error) {
    if (error instanceof MediaError) return undefined;
    throw error;
  }
}
