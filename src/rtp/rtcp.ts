import { ByteReader } from "../bytes/mod.ts";
import { RtpError } from "./errors.ts";
import type { NtpTime } from "./ntp.ts";
import { MAX_DATAGRAM_SIZE } from "./packet.ts";

/** One block of a sender or receiver report (RFC 3550, 6.4.1). */
export interface ReportBlock {
  /** The source that the block reports on. */
  readonly ssrc: number;
  /** Fraction of packets lost since the last report, in 1/256. */
  readonly fractionLost: number;
  /** Packets lost since the beginning, a signed 24-bit number. */
  readonly cumulativeLost: number;
  /** Highest sequence number received, the count of its wraps in the upper 16 bits. */
  readonly highestSequence: number;
  /** Interarrival jitter in ticks of the track's clock. */
  readonly jitter: number;
  /** Middle 32 bits of the NTP time of the last sender report, 0 where none came. */
  readonly lastSenderReport: number;
  /** Time since that report in units of 1/65536 s, 0 where none came. */
  readonly delaySinceLastSenderReport: number;
}

/** A sender report (RFC 3550, 6.4.1): the wall clock that belongs to an RTP timestamp, and counts. */
export interface SenderReport {
  /** Tells the kinds of packets apart. */
  readonly type: "sender-report";
  /** The source that reports. */
  readonly ssrc: number;
  /** Wall-clock time. */
  readonly ntp: NtpTime;
  /** The RTP timestamp of the same moment. */
  readonly rtpTimestamp: number;
  /** Packets sent, modulo 2^32. */
  readonly packetCount: number;
  /** Bytes of payload sent, modulo 2^32. */
  readonly octetCount: number;
  /** What the sender receives from others, at most 31 blocks. */
  readonly reports: readonly ReportBlock[];
}

/** A receiver report (RFC 3550, 6.4.2). */
export interface ReceiverReport {
  /** Tells the kinds of packets apart. */
  readonly type: "receiver-report";
  /** The source that reports. */
  readonly ssrc: number;
  /** At most 31 blocks. */
  readonly reports: readonly ReportBlock[];
}

/** One item of a source description, such as type 1, CNAME. */
export interface SourceDescriptionItem {
  /** Item type, 1 to 255; see {@linkcode SDES_CNAME}. */
  readonly type: number;
  /** Its text, at most 255 bytes of UTF-8. */
  readonly text: string;
}

/** A source description (RFC 3550, 6.5). */
export interface SourceDescription {
  /** Tells the kinds of packets apart. */
  readonly type: "source-description";
  /** One chunk a source, at most 31. */
  readonly chunks: readonly {
    readonly ssrc: number;
    readonly items: readonly SourceDescriptionItem[];
  }[];
}

/** Sources that leave (RFC 3550, 6.6). */
export interface Goodbye {
  /** Tells the kinds of packets apart. */
  readonly type: "goodbye";
  /** The sources, at most 31. */
  readonly ssrcs: readonly number[];
  /** Why, where it is told. */
  readonly reason?: string;
}

/** An application's own packet (RFC 3550, 6.7). */
export interface ApplicationDefined {
  /** Tells the kinds of packets apart. */
  readonly type: "application-defined";
  /** Subtype, 0 to 31. */
  readonly subtype: number;
  /** The source that sends it. */
  readonly ssrc: number;
  /** Four ASCII characters. */
  readonly name: string;
  /** The application's data, a view; its length is a multiple of 4. */
  readonly data: Uint8Array;
}

/** An RTCP packet of another type, such as feedback (RFC 4585). */
export interface UnknownRtcp {
  /** Tells the kinds of packets apart. */
  readonly type: "unknown";
  /** The packet type, 192 to 223. */
  readonly packetType: number;
  /** The five bits after version and padding. */
  readonly count: number;
  /** What follows the first 4 bytes, a view; its length is a multiple of 4. */
  readonly data: Uint8Array;
}

/** One RTCP packet of a compound. */
export type RtcpPacket =
  | SenderReport
  | ReceiverReport
  | SourceDescription
  | Goodbye
  | ApplicationDefined
  | UnknownRtcp;

/** The type of the item that holds a source's canonical name (RFC 3550, 6.5.1). */
export const SDES_CNAME = 1;

/** RTCP packet types (RFC 3550, 12.1). */
export const RtcpType = {
  SenderReport: 200,
  ReceiverReport: 201,
  SourceDescription: 202,
  Goodbye: 203,
  ApplicationDefined: 204,
} as const;

/**
 * Whether a packet that came where RTP is expected is RTCP: of senders that use one way for both (RFC
 * 5761, 4), or that mix the two up. The payload types that look like it are never RTP (RFC 3551, 6).
 */
export function isRtcp(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && bytes[0]! >> 6 === 2 && bytes[1]! >= RtcpType.SenderReport &&
    bytes[1]! <= RtcpType.ApplicationDefined;
}

/** Options of {@linkcode parseRtcp}. */
export interface ParseRtcpOptions {
  /** Largest compound packet in bytes; 1472 by default, since a datagram carries no more. */
  readonly maxSize?: number;
}

