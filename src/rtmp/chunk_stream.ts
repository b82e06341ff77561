import { noBytes } from "./assembly_buffer.ts";
import { RtmpError } from "./errors.ts";

/** The header that later chunks of a chunk stream refer to, and the message in progress on it. */
export class ChunkStream {
  readonly id: number;
  /** First byte of a type 3 chunk of this stream. */
  readonly marker: number;
  type = 0;
  length = 0;
  streamId = 0;
  timestampMs = 0;
  deltaMs = 0;
  extended = false;
  /** The last timestamp or delta as it stood on the wire. */
  wireTime = 0;
  /** Bytes of the message in progress that have arrived; 0 between messages. */
  received = 0;
  assembly: Uint8Array = noBytes;

  /** Has had no header yet. */
  constructor(id: number) {
    this.id = id;
    this.marker = 0xc0 | (id < 64 ? id : id < 320 ? 0 : 1);
  }
}

/** A chunk refers to an earlier header on a chunk stream that has had none. */
export function freshStreamError(format: number, id: number): RtmpError {
  return new RtmpError(
    "chunk-fresh-stream",
    `The peer starts chunk stream ${id} with a type ${format} chunk`,
  );
}

/** A message begins on a chunk stream before the one in progress there is complete. */
export function interruptedError(format: number, stream: ChunkStream): RtmpError {
  return new RtmpError(
    "chunk-interrupted-message",
    `The peer sends a type ${format} chunk on chunk stream ${stream.id} ` +
      `after ${stream.received} of ${stream.length} bytes of a message`,
  );
}
