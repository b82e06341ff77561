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
import { groupNalUnits, withMarker } from "./h264.ts";
import { evenPieceSize } from "./even_pieces.ts";
import { splitNalUnits } from "./nal_units.ts";
import { UnitAssembler, type UnitStart } from "./unit_assembler.ts";
import { numberOf, type PayloadFormat } from "./payload_format.ts";

/** NAL units in an access unit: sixteen slices and what goes with them. */
export const MAX_H265_NAL_UNITS = 21;

/** Bytes in an access unit: a key frame of 8K at 1 Gb/s. */
export const MAX_H265_UNIT_SIZE: number = 8 * 1024 * 1024;

const NAL_VPS = 32;
const NAL_AUD = 35;
const NAL_PREFIX_SEI = 39;
const NAL_SUFFIX_SEI = 40;
const AGGREGATION = 48;
const FRAGMENTATION = 49;
const PACI = 50;

/** Options of an {@linkcode H265Depacketizer}. */
export interface H265DepacketizerOptions extends DepacketizerOptions {
  /**
   * Whether packets carry decoding order numbers: where `sprop-max-don-diff` is above 0. They are
   * passed over; NAL units that were sent out of decoding order are not put back in order.
   */
  readonly don?: boolean;
}

/**
 * Makes access units of H.265 packets (RFC 7798): single NAL units, aggregation packets and
 * fragmentation units, with and without DONL. The tolerances are those of H.264.
 *
 * @example
 * ```ts
 * import { buildRtpPacket, H265Depacketizer, parseRtpPacket } from "@weir/server/rtp";
 *
 * const depacketizer = new H265Depacketizer();
 * const packet = parseRtpPacket(buildRtpPacket({
 *   payloadType: 96,
 *   sequenceNumber: 1,
 *   timestamp: 90000,
 *   ssrc: 1,
 *   marker: true,
 *   payload: new Uint8Array([0x26, 0x01, 0xaf]),
 * }));
 * console.log(depacketizer.push(packet)[0]?.parts); // [ Uint8Array(3) [ 38, 1, 175 ] ]
 * ```
 */
export class H265Depacketizer extends UnitAssembler {
  readonly #donSize: number;
  #vpsSeen = false;

  /** Makes a depacketizer that has seen nothing yet. */
  constructor(options: H265DepacketizerOptions = {}) {
    super(options, {
      maxUnitSize: MAX_H265_UNIT_SIZE,
      maxParts: MAX_H265_NAL_UNITS,
      hasSlices: true,
    });
    this.#donSize = options.don ? 2 : 0;
  }

  /** Reads one payload. */
  protected override readPayload(payload: Uint8Array): void {
    if (payload.length < 2) throw malformed("no header");
    const type = typeOf(payload);
    if (type === FRAGMENTATION) return this.#readFragment(payload);
    if (this.inFragment) {
      throw new RtpError("missing-packet", "H.265 fragment without its last piece");
    }
    if (type === AGGREGATION) this.#readAggregate(payload);
    else if (type === PACI) {
      throw new RtpError("unsupported-payload", "H.265 PACI packets are not supported");
    } else if (this.#donSize === 0) this.#addNalUnits(payload);
    else {
      if (payload.length < 4) throw malformed("no DONL");
      this.#addNalUnits(concat(
        [payload.subarray(0, 2), payload.subarray(4)],
      ));
    }
  }

  /** Whether the payload begins a picture. */
  protected override startOf(payload: Uint8Array): UnitStart {
    // `nuh_temporal_id_plus1` is never 0: such bytes are a start code that the sender left in.
    if (payload.length < 3 || payload[1] === 0) return "unknown";
    const type = typeOf(payload);
    const don = this.#donSize;
    if (type === FRAGMENTATION) {
      if ((payload[2]! & 0x80) === 0) return "no";
      return this.#startOfNalUnit(payload[2]! & 0x3f, payload[3 + don] ?? 0x80);
    }
    if (type === AGGREGATION) {
      const at = 2 + don + 2;
      if (payload.length <= at + 2) return "unknown";
      return this.#startOfNalUnit((payload[at]! >> 1) & 0x3f, payload[at + 2]!);
    }
    return this.#startOfNalUnit(type, payload[2 + don] ?? 0x80);
  }

  /** `third` is the byte after the NAL unit's header: first_slice_segment_in_pic_flag is its first bit. */
  #startOfNalUnit(type: number, third: number): UnitStart {
    if (type === NAL_AUD || type === NAL_VPS) return "yes";
    if (type >= NAL_VPS) return "unknown";
    if ((third & 0x80) === 0) return "no";
    return isRandomAccess(type) && !this.#vpsSeen ? "yes" : "unknown";
  }

  #readFragment(payload: Uint8Array): void {
    if (payload.length < 3) throw malformed("fragment without header");
    const header = payload[2]!;
    let at = 3;
    if ((header & 0x80) !== 0) {
      if (this.inFragment) {
        throw new RtpError("missing-packet", "H.265 fragment without its last piece");
      }
      at += this.#donSize;
      if (payload.length < at) throw malformed("no DONL");
      this.addFragment(
        new Uint8Array([(payload[0]! & 0x81) | ((header & 0x3f) << 1), payload[1]!]),
      );
    } else if (!this.inFragment) {
      throw new RtpError("missing-packet", "H.265 fragment without its first piece");
    }
    this.addFragment(payload.subarray(at));
    if ((header & 0x40) !== 0) this.#addNalUnits(this.takeFragments());
  }

  #readAggregate(payload: Uint8Array): void {
    let at = 2 + this.#donSize;
    let count = 0;
    while (at < payload.length) {
      const size = (payload[at]! << 8) | (payload[at + 1] ?? 0);
      // An empty NAL unit, or zeros that fill the packet up: there is nothing behind it.
      if (size === 0) break;
      if (at + 2 + size > payload.length) throw malformed("aggregation packet is cut off");
      this.#addNalUnits(payload.subarray(at + 2, at + 2 + size));
      count++;
      // One byte of difference of the decoding order number precedes all NAL units but the first.
      at += 2 + size + (this.#donSize > 0 ? 1 : 0);
    }
    if (count === 0) throw malformed("aggregation packet without NAL units");
  }

  #addNalUnits(bytes: Uint8Array): void {
    for (const nalUnit of splitNalUnits(bytes, isSei)) {
      if (nalUnit.length < 2) throw malformed("NAL unit without header");
      if (typeOf(nalUnit) === NAL_VPS) this.#vpsSeen = true;
      this.addPart(nalUnit);
    }
  }
}

