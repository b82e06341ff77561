import { RTP_HEADER_SIZE } from "../packet.ts";

/**
 * How many bytes the header of an RTP packet has, with its contributing sources and its extension: this part of the packet
 * is authenticated, and not encrypted. `undefined` where the packet is shorter than it says its header is.
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
