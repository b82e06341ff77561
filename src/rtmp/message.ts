import { ByteReader } from "../bytes/mod.ts";
import { type CommandMessage, parseCommandMessage, withoutFormatByte } from "./command_message.ts";
import { type ControlMessage, parseControlMessage } from "./control_message.ts";
import { RtmpError } from "./errors.ts";
import { MessageType, type RawMessage } from "./raw_message.ts";

/** An audio, video or data message; its body is what an FLV tag of the kind holds. */
export interface MediaMessage {
  /** Tells messages apart: type 8; 9; 15 and 18. */
  readonly kind: "audio" | "video" | "data";
  /** Message stream id. */
  readonly streamId: number;
  /** Milliseconds, 0 to 2^32 - 1; it wraps. */
  readonly timestampMs: number;
  /** A view that nobody may change; a data message's is AMF0 without the AMF3 format byte. */
  readonly body: Uint8Array;
}

/** A message of a type that is not acted upon: shared objects, and what nobody defined. */
export interface IgnoredMessage {
  /** Tells messages apart. */
  readonly kind: "ignored";
  /** Message type id. */
  readonly type: number;
}

/** One RTMP message, parsed. */
export type RtmpMessage = ControlMessage | CommandMessage | MediaMessage | IgnoredMessage;

/** Bytes of a sub-message's header, and of the back pointer behind its body. */
const AGGREGATE_HEADER = 11;
const AGGREGATE_TRAILER = 4;

/**
 * Most messages in an aggregate: some minute of audio and video. Each becomes an object, which is many
 * times the 11 bytes that a peer can make one of.
 */
export const MAX_AGGREGATE_MESSAGES = 4096;

/**
 * Parses a raw message and appends what it holds to `target`: one message, or all those of an
 * aggregate.
 *
 * @throws {RtmpError} `malformed-control`, `malformed-command` or `malformed-aggregate`
 */
export function parseMessage(raw: RawMessage, target: RtmpMessage[]): void {
  const { type, streamId, timestampMs, payload: body } = raw;
  switch (type) {
    case MessageType.Audio:
      target.push({ kind: "audio", streamId, timestampMs, body });
      break;
    case MessageType.Video:
      target.push({ kind: "video", streamId, timestampMs, body });
      break;
    case MessageType.DataAmf0:
      target.push({ kind: "data", streamId, timestampMs, body });
      break;
    case MessageType.DataAmf3:
      target.push({ kind: "data", streamId, timestampMs, body: withoutFormatByte(body) });
      break;
    case MessageType.CommandAmf0:
      target.push(parseCommandMessage(body, { streamId, amf3: false }));
      break;
    case MessageType.CommandAmf3:
      target.push(parseCommandMessage(body, { streamId, amf3: true }));
      break;
    case MessageType.Aggregate:
      parseAggregate(raw, target);
      break;
    case MessageType.SetChunkSize:
    case MessageType.Abort:
    case MessageType.Acknowledgement:
    case MessageType.UserControl:
    case MessageType.WindowAcknowledgementSize:
    case MessageType.SetPeerBandwidth:
      target.push(parseControlMessage(type, body));
      break;
    default:
      target.push({ kind: "ignored", type });
  }
}

/**
 * Splits an aggregate (RTMP 1.0, chapter 7.1.6). Sub-messages keep their distances; the first takes
 * the aggregate's own timestamp.
 */
function parseAggregate(raw: RawMessage, target: RtmpMessage[]): void {
  const reader = new ByteReader(raw.payload, {
    onShort: (wanted, remaining) =>
      new RtmpError(
        "malformed-aggregate",
        `Aggregate ends in the middle of a sub-message: ${wanted} bytes wanted, ${remaining} left`,
      ),
  });
  let offsetMs: number | undefined;
  for (let count = 0; reader.remaining > 0; count++) {
    if (count === MAX_AGGREGATE_MESSAGES) {
      throw new RtmpError("malformed-aggregate", `Aggregate has over ${count} messages`);
    }
    if (reader.remaining < AGGREGATE_HEADER) {
      throw new RtmpError("malformed-aggregate", `Aggregate has ${reader.remaining} stray bytes`);
    }
    const type = reader.u8();
    const length = reader.u24();
    const lowMs = reader.u24();
    const timestampMs = (reader.u8() * 0x1000000 + lowMs) >>> 0;
    reader.skip(3);
    const payload = reader.view(length);
    // Some writers leave the last back pointer out.
    reader.skip(Math.min(AGGREGATE_TRAILER, reader.remaining));
    offsetMs ??= raw.timestampMs - timestampMs;
    if (type === MessageType.Aggregate) {
      throw new RtmpError("malformed-aggregate", "Aggregate holds another aggregate");
    }
    parseMessage({ ...raw, type, timestampMs: (timestampMs + offsetMs) >>> 0, payload }, target);
  }
}