function typeOf(nalUnit: Uint8Array): number {
  return (nalUnit[0]! >> 1) & 0x3f;
}

function isSei(header: number): boolean {
  const type = (header >> 1) & 0x3f;
  return type === NAL_PREFIX_SEI || type === NAL_SUFFIX_SEI;
}

/** BLA, IDR and CRA pictures and what is reserved beside them (H.265, table 7-1). */
function isRandomAccess(type: number): boolean {
  return type >= 16 && type <= 23;
}

function malformed(what: string): RtpError {
  return new RtpError("malformed-payload", `Malformed H.265 payload: ${what}`);
}

/**
 * Cuts H.265 access units into packets (RFC 7798) without DONL: neighbours that fit together become
 * one aggregation packet, what fits alone is sent as it is, the rest in fragmentation units.
 *
 * @example
 * ```ts
 * import { H265Packetizer } from "@weir/server/rtp";
 *
 * const packetizer = new H265Packetizer({ maxPayloadSize: 1000 });
 * const payloads = packetizer.packetize({ timestamp: 0, parts: [new Uint8Array(1502).fill(0x26)] });
 * console.log(payloads.map((p) => [p.payload.length, p.marker])); // [ [ 753, false ], [ 753, true ] ]
 * ```
 */
export class H265Packetizer implements Packetizer {
  readonly #maxPayloadSize: number;

  /** Makes a packetizer. */
  constructor(options: PacketizerOptions = {}) {
    this.#maxPayloadSize = maxPayloadSizeOf(options);
  }

  /** Cuts one access unit of NAL units; those without a whole header are left out. */
  packetize(unit: AccessUnit): RtpPayload[] {
    const payloads: Uint8Array[] = [];
    const parts = unit.parts.filter((part) => part.length >= 2);
    for (const group of groupNalUnits(parts, this.#maxPayloadSize, 2)) {
      const [only] = group;
      if (group.length > 1) payloads.push(aggregate(group));
      else if (only!.length <= this.#maxPayloadSize) payloads.push(only!);
      else fragment(only!, this.#maxPayloadSize, payloads);
    }
    return withMarker(payloads, unit.timestamp);
  }
}

/** RFC 7798, 4.4.2: the aggregate has the lowest layer and temporal id of its NAL units. */
function aggregate(group: readonly Uint8Array[]): Uint8Array {
  let forbidden = 0;
  let layer = 63;
  let temporal = 7;
  const pieces: Uint8Array[] = [];
  for (const nalUnit of group) {
    forbidden |= nalUnit[0]! & 0x80;
    layer = Math.min(layer, ((nalUnit[0]! & 1) << 5) | (nalUnit[1]! >> 3));
    temporal = Math.min(temporal, nalUnit[1]! & 7);
    pieces.push(new Uint8Array([nalUnit.length >> 8, nalUnit.length]), nalUnit);
  }
  const header = [forbidden | (AGGREGATION << 1) | (layer >> 5), ((layer & 31) << 3) | temporal];
  pieces.unshift(new Uint8Array(header));
  return concat(pieces);
}

function fragment(nalUnit: Uint8Array, maxSize: number, payloads: Uint8Array[]): void {
  const header = (nalUnit[0]! & 0x81) | (FRAGMENTATION << 1);
  const type = typeOf(nalUnit);
  const content = nalUnit.subarray(2);
  const size = evenPieceSize(content.length, maxSize - 3);
  const count = Math.ceil(content.length / size);
  const all = new Uint8Array(content.length + count * 3);
  for (let i = 0, from = 0, at = 0; i < count; i++) {
    const to = Math.min(from + size, content.length);
    const end = at + 3 + to - from;
    all[at] = header;
    all[at + 1] = nalUnit[1]!;
    all[at + 2] = type | (i === 0 ? 0x80 : 0) | (i === count - 1 ? 0x40 : 0);
    all.set(content.subarray(from, to), at + 3);
    payloads.push(all.subarray(at, end));
    from = to;
    at = end;
  }
}

/** RFC 7798. */
export const H265_FORMAT: PayloadFormat = {
  encodingName: "H265",
  depacketizer: ({ parameters }, options) =>
    new H265Depacketizer({ ...options, don: numberOf(parameters, "sprop-max-don-diff") > 0 }),
  packetizer: (_, options) => new H265Packetizer(options),
  startsRandomAccess,
};

function startsRandomAccess(payload: Uint8Array): boolean {
  const type = (payload[0]! >> 1) & 0x3f;
  if (type === 49) {
    return payload.length > 2 && (payload[2]! & 0x80) !== 0 && isStart(payload[2]! & 0x3f);
  }
  if (type === 48) return payload.length > 4 && isStart((payload[4]! >> 1) & 0x3f);
  return isStart(type);
}

/** BLA, IDR and CRA slices, or a VPS or SPS, which comes before one. */
function isStart(type: number): boolean {
  return (type >= 16 && type <= 21) || type === 32 || type === 33;
}
