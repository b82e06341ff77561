/** What the bench uses of Node-Media-Server's protocol class, which has no types. */
import type { Buffer } from "node:buffer";

export default class Rtmp {
  /** Called for each audio, video and data message. */
  onPacketCallback: (packet: { data: Buffer; size: number }) => void;
  /** Parses what comes after the handshake. */
  chunkRead(data: Buffer, from: number, length: number): string | null;
}
