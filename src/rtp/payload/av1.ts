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
import { withMarker } from "./h264.ts";
import { UnitAssembler, type UnitStart } from "./unit_assembler.ts";
import type { PayloadFormat } from "./payload_format.ts";

/** OBUs in a temporal unit: parameters, metadata, and a frame a spatial layer. */
export const MAX_AV1_OBUS = 10;

/** Bytes in a temporal unit: a key frame of 8K at 400 Mb/s. */
export const MAX_AV1_UNIT_SIZE: number = 3 * 1024 * 1024;

const OBU_SEQUENCE_HEADER = 1;
const OBU_TEMPORAL_DELIMITER = 2;
const OBU_TILE_LIST = 8;

const CONTINUES_FIRST = 0x80;
const CONTINUES_LAST = 0x40;
const NEW_SEQUENCE = 0x08;

/**
 * Makes temporal units of AV1 packets (RTP Payload Format For AV1, 1.0). The parts are OBUs without
 * size field, whether or not they were sent with one; temporal delimiters and tile lists are left out.
 *
 * @example
 * ```ts
 * import { Av1Depacketizer, buildRtpPacket, parseRtpPacket } from "@weir/server/rtp";
 *
 * const depacketizer = new Av1Depacketizer();
 * const packet = parseRtpPacket(buildRtpPacket({
 *   payloadType: 96,
 *   sequenceNumber: 1,
 *   timestamp: 90000,
 *   ssrc: 1,
 *   marker: true,
 *   payload: new Uint8Array([0x18, 0x08, 0xaa, 0xbb]),
 * }));
 * console.log(depacketizer.push(packet)[0]?.parts); // [ Uint8Array(3) [ 8, 170, 187 ] ]
 * ```
 */
export class Av1Depacketizer extends UnitAssembler {
  /** Makes a depacketizer that has seen nothing yet. */
  constructor(options: DepacketizerOptions = {}) {
    super(options, { maxUnitSize: MAX_AV1_UNIT_SIZE, maxParts: MAX_AV1_OBUS });
  }

  /** Whether the payload begins a picture. */
  protected override startOf(payload: Uint8Array): UnitStart {
    if ((payload[0]! & CONTINUES_FIRST) !== 0) return "no";
    return (payload[0]! & NEW_SEQUENCE) !== 0 ? "yes" : "unknown";
  }

  /** Reads one payload. */
  protected override readPayload(payload: Uint8Array): void {
    const header = payload[0]!;
    const elements = splitElements(payload);
    for (const [index, element] of elements.entries()) {
      const continued = index === 0 && (header & CONTINUES_FIRST) !== 0;
      const continues = index === elements.length - 1 && (header & CONTINUES_LAST) !== 0;
      if (continued !== this.inFragment) {
        const which = continued ? "first" : "last";
        throw new RtpError("missing-packet", `AV1 OBU without its ${which} fragment`);
      }
      if (continues) this.addFragment(element);
      else if (continued) {
        this.addFragment(element);
        this.#addObu(this.takeFragments());
      } else this.#addObu(element);
    }
  }

  #addObu(obu: Uint8Array): void {
    const type = typeOf(obu);
    if (type === OBU_TEMPORAL_DELIMITER || type === OBU_TILE_LIST) return;
    this.addPart(withoutSize(obu));
  }
}

/** The OBU elements of a packet (4.3 and 4.4 of the payload format). */
function splitElements(payload: Uint8Array): Uint8Array[] {
  const count = (payload[0]! >> 4) & 3;
  const elements: Uint8Array[] = [];
  let at = 1;
  while (at < payload.length) {
    let end = payload.length;
    if (count === 0 || elements.length < count - 1) {
      const length = readLeb128(payload, at);
      at = length.end;
      end = at + length.value;
      if (end > payload.length) throw malformed("OBU element is cut off");
    }
    if (end > at) elements.push(payload.subarray(at, end));
    at = end;
  }
  if (elements.length === 0) throw malformed("no OBU element");
  if (count !== 0 && elements.length !== count) {
    throw malformed(`${elements.length} OBU elements where ${count} were announced`);
  }
  return elements;
}

/** Reads a leb128 number of at most 32 bits, in at most 8 bytes (AV1 bitstream, 4.10.5). */
function readLeb128(bytes: Uint8Array, at: number): { value: number; end: number } {
  let value = 0;
  for (let i = 0; i < 8; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) break;
    value += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return { value, end: at + i + 1 };
  }
  throw malformed("size is cut off");
}

