/**
 * One RTMP message as the chunk layer carries it (RTMP 1.0, chapter 5), its payload not looked into.
 */
export interface RawMessage {
  /** Chunk stream id, 2 to 65599. */
  readonly chunkStreamId: number;
  /** Message type id, one of {@linkcode MessageType} or unknown. */
  readonly type: number;
  /** Absolute timestamp in milliseconds, 0 to 2^32 - 1 (it wraps). */
  readonly timestampMs: number;
  /** Message stream id: 0 for the connection, else a NetStream. */
  readonly streamId: number;
  /** The message body; a view that nobody may change, valid as long as it is held. */
  readonly payload: Uint8Array;
}

/** Message type ids (RTMP 1.0, chapters 5.4, 6 and 7.1). */
export const MessageType = {
  SetChunkSize: 1,
  Abort: 2,
  Acknowledgement: 3,
  UserControl: 4,
  WindowAcknowledgementSize: 5,
  SetPeerBandwidth: 6,
  Audio: 8,
  Video: 9,
  DataAmf3: 15,
  SharedObjectAmf3: 16,
  CommandAmf3: 17,
  DataAmf0: 18,
  SharedObjectAmf0: 19,
  CommandAmf0: 20,
  Aggregate: 22,
} as const;
