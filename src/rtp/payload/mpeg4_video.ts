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
import { evenPieces } from "./even_pieces.ts";
import type { PayloadFormat } from "./payload_format.ts";

/** Bytes in an MPEG-4 video frame: a key frame of the largest picture at a high rate. */
export const MAX_MPEG4_VIDEO_FRAME_SIZE: number = 4 * 1024 * 1024;

/**
 * Makes frames of `MP4V-ES` packets (RFC 6416): the payloads up to the marker bit, headers included.
 *
 * @example
 * ```ts
 * import { buildRtpPacket, Mpeg4VideoDepacketizer, parseRtpPacket } from "@weir/server/rtp";
 *
 * const packet = parseRtpPacket(buildRtpPacket({
 *   payloadType: 96,
 *   sequenceNumber: 1,
 *   timestamp: 3600,
 *   ssrc: 1,
 *   marker: true,
 *   payload: new Uint8Array([0, 0, 1, 0xb6, 0x10]),
 * }));
 * console.log(new Mpeg4VideoDepacketizer().push(packet)[0]?.parts[0]?.length); // 5
 * ```
 */
export class Mpeg4VideoDepacketizer extends UnitAssembler {
  /** Makes a depacketizer that has seen nothing yet. */
  constructor(options: DepacketizerOptions = {}) {
    super(options, { maxUnitSize: MAX_MPEG4_VIDEO_FRAME_SIZE, maxParts: 1 });
  }

  /** A frame begins with the start code of a header or of the frame itself (RFC 6416, 5.2). */
  protected override startOf(payload: Uint8Array): UnitStart {
    return payload[0] === 0 && payload[1] === 0 && payload[2] === 1 ? "yes" : "no";
  }

  /** Reads one payload. */
  protected override readPayload(payload: Uint8Array): void {
    if (!this.inFragment && this.startOf(payload) === "no") {
      throw new RtpError("missing-packet", "MPEG-4 video frame without its beginning");
    }
    this.addFragment(payload);
  }

  /** Joins the pieces of the frame. */
  protected override endUnit(): void {
    if (this.inFragment) this.addPart(this.takeFragments());
  }
}

/**
 * Cuts MPEG-4 video frames into `MP4V-ES` packets (RFC 6416).
 *
 * @example
 * ```ts
 * import { Mpeg4VideoPacketizer } from "@weir/server/rtp";
 *
 * const packetizer = new Mpeg4VideoPacketizer({ maxPayloadSize: 1000 });
 * const payloads = packetizer.packetize({ timestamp: 0, parts: [new Uint8Array(1500)] });
 * console.log(payloads.map((p) => [p.payload.length, p.marker])); // [ [ 750, false ], [ 750, true ] ]
 * ```
 */
export class Mpeg4VideoPacketizer implements Packetizer {
  readonly #maxPayloadSize: number;

  /** Makes a packetizer. */
  constructor(options: PacketizerOptions = {}) {
    this.#maxPayloadSize = maxPayloadSizeOf(options);
  }

  /** Cuts one frame. */
  packetize(unit: AccessUnit): RtpPayload[] {
    const frame = unit.parts.length === 1 ? unit.parts[0]! : concat(unit.parts);
    return withMarker(evenPieces(frame, this.#maxPayloadSize), unit.timestamp);
  }
}

/** The payload format of MPEG-4 video (RFC 6416, 5). */
export const MPEG4_VIDEO_FORMAT: PayloadFormat = {
  encodingName: "MP4V-ES",
  depacketizer: (_, options) => new Mpeg4VideoDepacketizer(options),
  packetizer: (_, options) => new Mpeg4VideoPacketizer(options),
  startsRandomAccess,
};

/** A sequence header, or an intra-coded frame (ISO 14496-2, 6.2). */
function startsRandomAccess(payload: Uint8Array): boolean {
  if (payload[0] !== 0 || payload[1] !== 0 || payload[2] !== 1) return false;
  if (payload[3] === 0xb6) return ((payload[4] ?? 0xff) & 0xc0) === 0;
  return payload[3] === 0xb0 || (payload[3]! >= 0x20 && payload[3]! <= 0x2f);
}
