import { RTP_HEADER_SIZE } from "../packet.ts";

/**
 * Bytes of the header of an RTP packet, with contributing sources and extension: they are authenticated and stay
 * readable. `undefined` where `packet` is too short for what it says of itself.
 */
export function rtpHeaderBytes(packet: Uint8Array): number | undefined {
  if (packet.length < RTP_HEADER_SIZE || packet[0]! >> 6 !== 2) return undefined;
  let length = RTP_HEADER_SIZE + (packet[0]! & 0x0f) * 4;
  if ((packet[0]! & 0x10) !== 0) {
    if (packet.length < length + 4) return undefined;
    length += 4 + (packet[length + 2]! << 8 | packet[length + 3]!) * 4;
  }
  return length <= packet.length ? length : undefined;
}
