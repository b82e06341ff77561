import { concat } from "@std/bytes/concat";
import { RtpError } from "../errors.ts";
import {
  type AccessUnit,
  type DepacketizerOptions,
  maxPayloadSizeOf,
  type Packetizer,
  type PacketizerOptions,
  type RtpPayload,
} from "./access_unit.ts";
import { evenPieceSize } from "./even_pieces.ts";
import { splitNalUnits } from "./nal_units.ts";
import { UnitAssembler, type UnitStart } from "./unit_assembler.ts";
import type { PayloadFormat } from "./payload_format.ts";

/** NAL units in an access unit: a picture of 4K has up to 32 slices, and its parameter sets and SEI. */
export const MAX_H264_NAL_UNITS = 50;

/** Bytes in an access unit: a key frame of 8K at 1 Gb/s. */
export const MAX_H264_UNIT_SIZE: number = 8 * 1024 * 1024;

const NAL_IDR = 5;
const NAL_SEI = 6;
const NAL_SPS = 7;
const NAL_AUD = 9;
const STAP_A = 24;
const FU_A = 28;
const FU_B = 29;

/**
 * Makes access units of H.264 packets (RFC 6184): single NAL units, STAP-A and FU-A, whatever
 * packetization mode was announced.
 *
 * It puts up with what devices send: no marker bit (FLIR M400), fragments that are first and last at
 * once (CostarHD), STAP-A filled up with zeros, Annex B start codes in single NAL units and in
 * fragmented ones (Amatek AR-N3222F, V380).
 *
 * @example
 * ```ts
 * import { buildRtpPacket, H264Depacketizer, parseRtpPacket } from "@weir/server/rtp";
 *
 * const depacketizer = new H264Depacketizer();
 * const packet = parseRtpPacket(buildRtpPacket({
 *   payloadType: 96,
 *   sequenceNumber: 1,
 *   timestamp: 90000,
 *   ssrc: 1,
 *   marker: true,
 *   payload: new Uint8Array([0x65, 0x88, 0x80]),
 * }));
 * console.log(depacketizer.push(packet)[0]?.parts); // [ Uint8Array(3) [ 101, 136, 128 ] ]
 * ```
 */
export class H264Depacketizer extends UnitAssembler {
  #spsSeen = false;

  /** Makes a depacketizer that has seen nothing yet. */
  constructor(options: DepacketizerOptions = {}) {
    super(options, {
      maxUnitSize: MAX_H264_UNIT_SIZE,
      maxParts: MAX_H264_NAL_UNITS,
      hasSlices: true,
    });
  }

  /** Reads one payload. */
  protected override readPayload(payload: Uint8Array): void {
    const type = payload[0]! & 0x1f;
    if (type === FU_A) return this.#readFragment(payload);
    if (this.inFragment) {
      throw new RtpError("missing-packet", "H.264 fragment without its last piece");
    }
    if (type === STAP_A) this.#readAggregate(payload);
    else if (type > STAP_A && type <= FU_B) {
      throw new RtpError("unsupported-payload", `H.264 packet type ${type} is not supported`);
    } else this.#addNalUnits(payload);
  }

  /** Whether the payload begins a picture. */
  protected override startOf(payload: Uint8Array): UnitStart {
    const type = payload[0]! & 0x1f;
    if (type === FU_A) {
      if (payload.length < 3 || (payload[1]! & 0x80) === 0) return "no";
      return this.#startOfNalUnit(payload[1]! & 0x1f, payload[2]!);
    }
    if (type === STAP_A) {
      return payload.length > 4 ? this.#startOfNalUnit(payload[3]! & 0x1f, payload[4]!) : "unknown";
    }
    return payload.length > 1 ? this.#startOfNalUnit(type, payload[1]!) : "unknown";
  }

