import { ByteWriter } from "../bytes/mod.ts";
import { type ReportBlock, type RtcpPacket, RtcpType, type SourceDescription } from "./rtcp.ts";

const utf8 = new TextEncoder();

/**
 * Builds a compound RTCP packet. RFC 3550 (6.1) wants a sender or receiver report first and a source
 * description with the CNAME in each; the caller decides.
 *
 * @throws {RangeError} if there are more than 31 blocks, chunks or sources in a packet, a text is
 * longer than 255 bytes, or data is no multiple of 4 bytes
 *
 * @example
 * ```ts
 * import { buildRtcp, SDES_CNAME } from "@weir/server/rtp";
 *
 * const bytes = buildRtcp([
 *   { type: "receiver-report", ssrc: 1, reports: [] },
 *   { type: "source-description", chunks: [{ ssrc: 1, items: [{ type: SDES_CNAME, text: "weir" }] }] },
 * ]);
 * console.log(bytes.length); // 24
 * ```
 */
export function buildRtcp(packets: readonly RtcpPacket[]): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter(128);
  for (const packet of packets) {
    const { count, packetType, body } = bodyOf(packet);
    if (count > 31) {
      throw new RangeError(
        `Cannot build an RTCP packet as it counts at most 31 parts: current value is ${count}`,
      );
    }
    if (body.length % 4 !== 0) {
      throw new RangeError(
        `Cannot build an RTCP packet as its size must be a multiple of 4: current value is ${
          4 + body.length
        }`,
      );
    }
    writer.u8(0x80 | count).u8(packetType).u16(body.length / 4).bytes(body);
  }
  return writer.finish();
}

function bodyOf(packet: RtcpPacket): { count: number; packetType: number; body: Uint8Array } {
  const writer = new ByteWriter(64);
  switch (packet.type) {
    case "sender-report":
      writer.u32(packet.ssrc).u32(packet.ntp.seconds).u32(packet.ntp.fraction)
        .u32(packet.rtpTimestamp).u32(packet.packetCount).u32(packet.octetCount);
      writeBlocks(writer, packet.reports);
      return made(writer, RtcpType.SenderReport, packet.reports.length);
    case "receiver-report":
      writer.u32(packet.ssrc);
      writeBlocks(writer, packet.reports);
      return made(writer, RtcpType.ReceiverReport, packet.reports.length);
    case "source-description":
      writeChunks(writer, packet);
      return made(writer, RtcpType.SourceDescription, packet.chunks.length);
    case "goodbye":
      for (const ssrc of packet.ssrcs) writer.u32(ssrc);
      if (packet.reason !== undefined) writeText(writer, packet.reason);
      while (writer.length % 4 !== 0) writer.u8(0);
      return made(writer, RtcpType.Goodbye, packet.ssrcs.length);
    case "application-defined":
      writer.u32(packet.ssrc).utf8(packet.name.padEnd(4).slice(0, 4)).bytes(packet.data);
      return made(writer, RtcpType.ApplicationDefined, packet.subtype);
    case "unknown":
      return made(writer.bytes(packet.data), packet.packetType, packet.count);
  }
}

function made(writer: ByteWriter, packetType: number, count: number) {
  return { count, packetType, body: writer.finish() };
}

function writeBlocks(writer: ByteWriter, blocks: readonly ReportBlock[]): void {
  for (const block of blocks) {
    writer.u32(block.ssrc).u8(block.fractionLost).u24(block.cumulativeLost)
      .u32(block.highestSequence).u32(block.jitter).u32(block.lastSenderReport)
      .u32(block.delaySinceLastSenderReport);
  }
}

function writeChunks(writer: ByteWriter, description: SourceDescription): void {
  for (const { ssrc, items } of description.chunks) {
    writer.u32(ssrc);
    for (const item of items) {
      writer.u8(item.type);
      writeText(writer, item.text);
    }
    writer.u8(0);
    while (writer.length % 4 !== 0) writer.u8(0);
  }
}

function writeText(writer: ByteWriter, text: string): void {
  const bytes = utf8.encode(text);
  if (bytes.length > 255) {
    throw new RangeError(
      `Cannot build an RTCP packet as a text has at most 255 bytes: current value is ${bytes.length}`,
    );
  }
  writer.u8(bytes.length).bytes(bytes);
}
