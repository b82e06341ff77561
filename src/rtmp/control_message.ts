import { ByteReader, ByteWriter } from "../bytes/mod.ts";
import { RtmpError } from "./errors.ts";
import { MessageType } from "./raw_message.ts";

/** User control event types (RTMP 1.0, chapter 7.1.7, and those that Flash Media Server added). */
export const UserControlEvent = {
  StreamBegin: 0,
  StreamEof: 1,
  StreamDry: 2,
  SetBufferLength: 3,
  StreamIsRecorded: 4,
  PingRequest: 6,
  PingResponse: 7,
  /** SWF verification is asked for. */
  SwfVerifyRequest: 0x1a,
  /** SWF verification is answered. */
  SwfVerifyResponse: 0x1b,
  BufferEmpty: 0x1f,
  BufferReady: 0x20,
} as const;

/** How a peer bandwidth limit is meant (RTMP 1.0, chapter 5.4.5). */
export type BandwidthLimit = "hard" | "soft" | "dynamic";

/** A protocol control or user control message (RTMP 1.0, chapters 5.4 and 7.1.7). */
export type ControlMessage =
  | { readonly kind: "set-chunk-size"; readonly size: number }
  | { readonly kind: "abort"; readonly chunkStreamId: number }
  | { readonly kind: "acknowledgement"; readonly sequenceNumber: number }
  | { readonly kind: "window-acknowledgement-size"; readonly size: number }
  | {
    readonly kind: "set-peer-bandwidth";
    readonly size: number;
    readonly limit: BandwidthLimit;
  }
  | {
    readonly kind: "user-control";
    /** One of {@linkcode UserControlEvent}, or unknown. */
    readonly event: number;
    /** Stream id, or the timestamp of a ping; 0 where the event has none. */
    readonly value: number;
    /** Buffer length in milliseconds, for `SetBufferLength`; else 0. */
    readonly bufferMs: number;
  };

const LIMITS = ["hard", "soft", "dynamic"] as const;

/**
 * Parses the body of a control message of type 1 to 6.
 *
 * @throws {RtmpError} `malformed-control` when the body is too short for its type
 */
export function parseControlMessage(type: number, body: Uint8Array): ControlMessage {
  const reader = new ByteReader(body, {
    onShort: () =>
      new RtmpError(
        "malformed-control",
        `Control message of type ${type} is too short: ${body.length} bytes`,
      ),
  });
  switch (type) {
    case MessageType.SetChunkSize:
      return { kind: "set-chunk-size", size: reader.u32() };
    case MessageType.Abort:
      return { kind: "abort", chunkStreamId: reader.u32() };
    case MessageType.Acknowledgement:
      return { kind: "acknowledgement", sequenceNumber: reader.u32() };
    case MessageType.WindowAcknowledgementSize:
      return { kind: "window-acknowledgement-size", size: reader.u32() };
    case MessageType.SetPeerBandwidth: {
      const size = reader.u32();
      // An unknown limit type is read as dynamic, which asks for the least.
      return { kind: "set-peer-bandwidth", size, limit: LIMITS[reader.u8()] ?? "dynamic" };
    }
    default:
      return parseUserControl(reader);
  }
}

function parseUserControl(reader: ByteReader): ControlMessage {
  const event = reader.u16();
  let value = 0;
  let bufferMs = 0;
  switch (event) {
    case UserControlEvent.SetBufferLength:
      value = reader.u32();
      bufferMs = reader.u32();
      break;
    case UserControlEvent.StreamBegin:
    case UserControlEvent.StreamEof:
    case UserControlEvent.StreamDry:
    case UserControlEvent.StreamIsRecorded:
    case UserControlEvent.PingRequest:
    case UserControlEvent.PingResponse:
    case UserControlEvent.BufferEmpty:
    case UserControlEvent.BufferReady:
      value = reader.u32();
  }
  return { kind: "user-control", event, value, bufferMs };
}

/** Returns the message type id and the body of a control message. */
export function encodeControlMessage(
  message: ControlMessage,
): { readonly type: number; readonly body: Uint8Array } {
  const writer = new ByteWriter(16);
  switch (message.kind) {
    case "set-chunk-size":
      return { type: MessageType.SetChunkSize, body: writer.u32(message.size).finish() };
    case "abort":
      return { type: MessageType.Abort, body: writer.u32(message.chunkStreamId).finish() };
    case "acknowledgement":
      return {
        type: MessageType.Acknowledgement,
        body: writer.u32(message.sequenceNumber).finish(),
      };
    case "window-acknowledgement-size":
      return {
        type: MessageType.WindowAcknowledgementSize,
        body: writer.u32(message.size).finish(),
      };
    case "set-peer-bandwidth":
      return {
        type: MessageType.SetPeerBandwidth,
        body: writer.u32(message.size).u8(LIMITS.indexOf(message.limit)).finish(),
      };
    case "user-control":
      writer.u16(message.event);
      if (message.event !== UserControlEvent.SwfVerifyRequest) writer.u32(message.value);
      if (message.event === UserControlEvent.SetBufferLength) writer.u32(message.bufferMs);
      return { type: MessageType.UserControl, body: writer.finish() };
  }
}