  /** `second` is the byte after the NAL unit's header: a slice begins with first_mb_in_slice. */
  #startOfNalUnit(type: number, second: number): UnitStart {
    if (type === NAL_AUD || type === NAL_SPS) return "yes";
    if (type === 0 || type > NAL_IDR) return "unknown";
    if ((second & 0x80) === 0) return "no";
    // A key frame begins with parameter sets, unless those have never come in band.
    return type === NAL_IDR && !this.#spsSeen ? "yes" : "unknown";
  }

  #readFragment(payload: Uint8Array): void {
    if (payload.length < 2) throw malformed("FU-A without header");
    const header = payload[1]!;
    if ((header & 0x80) !== 0) {
      if (this.inFragment) {
        throw new RtpError("missing-packet", "H.264 fragment without its last piece");
      }
      this.addFragment(new Uint8Array([(payload[0]! & 0xe0) | (header & 0x1f)]));
    } else if (!this.inFragment) {
      throw new RtpError("missing-packet", "H.264 fragment without its first piece");
    }
    this.addFragment(payload.subarray(2));
    if ((header & 0x40) !== 0) this.#addNalUnits(this.takeFragments());
  }

  #readAggregate(payload: Uint8Array): void {
    let at = 1;
    while (at < payload.length) {
      const size = (payload[at]! << 8) | (payload[at + 1] ?? 0);
      // Some senders fill the packet up with zeros.
      if (size === 0) break;
      if (at + 2 + size > payload.length) throw malformed("STAP-A is cut off");
      this.#addNalUnits(payload.subarray(at + 2, at + 2 + size));
      at += 2 + size;
    }
    if (at === 1) throw malformed("STAP-A without NAL units");
  }

  #addNalUnits(bytes: Uint8Array): void {
    for (const nalUnit of splitNalUnits(bytes, isSei)) {
      if ((nalUnit[0]! & 0x1f) === NAL_SPS) this.#spsSeen = true;
      this.addPart(nalUnit);
    }
  }
}

function isSei(header: number): boolean {
  return (header & 0x1f) === NAL_SEI;
}

function malformed(what: string): RtpError {
  return new RtpError("malformed-payload", `Malformed H.264 payload: ${what}`);
}

/** Options of an {@linkcode H264Packetizer}. */
export interface H264PacketizerOptions extends PacketizerOptions {
  /**
   * 1 by default; 0 for receivers that take single NAL units only. A NAL unit beyond `maxPayloadSize` is then
   * one packet all the same, which IP fragments, or which has its place in one interleaved frame.
   */
  readonly packetizationMode?: 0 | 1;
}

/** Bytes of a NAL unit that is a packet of its own: what a datagram, and an interleaved frame, can hold. */
const MAX_SINGLE_SIZE = 65_000;

/**
 * Cuts H.264 access units into packets of packetization mode 1 (RFC 6184): neighbours that fit
 * together become one STAP-A, what fits alone is sent as it is, the rest in FU-A fragments. In mode 0 each
 * NAL unit is one packet.
 *
 * @example
 * ```ts
 * import { H264Packetizer } from "@weir/server/rtp";
 *
 * const packetizer = new H264Packetizer({ maxPayloadSize: 1000 });
 * const payloads = packetizer.packetize({ timestamp: 0, parts: [new Uint8Array(1500).fill(0x65)] });
 * console.log(payloads.map((p) => [p.payload.length, p.marker])); // [ [ 752, false ], [ 751, true ] ]
 * ```
 */
export class H264Packetizer implements Packetizer {
  readonly #maxPayloadSize: number;
  readonly #isSingle: boolean;

  /** Makes a packetizer. */
  constructor(options: H264PacketizerOptions = {}) {
    this.#maxPayloadSize = maxPayloadSizeOf(options);
    this.#isSingle = options.packetizationMode === 0;
  }

