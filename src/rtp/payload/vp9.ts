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

/** Bytes in a VP9 picture: a key frame of the largest picture at a high rate. */
export const MAX_VP9_PICTURE_SIZE: number = 8 * 1024 * 1024;

/** Spatial layers of a picture: their number has three bits. */
export const MAX_VP9_LAYERS = 8;

const HAS_PICTURE_ID = 0x80;
const INTER_PREDICTED = 0x40;
const HAS_LAYER = 0x20;
const FLEXIBLE = 0x10;
const BEGINS_FRAME = 0x08;
const ENDS_FRAME = 0x04;
const HAS_STRUCTURE = 0x02;

/** The first two bits of every frame (VP9 bitstream specification, 6.2). */
const FRAME_MARKER = 2;

/**
 * Makes pictures of VP9 packets (RFC 9628), in flexible and non-flexible mode; each spatial layer's
 * frame is one part.
 *
 * @example
 * ```ts
 * import { buildRtpPacket, parseRtpPacket, Vp9Depacketizer } from "@weir/server/rtp";
 *
 * const depacketizer = new Vp9Depacketizer();
 * const packet = parseRtpPacket(buildRtpPacket({
 *   payloadType: 96,
 *   sequenceNumber: 1,
 *   timestamp: 90000,
 *   ssrc: 1,
 *   marker: true,
 *   payload: new Uint8Array([0x8c, 0x11, 0xaa, 0xbb]),
 * }));
 * console.log(depacketizer.push(packet)[0]?.parts); // [ Uint8Array(2) [ 170, 187 ] ]
 * ```
 */
export class Vp9Depacketizer extends UnitAssembler {
  /** Makes a depacketizer that has seen nothing yet. */
  constructor(options: DepacketizerOptions = {}) {
    super(options, { maxUnitSize: MAX_VP9_PICTURE_SIZE, maxParts: MAX_VP9_LAYERS });
  }

  /** Whether the payload begins a picture. */
  protected override startOf(payload: Uint8Array): UnitStart {
    const flags = payload[0]!;
    if ((flags & BEGINS_FRAME) === 0) return "no";
    if ((flags & HAS_LAYER) === 0) return "yes";
    const layerAt = pictureIdEnd(payload);
    const spatialLayer = ((payload[layerAt] ?? 0xff) >> 1) & 7;
    // A picture may begin above the lowest layer, where that was left out.
    return spatialLayer === 0 ? "yes" : "unknown";
  }

  /** Reads one payload. */
  protected override readPayload(payload: Uint8Array): void {
    const flags = payload[0]!;
    const content = payload.subarray(descriptorSize(payload));
    if (content.length === 0) throw malformed("no content");
    const begins = (flags & BEGINS_FRAME) !== 0;
    if (begins && this.inFragment) {
      throw new RtpError("missing-packet", "VP9 frame without its last packet");
    }
    if (!begins && !this.inFragment) {
      throw new RtpError("missing-packet", "VP9 frame without its first packet");
    }
    this.addFragment(content);
    if ((flags & ENDS_FRAME) !== 0) this.addPart(this.takeFragments());
  }
}

function pictureIdEnd(payload: Uint8Array): number {
  if ((payload[0]! & HAS_PICTURE_ID) === 0) return 1;
  return ((payload[1] ?? 0) & 0x80) !== 0 ? 3 : 2;
}

/** Size of the payload descriptor (RFC 9628, 4.2), which is only passed over; beyond the end of one cut off. */
function descriptorSize(payload: Uint8Array): number {
  const flags = payload[0]!;
  const flexible = (flags & FLEXIBLE) !== 0;
  let at = pictureIdEnd(payload);
  if ((flags & HAS_LAYER) !== 0) at += flexible ? 1 : 2;
  if (flexible && (flags & INTER_PREDICTED) !== 0) {
    // Up to three references; the lowest bit says that another one follows.
    for (let i = 0; i < 3; i++) if (((payload[at++] ?? 0) & 1) === 0) break;
  }
  if ((flags & HAS_STRUCTURE) !== 0) at = structureEnd(payload, at);
  return at;
}