/**
 * Reads a compound RTCP packet: what one datagram or interleaved frame holds. A compound may begin
 * with any type (RFC 5506), and the last chunk of a source description may lack its end octet, as
 * Hanwha's QNV-8080R sends it.
 *
 * @throws {RtpError} `malformed-rtcp`, or `rtcp-too-large`
 *
 * @example
 * ```ts
 * import { buildRtcp, parseRtcp } from "@weir/server/rtp";
 *
 * const bytes = buildRtcp([{ type: "goodbye", ssrcs: [7], reason: "done" }]);
 * console.log(parseRtcp(bytes)); // [ { type: "goodbye", ssrcs: [ 7 ], reason: "done" } ]
 * ```
 */
export function parseRtcp(bytes: Uint8Array, options: ParseRtcpOptions = {}): RtcpPacket[] {
  const { maxSize = MAX_DATAGRAM_SIZE } = options;
  if (bytes.length > maxSize) {
    throw new RtpError("rtcp-too-large", `RTCP size ${bytes.length} > ${maxSize}`);
  }
  const packets: RtcpPacket[] = [];
  let at = 0;
  do {
    const left = bytes.length - at;
    if (left < 4) throw malformed(`${left} bytes are too few for a header`);
    if (bytes[at]! >> 6 !== 2) throw malformed(`version ${bytes[at]! >> 6}`);
    const size = (((bytes[at + 2]! << 8) | bytes[at + 3]!) + 1) * 4;
    if (size > left) throw malformed(`length ${size}, of which ${left} bytes are there`);
    packets.push(parseOne(bytes.subarray(at, at + size)));
    at += size;
  } while (at < bytes.length);
  return packets;
}

function malformed(what: string): RtpError {
  return new RtpError("malformed-rtcp", `Malformed RTCP packet: ${what}`);
}

function onShort(wanted: number, remaining: number): RtpError {
  return malformed(`a field of ${wanted} bytes, of which ${remaining} are there`);
}

function parseOne(bytes: Uint8Array): RtcpPacket {
  const count = bytes[0]! & 0x1f;
  const padding = (bytes[0]! & 0x20) !== 0 ? bytes[bytes.length - 1]! : 0;
  if (padding > bytes.length - 4) throw malformed(`${padding} bytes of padding`);
  const reader = new ByteReader(bytes.subarray(4, bytes.length - padding), { onShort });
  switch (bytes[1]!) {
    case RtcpType.SenderReport:
      return readSenderReport(reader, count);
    case RtcpType.ReceiverReport:
      return { type: "receiver-report", ssrc: reader.u32(), reports: readBlocks(reader, count) };
    case RtcpType.SourceDescription:
      return readSourceDescription(reader, count);
    case RtcpType.Goodbye:
      return readGoodbye(reader, count);
    case RtcpType.ApplicationDefined:
      return readApplicationDefined(reader, count);
    default:
      return { type: "unknown", packetType: bytes[1]!, count, data: reader.rest() };
  }
}

function readSenderReport(reader: ByteReader, count: number): SenderReport {
  return {
    type: "sender-report",
    ssrc: reader.u32(),
    ntp: { seconds: reader.u32(), fraction: reader.u32() },
    rtpTimestamp: reader.u32(),
    packetCount: reader.u32(),
    octetCount: reader.u32(),
    reports: readBlocks(reader, count),
  };
}

/** Reads `count` report blocks; a profile's extension after them is passed over. */
function readBlocks(reader: ByteReader, count: number): ReportBlock[] {
  const blocks: ReportBlock[] = [];
  for (let i = 0; i < count; i++) {
    blocks.push({
      ssrc: reader.u32(),
      fractionLost: reader.u8(),
      cumulativeLost: reader.i24(),
      highestSequence: reader.u32(),
      jitter: reader.u32(),
      lastSenderReport: reader.u32(),
      delaySinceLastSenderReport: reader.u32(),
    });
  }
  return blocks;
}

function readSourceDescription(reader: ByteReader, count: number): SourceDescription {
  const chunks = [];
  for (let i = 0; i < count; i++) {
    const ssrc = reader.u32();
    const items: SourceDescriptionItem[] = [];
    // At the packet's end the list ends too: Hanwha's QNV-8080R sends no end octet.
    while (reader.remaining > 0) {
      const type = reader.u8();
      if (type === 0) break;
      items.push({ type, text: reader.utf8(reader.u8()) });
    }
    chunks.push({ ssrc, items });
    // Each chunk ends at a multiple of 4 bytes, filled up with null octets.
    reader.skip(Math.min((4 - (reader.offset % 4)) % 4, reader.remaining));
  }
  return { type: "source-description", chunks };
}

function readGoodbye(reader: ByteReader, count: number): Goodbye {
  const ssrcs: number[] = [];
  for (let i = 0; i < count; i++) ssrcs.push(reader.u32());
  if (reader.remaining === 0) return { type: "goodbye", ssrcs };
  return { type: "goodbye", ssrcs, reason: reader.utf8(reader.u8()) };
}

function readApplicationDefined(reader: ByteReader, subtype: number): ApplicationDefined {
  const ssrc = reader.u32();
  const name = String.fromCharCode(...reader.view(4));
  return { type: "application-defined", subtype, ssrc, name, data: reader.rest() };
}
