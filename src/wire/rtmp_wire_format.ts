import type { Stream } from "../hub/mod.ts";
import { chunkedLength, MessageType, type RawMessage, writeChunks } from "../rtmp/mod.ts";
import type { FlvBody } from "../transmux/mod.ts";
import { FlvBodyFormat, type FlvBodyFormatOptions } from "./flv_body_format.ts";
import type { RtmpExtensions } from "./flv_body_source.ts";
import { nameOfChoice } from "./track_choice.ts";

/** Chunk size of everything that players are sent; large, so that most messages are one chunk. */
export const PLAYER_CHUNK_SIZE = 65_536;

/** Message stream that the shared bytes are for: the first that a client creates. */
export const SHARED_STREAM_ID = 1;

const FORMS = {
  audio: { type: MessageType.Audio, chunkStreamId: 4 },
  video: { type: MessageType.Video, chunkStreamId: 7 },
  data: { type: MessageType.DataAmf0, chunkStreamId: 6 },
} as const;

/** The name of the wire format for players with these extensions. */
export function rtmpFormatName(extensions: RtmpExtensions): string {
  const { multitrack, modEx, fourCcs, furtherTracks = false, choice } = extensions;
  if (!fourCcs) return `rtmp-bare${nameOfChoice(choice)}`;
  const further = furtherTracks ? "-all-tracks" : "";
  const tracks = choice !== undefined ? nameOfChoice(choice) : multitrack ? further : "-one-track";
  return `rtmp${tracks}${modEx ? "" : "-no-modex"}`;
}

/**
 * RTMP chunks that are the same for every player: absolute timestamps (a type 0 header for each
 * message), one chunk size, message stream 1.
 */
export class RtmpWireFormat extends FlvBodyFormat<RawMessage> {
  /** Makes the format of a stream's log. */
  constructor(stream: Stream, extensions: RtmpExtensions, options: FlvBodyFormatOptions = {}) {
    super(stream, extensions, { ...options, format: "rtmp" });
  }

  protected override messageOf({ kind, dtsUs, body }: FlvBody): RawMessage {
    const { type, chunkStreamId } = FORMS[kind];
    return {
      type,
      chunkStreamId,
      streamId: SHARED_STREAM_ID,
      timestampMs: Math.round(dtsUs / 1000) >>> 0,
      payload: body,
    };
  }

  protected override lengthOf({ payload, timestampMs, chunkStreamId }: RawMessage): number {
    return chunkedLength(payload.length, {
      chunkSize: PLAYER_CHUNK_SIZE,
      timestampMs,
      chunkStreamId,
    });
  }

  protected override write(message: RawMessage, target: Uint8Array, offset: number): void {
    writeChunks(message, { target, offset, chunkSize: PLAYER_CHUNK_SIZE });
  }
}

/** Bytes of the header in front of a message's first chunk, without an extended timestamp. */
const MESSAGE_HEADER_BYTES = 12;

/** Timestamp that says: an extended one follows each chunk's header. */
const EXTENDED_TIMESTAMP = 0xffffff;

/** Bytes of the message that starts at `at` in bytes that the format has made. */
export function wireMessageLength(bytes: Uint8Array, at: number): number {
  return chunkedLength(u24(bytes, at + 4), {
    chunkSize: PLAYER_CHUNK_SIZE,
    // The marker of an extended timestamp counts as one, which is all that matters here.
    timestampMs: u24(bytes, at + 1),
    chunkStreamId: bytes[at]! & 0x3f,
  });
}

/** A message in bytes that the format has made. */
export interface WireMessage {
  /** One of `MessageType`. */
  readonly type: number;
  /** Its body up to the end of its first chunk: a view. */
  readonly head: Uint8Array;
  /** Returns the whole body: a view where it is one chunk, else a copy. */
  readonly body: () => Uint8Array;
}

/** The message that starts at `at` in bytes that the format has made. */
export function wireMessage(bytes: Uint8Array, at: number): WireMessage {
  const extendedBytes = u24(bytes, at + 1) === EXTENDED_TIMESTAMP ? 4 : 0;
  const length = u24(bytes, at + 4);
  const start = at + MESSAGE_HEADER_BYTES + extendedBytes;
  const head = bytes.subarray(start, start + Math.min(length, PLAYER_CHUNK_SIZE));
  return {
    type: bytes[at + 7]!,
    head,
    body: () => {
      if (head.length === length) return head;
      const body = new Uint8Array(length);
      for (let from = start, to = 0; to < length;) {
        const count = Math.min(PLAYER_CHUNK_SIZE, length - to);
        body.set(bytes.subarray(from, from + count), to);
        to += count;
        from += count + 1 + extendedBytes;
      }
      return body;
    },
  };
}

function u24(bytes: Uint8Array, at: number): number {
  return bytes[at]! << 16 | bytes[at + 1]! << 8 | bytes[at + 2]!;
}
