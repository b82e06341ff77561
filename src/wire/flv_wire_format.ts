import { FLV_TAG_OVERHEAD, type FlvTag, writeFlvTag } from "../flv/mod.ts";
import type { Stream } from "../hub/mod.ts";
import { type FlvBody, flvTagOf } from "../transmux/mod.ts";
import { FlvBodyFormat, type FlvBodyFormatOptions } from "./flv_body_format.ts";
import type { RtmpExtensions } from "./flv_body_source.ts";

/**
 * Tags of an FLV file (FLV 10.1, E.4.1), each with the back pointer behind it, that are the same for every player.
 * What stands before them, the header of the file, is the player's own.
 */
export class FlvWireFormat extends FlvBodyFormat<FlvTag> {
  /** Makes the format of a stream's log. */
  constructor(stream: Stream, extensions: RtmpExtensions, options: FlvBodyFormatOptions = {}) {
    super(stream, extensions, { ...options, format: "flv" });
  }

  protected override messageOf(body: FlvBody): FlvTag {
    return flvTagOf(body);
  }

  protected override lengthOf({ body }: FlvTag): number {
    return body.length + FLV_TAG_OVERHEAD;
  }

  protected override write(tag: FlvTag, target: Uint8Array, offset: number): void {
    writeFlvTag(tag, { target, offset });
  }
}

/** Bytes of the tag that starts at `at` in bytes that the format has made, with its back pointer. */
export function flvTagLength(bytes: Uint8Array, at: number): number {
  return (bytes[at + 1]! << 16 | bytes[at + 2]! << 8 | bytes[at + 3]!) + FLV_TAG_OVERHEAD;
}
