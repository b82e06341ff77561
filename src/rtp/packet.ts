import { RtpError } from "./errors.ts";

/** Size of an RTP header without contributing sources and extension, in bytes. */
export const RTP_HEADER_SIZE = 12;

/**
 * Largest RTP or RTCP datagram that is sent, in bytes: what an Ethernet frame carries (1500) less the
 * headers of IPv4 or IPv6's smaller tunnels and UDP.
 */
export const MAX_DATAGRAM_SIZE = 1472;

/** A header extension (RFC 3550, 5.3.1). */
export interface RtpExtension {
  /** The 16 bits "defined by profile": 0xBEDE for RFC 8285's one-byte elements, 0xABAC for ONVIF. */
  readonly profile: number;
  /** The extension's body, a view; its length is a multiple of 4. */
  readonly data: Uint8Array;
}

/** One RTP packet (RFC 3550, 5.1). Its views share memory with `bytes` and are read-only by contract. */
export interface RtpPacket {
  /** The whole packet as it was received. */
  readonly bytes: Uint8Array;
  /** The marker bit; what it means is the payload format's. */
  readonly marker: boolean;
  /** Payload type, 0 to 127. */
  readonly payloadType: number;
  /** Sequence number, 0 to 65535; wraps. */
  readonly sequenceNumber: number;
  /** Timestamp in ticks of the track's clock, 0 to 2^32 - 1; wraps. */
  readonly timestamp: number;
  /** Synchronization source, 0 to 2^32 - 1. */
  readonly ssrc: number;
  /** Contributing sources, 0 to 15 of them. */
  readonly csrcs: readonly number[];
  /** The header extension, where there is one. */
  readonly extension: RtpExtension | undefined;
  /** The payload without padding; may be empty (keepalives, RFC 6263). */
  readonly payload: Uint8Array;
}

const NO_CSRCS: readonly number[] = Object.freeze([]);

/**
 * Reads one RTP packet. Nothing is copied: `payload` and `extension` are views of `bytes`.
 *
 * @throws {RtpError} `packet-too-short`, `unsupported-version`, or `malformed-packet` where padding
 * or extension do not fit
 *
 * @example
 * ```ts
 * import { buildRtpPacket, parseRtpPacket } from "@weir/server/rtp";
 *
 * const bytes = buildRtpPacket({
 *   payloadType: 96,
 *   sequenceNumber: 7,
 *   timestamp: 90000,
 *   ssrc: 0x1234,
 *   payload: new Uint8Array([1, 2, 3]),
 * });
 * console.log(parseRtpPacket(bytes).payload); // Uint8Array(3) [ 1, 2, 3 ]
 * ```
 */
export function parseRtpPacket(bytes: Uint8Array): RtpPacket {
  const length = bytes.length;
  if (length < RTP_HEADER_SIZE) {
    throw new RtpError("packet-too-short", `RTP packet of ${length} bytes: needs at least 12`);
  }
  const first = bytes[0]!;
  if (first >> 6 !== 2) {
    throw new RtpError("unsupported-version", `RTP version is ${first >> 6}: only 2 is known`);
  }
  const csrcCount = first & 0x0f;
  const extensionAt = RTP_HEADER_SIZE + csrcCount * 4;
  const extension = (first & 0x10) !== 0 ? readExtension(bytes, extensionAt) : undefined;
  const start = extension === undefined ? extensionAt : extensionAt + 4 + extension.data.length;
  const end = length - ((first & 0x20) !== 0 ? paddingLength(bytes) : 0);
  if (start > end) {
    throw new RtpError(
      "malformed-packet",
      `RTP packet of ${length} bytes: its header ends at ${start}, its padding begins at ${end}`,
    );
  }
  const second = bytes[1]!;
  return {
    bytes,
    marker: second > 0x7f,
    payloadType: second & 0x7f,
    sequenceNumber: rtpSequenceNumber(bytes),
    timestamp: rtpTimestamp(bytes),
    ssrc: rtpSsrc(bytes),
    csrcs: csrcCount === 0 ? NO_CSRCS : readCsrcs(bytes, csrcCount),
    extension,
    payload: bytes.subarray(start, end),
  };
}