function typeOf(obu: Uint8Array): number {
  return (obu[0]! >> 3) & 0x0f;
}

/** Takes the size field off an OBU; most come without one, as the payload format recommends. */
function withoutSize(obu: Uint8Array): Uint8Array {
  if ((obu[0]! & 0x02) === 0) return obu;
  const headerSize = (obu[0]! & 0x04) !== 0 ? 2 : 1;
  const { value, end } = readLeb128(obu, headerSize);
  if (end + value > obu.length) throw malformed("OBU is cut off");
  const stripped = new Uint8Array(headerSize + value);
  stripped.set(obu.subarray(0, headerSize));
  stripped[0] = obu[0]! & ~0x02;
  stripped.set(obu.subarray(end, end + value), headerSize);
  return stripped;
}

function malformed(what: string): RtpError {
  return new RtpError("malformed-payload", `Malformed AV1 payload: ${what}`);
}

/**
 * Cuts AV1 temporal units into packets. OBUs may come with or without size field; packets carry them
 * without, each element behind its length, and no temporal delimiters or tile lists.
 *
 * @example
 * ```ts
 * import { Av1Packetizer } from "@weir/server/rtp";
 *
 * const packetizer = new Av1Packetizer();
 * const [only] = packetizer.packetize({
 *   timestamp: 0,
 *   parts: [new Uint8Array([0x0a, 0x01, 0xaa]), new Uint8Array([0x30, 0xbb])],
 * });
 * console.log(only?.payload); // Uint8Array(7) [ 8, 2, 8, 170, 2, 48, 187 ]
 * ```
 */
export class Av1Packetizer implements Packetizer {
  readonly #maxPayloadSize: number;

  /** Makes a packetizer. */
  constructor(options: PacketizerOptions = {}) {
    this.#maxPayloadSize = maxPayloadSizeOf(options);
  }

  /** Cuts one temporal unit. */
  packetize(unit: AccessUnit): RtpPayload[] {
    const packets = new PacketFiller(this.#maxPayloadSize);
    let newSequence = false;
    for (const part of unit.parts) {
      if (part.length === 0) continue;
      const type = typeOf(part);
      if (type === OBU_TEMPORAL_DELIMITER || type === OBU_TILE_LIST) continue;
      if (type === OBU_SEQUENCE_HEADER) newSequence = true;
      packets.add(withoutSize(part));
    }
    const payloads = packets.finish();
    if (newSequence) payloads[0]![0]! |= NEW_SEQUENCE;
    return withMarker(payloads, unit.timestamp);
  }
}

/** Fills packet after packet with OBU elements, each behind its length (W is 0). */
class PacketFiller {
  readonly #maxSize: number;
  readonly #payloads: Uint8Array[] = [];
  #pieces: Uint8Array[] = [];
  #size = 1;
  #header = 0;

  constructor(maxSize: number) {
    this.#maxSize = maxSize;
  }

  add(obu: Uint8Array): void {
    let at = 0;
    while (at < obu.length) {
      const room = this.#maxSize - this.#size;
      const fits = room - leb128(room).length;
      if (fits < 1) {
        this.#flush(false);
        continue;
      }
      const end = Math.min(obu.length, at + fits);
      const length = leb128(end - at);
      this.#pieces.push(length, obu.subarray(at, end));
      this.#size += length.length + end - at;
      at = end;
      if (at < obu.length) this.#flush(true);
    }
  }

  finish(): Uint8Array[] {
    if (this.#pieces.length > 0) this.#flush(false);
    return this.#payloads;
  }

  #flush(amidObu: boolean): void {
    const header = this.#header | (amidObu ? CONTINUES_LAST : 0);
    this.#payloads.push(concat([new Uint8Array([header]), ...this.#pieces]));
    this.#pieces = [];
    this.#size = 1;
    this.#header = amidObu ? CONTINUES_FIRST : 0;
  }
}

function leb128(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  do {
    bytes.push((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
    rest >>>= 7;
  } while (rest > 0);
  return Uint8Array.from(bytes);
}

/** The AV1 payload format of the Alliance for Open Media. */
export const AV1_FORMAT: PayloadFormat = {
  encodingName: "AV1",
  depacketizer: (_, options) => new Av1Depacketizer(options),
  packetizer: (_, options) => new Av1Packetizer(options),
  // Bit N marks the first packet of a coded video sequence; bit Z, a fragment of an OBU that began before, must be 0.
  startsRandomAccess: (payload) => (payload[0]! & 0x88) === 0x08,
};
