import { ByteWriter } from "../bytes/mod.ts";
import {
  encodeFlvTag,
  FLV_TAG_OVERHEAD,
  type FlvTag,
  FlvTagType,
  writeFlvTag,
} from "../flv/mod.ts";
import type { HeaderSet, Stream, WireFormat, WireLogWriter } from "../hub/mod.ts";
import type { ServerLog } from "../log/mod.ts";
import type { MediaUnit, TrackKind } from "../media/mod.ts";
import type { FlvBody, LossPolicy } from "../transmux/mod.ts";
import { FlvBodySource, type RtmpExtensions } from "./flv_body_source.ts";

const TAG_TYPES = {
  audio: FlvTagType.Audio,
  video: FlvTagType.Video,
  data: FlvTagType.Script,
} as const;

/**
 * Tags of an FLV file (FLV 10.1, E.4.1), each with the back pointer behind it, that are the same for every player.
 * What stands before them, the header of the file, is the player's own.
 */
export class FlvWireFormat implements WireFormat {
  /** Players wait for what metadata and sequence headers tell of. */
  readonly tellsTracks = true;
  readonly #bodies: FlvBodySource;

  /** Makes the format of a stream's log; `log` is told of the tracks that FLV cannot carry. */
  constructor(
    stream: Stream,
    extensions: RtmpExtensions,
    options: { readonly log?: ServerLog; readonly onLoss?: LossPolicy } = {},
  ) {
    this.#bodies = new FlvBodySource(stream, { ...options, extensions, format: "flv" });
  }

  /** Bodies of FLV all are, of several tracks to those who can take them; of others what FLV has a form for. */
  carries(kind: TrackKind, track: number): boolean {
    return this.#bodies.carries(kind, track);
  }

  /** Frames that could not be made FLV. */
  get dropped(): number {
    return this.#bodies.dropped;
  }

  /** Appends the tag of a unit, or the tags that it becomes; metadata at time 0. */
  encode(unit: MediaUnit, log: WireLogWriter): void {
    for (const body of this.#bodies.bodiesOf(unit)) {
      const { bytes, offset } = log.reserve(body.body.length + FLV_TAG_OVERHEAD);
      writeFlvTag(tagOf(body), { target: bytes, offset });
    }
  }

  /** Metadata at time 0, and sequence headers at the time `timeUs`. */
  preamble(headers: HeaderSet, timeUs: number): Uint8Array {
    const writer = new ByteWriter();
    for (const body of this.#bodies.headerBodies(headers, timeUs)) {
      writer.bytes(encodeFlvTag(tagOf(body)));
    }
    return writer.finish();
  }
}

function tagOf({ kind, dtsUs, body }: FlvBody): FlvTag {
  return { type: TAG_TYPES[kind], timestampMs: Math.round(dtsUs / 1000), body };
}

/** Bytes of the tag that starts at `at` in bytes that the format has made, with its back pointer. */
export function flvTagLength(bytes: Uint8Array, at: number): number {
  return (bytes[at + 1]! << 16 | bytes[at + 2]! << 8 | bytes[at + 3]!) + FLV_TAG_OVERHEAD;
}