  /**
   * Cuts one access unit of NAL units; empty ones are left out.
   *
   * @throws {RtpError} `unit-too-large` in mode 0, if a NAL unit has over 65000 bytes
   */
  packetize(unit: AccessUnit): RtpPayload[] {
    if (this.#isSingle) return withMarker(singles(unit.parts), unit.timestamp);
    const payloads: Uint8Array[] = [];
    for (const group of groupNalUnits(unit.parts, this.#maxPayloadSize, 1)) {
      const [only] = group;
      if (group.length > 1) payloads.push(aggregate(group));
      else if (only!.length <= this.#maxPayloadSize) payloads.push(only!);
      else fragment(only!, this.#maxPayloadSize, payloads);
    }
    return withMarker(payloads, unit.timestamp);
  }
}

/** The payloads of mode 0, which are single NAL units (RFC 6184, 6.2). */
function singles(parts: readonly Uint8Array[]): Uint8Array[] {
  for (const { length } of parts) {
    if (length <= MAX_SINGLE_SIZE) continue;
    throw new RtpError(
      "unit-too-large",
      `H.264 NAL unit of ${length} bytes: at most ${MAX_SINGLE_SIZE} are one packet`,
    );
  }
  return parts.filter(({ length }) => length > 0);
}

/** Groups neighbours that fit into one aggregate together, with `overhead` bytes of its own. */
export function groupNalUnits(
  parts: readonly Uint8Array[],
  maxSize: number,
  overhead: number,
): Uint8Array[][] {
  const groups: Uint8Array[][] = [];
  let size = Infinity;
  for (const part of parts) {
    if (part.length === 0) continue;
    if (size + 2 + part.length <= maxSize) {
      groups[groups.length - 1]!.push(part);
      size += 2 + part.length;
    } else {
      groups.push([part]);
      size = overhead + 2 + part.length;
    }
  }
  return groups;
}

/** The payloads of one access unit: the last one has the marker. */
export function withMarker(payloads: readonly Uint8Array[], timestamp: number): RtpPayload[] {
  const last = payloads.length - 1;
  return payloads.map((payload, index) => ({ payload, marker: index === last, timestamp }));
}

function aggregate(group: readonly Uint8Array[]): Uint8Array {
  let forbidden = 0;
  let importance = 0;
  const pieces: Uint8Array[] = [];
  for (const nalUnit of group) {
    forbidden |= nalUnit[0]! & 0x80;
    importance = Math.max(importance, nalUnit[0]! & 0x60);
    pieces.push(new Uint8Array([nalUnit.length >> 8, nalUnit.length]), nalUnit);
  }
  pieces.unshift(new Uint8Array([forbidden | importance | STAP_A]));
  return concat(pieces);
}

function fragment(nalUnit: Uint8Array, maxSize: number, payloads: Uint8Array[]): void {
  const indicator = (nalUnit[0]! & 0xe0) | FU_A;
  const type = nalUnit[0]! & 0x1f;
  const content = nalUnit.subarray(1);
  const size = evenPieceSize(content.length, maxSize - 2);
  const count = Math.ceil(content.length / size);
  const all = new Uint8Array(content.length + count * 2);
  for (let i = 0, from = 0, at = 0; i < count; i++) {
    const to = Math.min(from + size, content.length);
    const end = at + 2 + to - from;
    all[at] = indicator;
    all[at + 1] = type | (i === 0 ? 0x80 : 0) | (i === count - 1 ? 0x40 : 0);
    all.set(content.subarray(from, to), at + 2);
    payloads.push(all.subarray(at, end));
    from = to;
    at = end;
  }
}

/** RFC 6184. */
export const H264_FORMAT: PayloadFormat = {
  encodingName: "H264",
  depacketizer: (_, options) => new H264Depacketizer(options),
  // Many receivers leave the mode out and take all of them, so only a stated 0 means single NAL units.
  packetizer: ({ parameters }, options) =>
    new H264Packetizer({
      ...options,
      packetizationMode: parameters.get("packetization-mode") === "0" ? 0 : 1,
    }),
  startsRandomAccess,
};

function startsRandomAccess(payload: Uint8Array): boolean {
  const type = payload[0]! & 0x1f;
  if (type === 28) return (payload[1]! & 0x80) !== 0 && isStart(payload[1]! & 0x1f);
  if (type === 24) return payload.length > 3 && isStart(payload[3]! & 0x1f);
  return isStart(type);
}

/** An IDR slice, or an SPS, which comes before one. */
function isStart(type: number): boolean {
  return type === 5 || type === 7;
}