function readExtension(bytes: Uint8Array, at: number): RtpExtension {
  const words = at + 4 <= bytes.length ? (bytes[at + 2]! << 8) | bytes[at + 3]! : 0;
  const end = at + 4 + words * 4;
  if (end > bytes.length) {
    throw new RtpError(
      "malformed-packet",
      `RTP packet of ${bytes.length} bytes: its extension ends at ${end}`,
    );
  }
  return { profile: (bytes[at]! << 8) | bytes[at + 1]!, data: bytes.subarray(at + 4, end) };
}

function paddingLength(bytes: Uint8Array): number {
  const padding = bytes[bytes.length - 1]!;
  // A packet with the padding bit holds at least the octet that counts it (RFC 3550, 5.1).
  if (padding === 0) {
    throw new RtpError("malformed-packet", "RTP packet has the padding bit and 0 bytes of padding");
  }
  return padding;
}

function readCsrcs(bytes: Uint8Array, count: number): number[] {
  const csrcs: number[] = [];
  for (let i = 0; i < count; i++) {
    csrcs.push(readU32(bytes, RTP_HEADER_SIZE + i * 4));
  }
  return csrcs;
}

function readU32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>>
    0;
}

/** The marker bit of the RTP packet `bytes`, which must hold a whole header. */
export function rtpMarker(bytes: Uint8Array): boolean {
  return bytes[1]! > 0x7f;
}

/** The payload type of the RTP packet `bytes`, which must hold a whole header. */
export function rtpPayloadType(bytes: Uint8Array): number {
  return bytes[1]! & 0x7f;
}

/** The sequence number of the RTP packet `bytes`, which must hold a whole header. */
export function rtpSequenceNumber(bytes: Uint8Array): number {
  return (bytes[2]! << 8) | bytes[3]!;
}

/** The timestamp of the RTP packet `bytes`, which must hold a whole header. */
export function rtpTimestamp(bytes: Uint8Array): number {
  return readU32(bytes, 4);
}

/** The synchronization source of the RTP packet `bytes`, which must hold a whole header. */
export function rtpSsrc(bytes: Uint8Array): number {
  return readU32(bytes, 8);
}

/** The header fields of an RTP packet to be written. */
export interface RtpHeaderFields {
  /** Payload type, 0 to 127. */
  readonly payloadType: number;
  /** Sequence number; its low 16 bits are written. */
  readonly sequenceNumber: number;
  /** Timestamp in ticks of the track's clock; it is written modulo 2^32. */
  readonly timestamp: number;
  /** Synchronization source. */
  readonly ssrc: number;
  /** The marker bit; `false` by default. */
  readonly marker?: boolean;
}

/** What {@linkcode buildRtpPacket} makes a packet of. */
export interface RtpPacketFields extends RtpHeaderFields {
  /** The payload, which is copied. */
  readonly payload: Uint8Array;
  /** Contributing sources, at most 15. */
  readonly csrcs?: readonly number[];
  /** A header extension; its data is a multiple of 4 bytes and at most 65535 × 4. */
  readonly extension?: RtpExtension;
  /** Bytes of padding after the payload, 0 to 255. */
  readonly padding?: number;
}

/**
 * Builds one RTP packet.
 *
 * @throws {RangeError} if a field is outside of its range
 *
 * @example
 * ```ts
 * import { buildRtpPacket, rtpSequenceNumber } from "@weir/server/rtp";
 *
 * const packet = buildRtpPacket({
 *   payloadType: 0,
 *   sequenceNumber: 65536 + 5,
 *   timestamp: 160,
 *   ssrc: 1,
 *   payload: new Uint8Array(160),
 * });
 * console.log(packet.length, rtpSequenceNumber(packet)); // 172 5
 * ```
 */
export function buildRtpPacket(fields: RtpPacketFields): Uint8Array<ArrayBuffer> {
  const { payload, csrcs = [], extension, padding = 0 } = fields;
  checkFields(fields, csrcs, extension, padding);
  const extensionSize = extension === undefined ? 0 : 4 + extension.data.length;
  const payloadAt = RTP_HEADER_SIZE + csrcs.length * 4 + extensionSize;
  const bytes = new Uint8Array(payloadAt + payload.length + padding);
  writeRtpHeader(fields, bytes);
  bytes[0] = 0x80 | (padding > 0 ? 0x20 : 0) | (extension !== undefined ? 0x10 : 0) | csrcs.length;
  let at = RTP_HEADER_SIZE;
  for (const csrc of csrcs) {
    writeU32(bytes, at, csrc);
    at += 4;
  }
  if (extension !== undefined) {
    writeU32(bytes, at, extension.profile * 0x10000 + extension.data.length / 4);
    bytes.set(extension.data, at + 4);
  }
  bytes.set(payload, payloadAt);
  if (padding > 0) bytes[bytes.length - 1] = padding;
  return bytes;
}

