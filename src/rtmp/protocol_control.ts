import { ChunkEncoder } from "./chunk_encoder.ts";
import { type ControlMessage, encodeControlMessage, UserControlEvent } from "./control_message.ts";
import type { RtmpMessage } from "./message.ts";
import type { RawMessage } from "./raw_message.ts";
import { SendWindow } from "./send_window.ts";

const CONTROL_CSID = 2;

/** A peer that asks for an acknowledgement every few bytes gets one for each of so many. */
const LEAST_WINDOW = 4096;

/**
 * What both ends of a connection do about chunks and windows (RTMP 1.0, chapter 5.4): they say their
 * chunk size, acknowledge by the other's window, and keep to its bandwidth. What is sent waits here as
 * bytes.
 */
export class ProtocolControl {
  readonly #chunkSize: number;
  readonly #windowSize: number;
  readonly #encoder = new ChunkEncoder();
  readonly #sendWindow = new SendWindow();
  #output: Uint8Array[] = [];
  #acknowledged = 0;
  #ackWindow: number;
  /** The window that the peer was told last; 0 before. */
  #toldWindow = 0;

  /** `chunkSize` and `windowSize`, in bytes, are what the peer will be told. */
  constructor(options: { readonly chunkSize: number; readonly windowSize: number }) {
    this.#chunkSize = options.chunkSize;
    this.#windowSize = options.windowSize;
    this.#ackWindow = options.windowSize;
  }

  /** Tells the peer the window, by which it acknowledges from now on. */
  sendWindow(): void {
    this.#tellWindow(this.#windowSize);
  }

  /** Tells the peer the chunk size, and keeps to it. */
  sendChunkSize(): void {
    this.sendControl({ kind: "set-chunk-size", size: this.#chunkSize });
    this.#encoder.chunkSize = this.#chunkSize;
  }

  /** Acts upon a message that is about windows; others mean nothing here. */
  receive(message: RtmpMessage): void {
    switch (message.kind) {
      case "acknowledgement":
        this.#sendWindow.acknowledge(message.sequenceNumber);
        break;
      case "window-acknowledgement-size":
        this.#ackWindow = Math.max(LEAST_WINDOW, message.size);
        break;
      case "set-peer-bandwidth":
        this.#sendWindow.limit(message.size, message.limit);
        // A peer that bounds what it may be sent is told that the bound is known (5.4.5).
        if (message.size !== this.#toldWindow) this.#tellWindow(message.size);
    }
  }

  /** Acknowledges, when it is time, that `total` bytes have come so far. */
  noteBytesReceived(total: number): void {
    if (total - this.#acknowledged < this.#ackWindow) return;
    this.#acknowledged = total;
    this.sendControl({ kind: "acknowledgement", sequenceNumber: total % 2 ** 32 });
  }

  /** Whether the peer has bounded what it may be sent. */
  get limitsMedia(): boolean {
    return this.#sendWindow.isLimited;
  }

  /** Bytes that may be sent now, when `sentBytes` have been since the handshake; else `Infinity`. */
  mediaRoom(sentBytes: number): number {
    return this.#sendWindow.room(sentBytes);
  }

  /** Passes time on: a bandwidth that the peer does not keep up with is given up. */
  tick(nowMs: number): void {
    this.#sendWindow.tick(nowMs);
  }

  /** Asks for a sign of life. */
  sendPing(nowMs: number): void {
    this.sendUserControl(UserControlEvent.PingRequest, Math.floor(nowMs) % 2 ** 32);
  }

  /** Sends a user control message. */
  sendUserControl(event: number, value: number): void {
    this.sendControl({ kind: "user-control", event, value, bufferMs: 0 });
  }

  /** Sends a control message, on the chunk stream and the message stream that are theirs. */
  sendControl(message: ControlMessage): void {
    this.send({ ...encodeControlMessage(message), chunkStreamId: CONTROL_CSID, streamId: 0 });
  }

  /** Sends a message that has no time of its own. */
  send(
    message: { type: number; body: Uint8Array; chunkStreamId: number; streamId: number },
  ): void {
    const { type, body: payload, chunkStreamId, streamId } = message;
    this.#output.push(this.encode({ type, payload, chunkStreamId, streamId, timestampMs: 0 }));
  }

  /** Encodes a message as the next bytes of this direction: all that was encoded is to be written. */
  encode(message: RawMessage): Uint8Array {
    return this.#encoder.encode(message);
  }

  /** Returns the bytes that wait to be written, in order; the caller owns them. */
  takeOutput(): Uint8Array[] {
    const output = this.#output;
    if (output.length > 0) this.#output = [];
    return output;
  }

  #tellWindow(size: number): void {
    this.#toldWindow = size;
    this.sendControl({ kind: "window-acknowledgement-size", size });
  }
}