function structureEnd(payload: Uint8Array, start: number): number {
  const header = payload[start] ?? 0;
  let at = start + 1;
  if ((header & 0x10) !== 0) at += 4 * ((header >> 5) + 1);
  if ((header & 0x08) !== 0) {
    const pictures = payload[at++] ?? 0;
    for (let i = 0; i < pictures; i++) at += 1 + (((payload[at] ?? 0) >> 2) & 3);
  }
  return at;
}

function malformed(what: string): RtpError {
  return new RtpError("malformed-payload", `Malformed VP9 payload: ${what}`);
}

/** Options of a {@linkcode Vp9Packetizer}. */
export interface Vp9PacketizerOptions extends PacketizerOptions {
  /** Picture id of the first picture, 0 to 32767; 0 by default. */
  readonly pictureId?: number;
}

/**
 * Cuts VP9 pictures into packets (RFC 9628) in non-flexible mode with 15-bit picture ids.
 *
 * @example
 * ```ts
 * import { Vp9Packetizer } from "@weir/server/rtp";
 *
 * const packetizer = new Vp9Packetizer({ maxPayloadSize: 1003 });
 * const payloads = packetizer.packetize({ timestamp: 0, parts: [new Uint8Array(1500).fill(0x82)] });
 * console.log(payloads.map((p) => p.payload.length)); // [ 753, 753 ]
 * ```
 */
export class Vp9Packetizer implements Packetizer {
  readonly #maxPayloadSize: number;
  #pictureId: number;

  /** Makes a packetizer. */
  constructor(options: Vp9PacketizerOptions = {}) {
    this.#maxPayloadSize = maxPayloadSizeOf(options);
    this.#pictureId = (options.pictureId ?? 0) & 0x7fff;
  }

  /** Cuts one picture. */
  packetize(unit: AccessUnit): RtpPayload[] {
    const payloads: Uint8Array[] = [];
    for (const frame of unit.parts) this.#packetizeFrame(frame, payloads);
    this.#pictureId = (this.#pictureId + 1) & 0x7fff;
    return withMarker(payloads, unit.timestamp);
  }

  #packetizeFrame(frame: Uint8Array, payloads: Uint8Array[]): void {
    const common = HAS_PICTURE_ID | (isKeyFrame(frame) ? 0 : INTER_PREDICTED);
    const pieces = evenPieces(frame, this.#maxPayloadSize - 3);
    for (const [index, piece] of pieces.entries()) {
      const flags = common | (index === 0 ? BEGINS_FRAME : 0) |
        (index === pieces.length - 1 ? ENDS_FRAME : 0);
      const descriptor = [flags, 0x80 | (this.#pictureId >> 8), this.#pictureId & 0xff];
      payloads.push(concat([new Uint8Array(descriptor), piece]));
    }
  }
}

/** The uncompressed header's first bits (VP9 bitstream, 6.2): marker, profile, kind of frame. */
function isKeyFrame(frame: Uint8Array): boolean {
  const first = frame[0] ?? 0;
  const profile3 = (first & 0x30) === 0x30;
  const showExisting = (first & (profile3 ? 0x04 : 0x08)) !== 0;
  const interFrame = (first & (profile3 ? 0x02 : 0x04)) !== 0;
  return !showExisting && !interFrame;
}

/** The payload format of VP9 (RFC 9628). */
export const VP9_FORMAT: PayloadFormat = {
  encodingName: "VP9",
  depacketizer: (_, options) => new Vp9Depacketizer(options),
  packetizer: (_, options) => new Vp9Packetizer(options),
  startsRandomAccess,
};

/** Looks into the header of the frame, since FFmpeg never sets the bit P that marks pictures which depend on others. */
function startsRandomAccess(payload: Uint8Array): boolean {
  const flags = payload[0]!;
  if ((flags & BEGINS_FRAME) === 0 || (flags & INTER_PREDICTED) !== 0) return false;
  const frame = payload.subarray(descriptorSize(payload));
  return (frame[0] ?? 0) >> 6 === FRAME_MARKER && isKeyFrame(frame);
}