function checkFields(
  fields: RtpPacketFields,
  csrcs: readonly number[],
  extension: RtpExtension | undefined,
  padding: number,
): void {
  const cannot = "Cannot build an RTP packet as";
  if (!(fields.payloadType >= 0 && fields.payloadType <= 127)) {
    throw new RangeError(
      `${cannot} the payload type must be 0 to 127: current value is ${fields.payloadType}`,
    );
  }
  if (csrcs.length > 15) {
    throw new RangeError(
      `${cannot} it holds at most 15 contributing sources: current value is ${csrcs.length}`,
    );
  }
  const size = extension?.data.length ?? 0;
  if (size % 4 !== 0 || size > 0xffff * 4) {
    throw new RangeError(
      `${cannot} an extension's size must be a multiple of 4 up to 262140: current value is ${size}`,
    );
  }
  if (!(padding >= 0 && padding <= 255)) {
    throw new RangeError(`${cannot} padding must be 0 to 255: current value is ${padding}`);
  }
}

/**
 * Writes the 12 bytes of an RTP header without contributing sources into `target`, at `at` (0 by
 * default): the payload follows it.
 */
export function writeRtpHeader(
  fields: RtpHeaderFields,
  target: Uint8Array,
  options: { readonly at?: number } = {},
): void {
  const { at = 0 } = options;
  target[at] = 0x80;
  target[at + 1] = (fields.marker ? 0x80 : 0) | fields.payloadType;
  target[at + 2] = fields.sequenceNumber >> 8;
  target[at + 3] = fields.sequenceNumber;
  writeU32(target, at + 4, fields.timestamp);
  writeU32(target, at + 8, fields.ssrc);
}

function writeU32(target: Uint8Array, at: number, value: number): void {
  target[at] = value >>> 24;
  target[at + 1] = value >>> 16;
  target[at + 2] = value >>> 8;
  target[at + 3] = value;
}

/** How {@linkcode rewriteRtp} changes a packet's header. */
export interface RewriteRtpOptions {
  /** Where in the target the packet begins; 0 by default. */
  readonly at?: number;
  /** The new synchronization source. */
  readonly ssrc: number;
  /** The new sequence number; its low 16 bits are written. */
  readonly sequenceNumber: number;
  /** Ticks that are added to the timestamp, modulo 2^32; 0 by default. */
  readonly timestampOffset?: number;
  /** The new payload type; the packet's own by default. */
  readonly payloadType?: number;
}

/**
 * Copies the RTP packet `packet` into `target` with another source, sequence number, timestamp and
 * payload type; the original stays as it is. Returns the number of bytes written, `packet.length`.
 *
 * @throws {RangeError} if the packet has no whole header or `target` has no room for it
 *
 * @example
 * ```ts
 * import { buildRtpPacket, parseRtpPacket, rewriteRtp } from "@weir/server/rtp";
 *
 * const packet = buildRtpPacket({
 *   payloadType: 96,
 *   sequenceNumber: 1,
 *   timestamp: 1000,
 *   ssrc: 1,
 *   payload: new Uint8Array(4),
 * });
 * const copy = new Uint8Array(packet.length);
 * rewriteRtp(packet, copy, { ssrc: 2, sequenceNumber: 77, timestampOffset: -1000 });
 * console.log(parseRtpPacket(copy).sequenceNumber, parseRtpPacket(copy).timestamp); // 77 0
 * ```
 */
export function rewriteRtp(
  packet: Uint8Array,
  target: Uint8Array,
  options: RewriteRtpOptions,
): number {
  const { at = 0, ssrc, sequenceNumber, timestampOffset = 0, payloadType } = options;
  if (packet.length < RTP_HEADER_SIZE) {
    throw new RangeError(
      `Cannot rewrite an RTP packet as it needs 12 bytes: current value is ${packet.length}`,
    );
  }
  target.set(packet, at);
  if (payloadType !== undefined) target[at + 1] = (packet[1]! & 0x80) | payloadType;
  target[at + 2] = sequenceNumber >> 8;
  target[at + 3] = sequenceNumber;
  if (timestampOffset !== 0) writeU32(target, at + 4, rtpTimestamp(packet) + timestampOffset);
  writeU32(target, at + 8, ssrc);
  return packet.length;
}
