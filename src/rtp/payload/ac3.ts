import { RtpError } from "../errors.ts";
import type { RtpPacket } from "../packet.ts";
import type {
  AccessUnit,
  DepacketizerOptions,
  Packetizer,
  PacketizerOptions,
  RtpPayload,
} from "./access_unit.ts";
import { AudioDepacketizer } from "./audio_depacketizer.ts";
import { type FrameHeaders, FramePacketizer } from "./frame_packetizer.ts";
import type { PayloadFormat } from "./payload_format.ts";

/** Bytes in an AC-3 frame: 640 kb/s at 32 kHz. */
export const MAX_AC3_FRAME_SIZE = 3840;

/** Samples in an AC-3 frame; RTP's clock is the sampling rate. */
const FRAME_SAMPLES = 1536;

const BITRATES: readonly number[] = [
  ...[32, 40, 48, 56, 64, 80, 96, 112, 128, 160],
  ...[192, 224, 256, 320, 384, 448, 512, 576, 640],
];

/** What a packet holds: whole frames, or the first or a later fragment of one (RFC 4184, 4.1.1). */
const FrameType = { Complete: 0, FirstMostly: 1, First: 2, Rest: 3 } as const;

/**
 * Makes frames of AC-3 packets (RFC 4184): several whole frames, or fragments of one.
 *
 * @example
 * ```ts
 * import { Ac3Depacketizer, buildRtpPacket, parseRtpPacket } from "@weir/server/rtp";
 *
 * const frame = new Uint8Array(128);
 * frame.set([0x0b, 0x77, 0, 0, 0]); // 48 kHz, 32 kb/s
 * const packet = parseRtpPacket(buildRtpPacket({
 *   payloadType: 96,
 *   sequenceNumber: 1,
 *   timestamp: 0,
 *   ssrc: 1,
 *   marker: true,
 *   payload: new Uint8Array([0, 1, ...frame]),
 * }));
 * console.log(new Ac3Depacketizer().push(packet)[0]?.parts[0]?.length); // 128
 * ```
 */
export class Ac3Depacketizer extends AudioDepacketizer {
  #frameSize = 0;

  /** Makes a depacketizer that has seen nothing yet. */
  constructor(options: DepacketizerOptions = {}) {
    super(options, { maxUnitSize: MAX_AC3_FRAME_SIZE });
  }

  /** Reads one payload. */
  protected override readPayload(packet: RtpPacket, units: AccessUnit[]): void {
    const { payload, timestamp } = packet;
    if (payload.length < 3) throw malformed("no content");
    const type = payload[0]! & 3;
    const content = payload.subarray(2);
    if (type === FrameType.Complete) return readFrames(content, timestamp, units);
    if (type === FrameType.Rest) this.continueFragment(content);
    else {
      this.#frameSize = frameSize(content, 0);
      this.beginFragment(content, packet);
    }
    if (!packet.marker && this.fragmentSize < this.#frameSize) return;
    const frame = this.takeFragments();
    if (frame.length !== this.#frameSize) {
      throw malformed(`frame of ${frame.length} bytes where it has ${this.#frameSize}`);
    }
    units.push({ timestamp, parts: [frame] });
  }
}

function readFrames(content: Uint8Array, timestamp: number, units: AccessUnit[]): void {
  for (let at = 0, index = 0; at < content.length; index++) {
    const end = at + frameSize(content, at);
    if (end > content.length) throw malformed("a frame is cut off");
    units.push({
      timestamp: (timestamp + index * FRAME_SAMPLES) >>> 0,
      parts: [content.subarray(at, end)],
    });
    at = end;
  }
}

/** Bytes of the frame that begins at `at` (ATSC A/52, table 5.18). */
function frameSize(bytes: Uint8Array, at: number): number {
  if (bytes.length - at < 5) throw malformed("a frame's header is cut off");
  if (bytes[at] !== 0x0b || bytes[at + 1] !== 0x77) throw malformed("no frame header");
  const rate = bytes[at + 4]! >> 6;
  const code = bytes[at + 4]! & 0x3f;
  const kilobits = BITRATES[code >> 1];
  if (kilobits === undefined || rate === 3) throw malformed(`frame size code ${code}`);
  if (rate === 0) return kilobits * 4;
  if (rate === 2) return kilobits * 6;
  return (Math.floor((kilobits * 320) / 147) + (code & 1)) * 2;
}

function malformed(what: string): RtpError {
  return new RtpError("malformed-payload", `Malformed AC-3 payload: ${what}`);
}

/** The header before frames, and before a fragment (RFC 4184, 4.1.1). */
const HEADERS: FrameHeaders = {
  size: 2,
  maxCount: 255,
  marksEnd: true,
  frames: (count) => Uint8Array.of(FrameType.Complete, count),
  fragment({ index, count, mostBytes, frameBytes }) {
    // A first fragment with five eighths of the frame has a type of its own, since it can be decoded without the rest.
    const first = mostBytes >= (frameBytes * 5) / 8 ? FrameType.FirstMostly : FrameType.First;
    return Uint8Array.of(index === 0 ? first : FrameType.Rest, count);
  },
};

/**
 * Cuts AC-3 frames into packets (RFC 4184): as many whole frames as fit, or fragments of one.
 *
 * @example
 * ```ts
 * import { Ac3Packetizer } from "@weir/server/rtp";
 *
 * const frame = new Uint8Array(1792); // 448 kb/s at 48 kHz
 * const payloads = new Ac3Packetizer().packetize({ timestamp: 0, parts: [frame] });
 * console.log(payloads.map((p) => [p.payload.length, p.marker])); // [ [ 1440, false ], [ 356, true ] ]
 * ```
 */
export class Ac3Packetizer implements Packetizer {
  readonly #frames: FramePacketizer;

  /** Makes a packetizer. */
  constructor(options: PacketizerOptions = {}) {
    this.#frames = new FramePacketizer(HEADERS, options);
  }

  /** Packs frames, which follow each other. */
  packetize(unit: AccessUnit): RtpPayload[] {
    return this.#frames.pack(unit.parts.map((bytes, index) => ({
      bytes,
      timestamp: (unit.timestamp + index * FRAME_SAMPLES) >>> 0,
    })));
  }
}

/** RFC 4184. */
export const AC3_FORMAT: PayloadFormat = {
  encodingName: "AC3",
  depacketizer: (_, options) => new Ac3Depacketizer(options),
  packetizer: (_, options) => new Ac3Packetizer(options),
};
