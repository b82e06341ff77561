import { joinAnnexB } from "../media/mod.ts";
import { joinParts } from "./codec/flv_bodies.ts";
import { isDelimiter, isParameterSet } from "./codec/nal_rules.ts";
import { codecRow } from "./codec/table.ts";
import type { CodedFrame } from "./coded_frame.ts";

/** Options of {@linkcode frameBytes}. */
export interface FrameBytesOptions {
  /** Whether NAL units stand behind start codes; behind their lengths, of four bytes, by default. */
  readonly annexB?: boolean;
  /**
   * What becomes of parameter sets and access unit delimiters among the NAL units: they are kept, by default, or left
   * out, as in MP4, where the sets are beside the samples.
   */
  readonly parameterSets?: "keep" | "leave-out";
}

/**
 * Joins the parts of a frame to the bytes that an `access-unit` payload has: NAL units behind lengths or
 * start codes, OBUs with their sizes, else the frame. A frame of one part may be returned as it is.
 *
 * @example
 * ```ts
 * import { frameBytes, FrameReader, unitOfFlv } from "@weir/server/transmux";
 *
 * const body = new Uint8Array([0x17, 1, 0, 0, 40, 0, 0, 0, 3, 0x65, 0x88, 0x80]);
 * const [frame] = new FrameReader().read(unitOfFlv({ kind: "video", dtsUs: 0, body })!);
 * console.log(frameBytes(frame!)); // Uint8Array(7) [ 0, 0, 0, 3, 101, 136, 128 ]
 * ```
 */
export function frameBytes(
  { codec, parts }: CodedFrame,
  { annexB = false, parameterSets = "keep" }: FrameBytesOptions = {},
): Uint8Array {
  const row = codecRow(codec);
  const { nal } = row ?? {};
  const isLeftOut = parameterSets === "leave-out" && nal !== undefined;
  const kept = isLeftOut
    ? parts.filter((part) => !isParameterSet(nal, part) && !isDelimiter(nal, part))
    : parts;
  if (annexB && nal !== undefined) return joinAnnexB(kept);
  return row?.join?.(kept) ?? joinParts(kept);
}
