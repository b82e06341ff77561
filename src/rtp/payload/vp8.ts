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
import { evenPieces } from "./even_pieces.ts";
import { withMarker } from "./h264.ts";
import { UnitAssembler, type UnitStart } from "./unit_assembler.ts";
import type { PayloadFormat } from "./payload_format.ts";

/** Bytes in a VP8 frame: a key frame of the largest picture at a high rate. */
export const MAX_VP8_FRAME_SIZE: number = 8 * 1024 * 1024;

/**
 * Makes frames of VP8 packets (RFC 7741). A frame that begins anew before its end (a restarted
 * encoder) replaces the unfinished one.
 *
 * @example
 * ```ts
 * import { buildRtpPacket, parseRtpPacket, Vp8Depacketizer } from "@weir/server/rtp";
 *
 * const depacketizer = new Vp8Depacketizer();
 * const packet = parseRtpPacket(buildRtpPacket({
 *   payloadType: 96,
 *   sequenceNumber: 1,
 *   timestamp: 90000,
 *   ssrc: 1,
 *   marker: true,
 *   payload: new Uint8Array([0x10, 1, 2, 3]),
 * }));
 * console.log(depacketizer.push(packet)[0]?.parts); // [ Uint8Array(3) [ 1, 2, 3 ] ]
 * ```
 */
export class Vp8Depacketizer extends UnitAssembler {
  /** Makes a depacketizer that has seen nothing yet. */
  constructor(options: DepacketizerOptions = {}) {
    super(options, { maxUnitSize: MAX_VP8_FRAME_SIZE, maxParts: 1 });
  }

  /** Whether the payload begins a picture. */
  protected override startOf(payload: Uint8Array): UnitStart {
    return startsFrame(payload) ? "yes" : "no";
  }

  /** Reads one payload. */
  protected override readPayload(payload: Uint8Array): void {
    const start = startsFrame(payload);
    const content = payload.subarray(descriptorSize(payload));
    if (content.length === 0) throw malformed("no content");
    if (start && this.inFragment) this.restartUnit();
    if (!start && !this.inFragment) {
      throw new RtpError("missing-packet", "VP8 frame without its first packet");
    }
    this.addFragment(content);
  }

  /** Joins the pieces of the frame. */
  protected override endUnit(): void {
    if (this.inFragment) this.addPart(this.takeFragments());
  }
}

/** Whether a packet begins a frame: S is set and PID is 0, which marks the first partition (RFC 7741, 4.2). */
function startsFrame(payload: Uint8Array): boolean {
  return (payload[0]! & 0x17) === 0x10;
}

function descriptorSize(payload: Uint8Array): number {
  if ((payload[0]! & 0x80) === 0) return 1;
  const flags = byteAt(payload, 1);
  let size = 2;
  if ((flags & 0x80) !== 0) size += (byteAt(payload, size) & 0x80) !== 0 ? 2 : 1;
  if ((flags & 0x40) !== 0) size++;
  if ((flags & 0x30) !== 0) size++;
  return size;
}

function byteAt(payload: Uint8Array, at: number): number {
  const byte = payload[at];
  if (byte === undefined) throw malformed("descriptor is cut off");
  return byte;
}

function malformed(what: string): RtpError {
  return new RtpError("malformed-payload", `Malformed VP8 payload: ${what}`);
}

/**
 * Cuts VP8 frames into packets (RFC 7741) with the one-byte descriptor.
 *
 * @example
 * ```ts
 * import { Vp8Packetizer } from "@weir/server/rtp";
 *
 * const packetizer = new Vp8Packetizer({ maxPayloadSize: 1001 });
 * const payloads = packetizer.packetize({ timestamp: 0, parts: [new Uint8Array(1500)] });
 * console.log(payloads.map((p) => p.payload.length)); // [ 751, 751 ]
 * ```
 */
export class Vp8Packetizer implements Packetizer {
  readonly #maxPayloadSize: number;

  /** Makes a packetizer. */
  constructor(options: PacketizerOptions = {}) {
    this.#maxPayloadSize = maxPayloadSizeOf(options);
  }

  /** Cuts one frame. */
  packetize(unit: AccessUnit): RtpPayload[] {
    const [only] = unit.parts;
    const frame = unit.parts.length === 1 ? only! : concat(unit.parts);
    const payloads = evenPieces(frame, this.#maxPayloadSize - 1).map((piece, index) =>
      concat([new Uint8Array([index === 0 ? 0x10 : 0]), piece])
    );
    return withMarker(payloads, unit.timestamp);
  }
}

/** The payload format of VP8 (RFC 7741). */
export const VP8_FORMAT: PayloadFormat = {
  encodingName: "VP8",
  depacketizer: (_, options) => new Vp8Depacketizer(options),
  packetizer: (_, options) => new Vp8Packetizer(options),
  startsRandomAccess,
};

function startsRandomAccess(payload: Uint8Array): boolean {
  if ((payload[0]! & 0x17) !== 0x10) return false;
  let at = 1;
  if ((payload[0]! & 0x80) !== 0) {
    const flags = payload[at++]!;
    if ((flags & 0x80) !== 0) at += ((payload[at] ?? 0) & 0x80) !== 0 ? 2 : 1;
    if ((flags & 0x40) !== 0) at++;
    if ((flags & 0x30) !== 0) at++;
  }
  // The lowest bit of a frame's header is 0 for key frames (RFC 6386, 9.1).
  return ((payload[at] ?? 1) & 1) === 0;
}
