import { type FlvTag, FlvTagType } from "../flv/mod.ts";
import type { FlvBody } from "./flv_unit.ts";

const TYPES = {
  audio: FlvTagType.Audio,
  video: FlvTagType.Video,
  data: FlvTagType.Script,
} as const;

const KINDS = new Map<number, FlvBody["kind"]>([
  [FlvTagType.Audio, "audio"],
  [FlvTagType.Video, "video"],
  [FlvTagType.Script, "data"],
]);

/**
 * The FLV tag of a body (FLV 10.1, E.4.1). Where there is an `originUs`, the file begins at that time, in microseconds:
 * what is earlier is at its beginning.
 *
 * @example
 * ```ts
 * import { flvTagOf } from "@weir/server/transmux";
 *
 * const body = { kind: "audio", dtsUs: 1_040_000, body: new Uint8Array([0xaf, 1]) } as const;
 * console.log(flvTagOf(body, { originUs: 1_000_000 }).timestampMs); // 40
 * ```
 */
export function flvTagOf(
  { kind, dtsUs, body }: FlvBody,
  { originUs }: { readonly originUs?: number } = {},
): FlvTag {
  const timestampMs = originUs === undefined
    ? Math.round(dtsUs / 1000)
    : Math.max(0, Math.round((dtsUs - originUs) / 1000));
  return { type: TYPES[kind], timestampMs, body };
}

/**
 * The kind of body that a tag of an FLV type has; `undefined` for types that carry none.
 *
 * @example
 * ```ts
 * import { flvBodyKind } from "@weir/server/transmux";
 *
 * console.log(flvBodyKind(9)); // video
 * ```
 */
export function flvBodyKind(type: number): FlvBody["kind"] | undefined {
  return KINDS.get(type);
}
