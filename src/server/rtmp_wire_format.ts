import { ByteWriter } from "../bytes/mod.ts";
import type { HeaderSet, WireFormat, WireLogWriter } from "../hub/mod.ts";
import type { MediaUnit } from "../media/mod.ts";
import { chunkedLength, MessageType, type RawMessage, writeChunks } from "../rtmp/mod.ts";

/** Chunk size of everything that players are sent; large, so that most messages are one chunk. */
export const PLAYER_CHUNK_SIZE = 65_536;

/** Message stream that the shared bytes are for: the first that a client creates. */
export const SHARED_STREAM_ID = 1;

const FORMS = {
  audio: { type: MessageType.Audio, chunkStreamId: 4 },
  video: { type: MessageType.Video, chunkStreamId: 7 },
  data: { type: MessageType.DataAmf0, chunkStreamId: 6 },
} as const;

/**
 * RTMP chunks that are the same for every player: absolute timestamps (a type 0 header for each
 * message), one chunk size, message stream 1.
 */
export class RtmpWireFormat implements WireFormat {
  encode(unit: MediaUnit, log: WireLogWriter): void {
    const message = rtmpMessage(unit, unit.dtsUs);
    if (message === undefined) return;
    const { bytes: target, offset } = log.reserve(wireLength(message));
    writeChunks(message, { target, offset, chunkSize: PLAYER_CHUNK_SIZE });
  }

  preamble(headers: HeaderSet, timeUs: number): Uint8Array {
    const writer = new ByteWriter();
    for (const unit of headers.units) {
      const message = rtmpMessage(unit, timeUs);
      if (message === undefined) continue;
      const target = new Uint8Array(wireLength(message));
      writeChunks(message, { target, offset: 0, chunkSize: PLAYER_CHUNK_SIZE });
      writer.bytes(target);
    }
    return writer.finish();
  }
}

function wireLength({ payload, timestampMs, chunkStreamId }: RawMessage): number {
  return chunkedLength(payload.length, {
    chunkSize: PLAYER_CHUNK_SIZE,
    timestampMs,
    chunkStreamId,
  });
}

/** The message of a unit; `undefined` for one that FLV cannot carry. */
function rtmpMessage(unit: MediaUnit, timeUs: number): RawMessage | undefined {
  if (unit.payload.format !== "flv") return undefined;
  const { type, chunkStreamId } = FORMS[unit.kind];
  return {
    type,
    chunkStreamId,
    streamId: SHARED_STREAM_ID,
    timestampMs: Math.round(timeUs / 1000) >>> 0,
    payload: unit.payload.body,
  };
}
