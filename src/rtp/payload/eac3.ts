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
import { type FrameHeaders, FramePacketizer, type TimedFrame } from "./frame_packetizer.ts";
import type { PayloadFormat } from "./payload_format.ts";

/** Bytes in an E-AC-3 frame: its size has 11 bits, in words of two bytes (ETSI TS 102 366, E.1.3.1.3). */
export const MAX_EAC3_FRAME_SIZE = 4096;

/** The header before frames or a fragment: seven bits that must be zero, F, and their number (RFC 4598, 4.1.1). */
const HEADER_BYTES = 2;

/** F: the payload is a fragment. */
const FRAGMENT = 1;

/** Frames, or fragments of one, that the header can count. */
const MAX_COUNT = 255;

const SAMPLES_PER_BLOCK = 256;
const BLOCKS: readonly number[] = [1, 2, 3, 6];

/** The facts in the header of a frame that putting it into packets needs. */
interface FrameStart {
  /** Bytes of the frame. */
  readonly size: number;
  /**
   * Ticks until the next frame; 0 for a frame that has the time of the one before, such as one with further channels.
   */
  readonly samples: number;
}

/**
 * Makes frames of E-AC-3 packets (RFC 4598): several whole frames, or fragments of one. Frames of further channels or
 * programs, which have the time of the one before, are given as units of the same time.
 *
 * @example
 * ```ts
 * import { buildRtpPacket, Eac3Depacketizer, parseRtpPacket } from "@weir/server/rtp";
 *
 * const frame = new Uint8Array(64);
 * frame.set([0x0b, 0x77, 0, 31, 0x34, 0x86]); // 64 bytes, 48 kHz, six blocks
 * const packet = parseRtpPacket(buildRtpPacket({
 *   payloadType: 96,
 *   sequenceNumber: 1,
 *   timestamp: 0,
 *   ssrc: 1,
 *   marker: true,
 *   payload: new Uint8Array([0, 2, ...frame, ...frame]),
 * }));
 * console.log(new Eac3Depacketizer().push(packet).map(({ timestamp }) => timestamp)); // [ 0, 1536 ]
 * ```
 */
export class Eac3Depacketizer extends AudioDepacketizer {
  #fragments = 0;

  /** Makes a depacketizer that has seen nothing yet. */
  constructor(options: DepacketizerOptions = {}) {
    super(options, { maxUnitSize: MAX_EAC3_FRAME_SIZE });
  }

  /** Reads one payload. */
  protected override readPayload(packet: RtpPacket, units: AccessUnit[]): void {
    const { payload, timestamp, marker } = packet;
    if (payload.length <= HEADER_BYTES) throw malformed("no content");
    const content = payload.subarray(HEADER_BYTES);
    if ((payload[0]! & FRAGMENT) === 0) {
      this.#fragments = 0;
      return readFrames(content, timestamp, units);
    }
    const isFirst = content[0] === 0x0b && content[1] === 0x77 && this.#fragments === 0;
    if (isFirst) this.beginFragment(content, packet);
    else this.continueFragment(content);
    this.#fragments++;
    if (!marker) return;
    this.#fragments = 0;
    const frame = this.takeFragments();
    const { size } = frameStart(frame, 0);
    if (frame.length !== size) {
      throw malformed(`frame of ${frame.length} bytes where it has ${size}`);
    }
    units.push({ timestamp, parts: [frame] });
  }
}

function readFrames(content: Uint8Array, timestamp: number, units: AccessUnit[]): void {
  let time = timestamp;
  let isFirst = true;
  for (let at = 0; at < content.length;) {
    const { size, samples } = frameStart(content, at);
    if (at + size > content.length) throw malformed("a frame is cut off");
    const isNext = samples > 0 && !isFirst;
    if (isNext) time += samples;
    isFirst = false;
    units.push({ timestamp: time >>> 0, parts: [content.subarray(at, at + size)] });
    at += size;
  }
}

/** Reads the header of the frame that begins at `at` (ETSI TS 102 366, E.1.2.2). */
function frameStart(bytes: Uint8Array, at: number): FrameStart {
  if (bytes.length - at < 5) throw malformed("a frame's header is cut off");
  if (bytes[at] !== 0x0b || bytes[at + 1] !== 0x77) throw malformed("no frame header");
  const high = bytes[at + 2]!;
  const codes = bytes[at + 4]!;
  const size = (((high & 7) << 8 | bytes[at + 3]!) + 1) * 2;
  const blocks = codes >> 6 === 3 ? 6 : BLOCKS[(codes >> 4) & 3]!;
  // The stream type and number of what everything else belongs to.
  const isMain = high >> 6 !== 1 && ((high >> 3) & 7) === 0;
  return { size, samples: isMain ? blocks * SAMPLES_PER_BLOCK : 0 };
}

function malformed(what: string): RtpError {
  return new RtpError("malformed-payload", `Malformed E-AC-3 payload: ${what}`);
}

const HEADERS: FrameHeaders = {
  size: HEADER_BYTES,
  maxCount: MAX_COUNT,
  marksEnd: true,
  frames: (count) => Uint8Array.of(0, count),
  fragment: ({ count }) => Uint8Array.of(FRAGMENT, count),
};

/**
 * Cuts E-AC-3 frames into packets (RFC 4598): as many whole frames as fit, or fragments of one.
 *
 * @example
 * ```ts
 * import { Eac3Packetizer } from "@weir/server/rtp";
 *
 * const frame = new Uint8Array(1792);
 * frame.set([0x0b, 0x77, 3, 127, 0x34, 0x86]); // 1792 bytes, 48 kHz, six blocks
 * const payloads = new Eac3Packetizer().packetize({ timestamp: 0, parts: [frame] });
 * console.log(payloads.map((p) => [p.payload.length, p.marker])); // [ [ 1440, false ], [ 356, true ] ]
 * ```
 */
export class Eac3Packetizer implements Packetizer {
  readonly #frames: FramePacketizer;

  /** Makes a packetizer. */
  constructor(options: PacketizerOptions = {}) {
    this.#frames = new FramePacketizer(HEADERS, options);
  }

  /** Packs frames, which follow each other; a part may hold several. */
  packetize(unit: AccessUnit): RtpPayload[] {
    let time = unit.timestamp;
    const frames = unit.parts.flatMap(framesIn).map((bytes, index): TimedFrame => {
      if (index > 0) time += frameStart(bytes, 0).samples;
      return { bytes, timestamp: time >>> 0 };
    });
    return this.#frames.pack(frames);
  }
}

/** Splits what an encoder hands out at a time: one frame, or a frame of each of its streams. */
function framesIn(part: Uint8Array): Uint8Array[] {
  const frames: Uint8Array[] = [];
  for (let at = 0; at < part.length;) {
    const { size } = frameStart(part, at);
    if (at + size > part.length) throw malformed("a frame is cut off");
    frames.push(part.subarray(at, at + size));
    at += size;
  }
  return frames;
}

/** RFC 4598. */
export const EAC3_FORMAT: PayloadFormat = {
  encodingName: "EAC3",
  depacketizer: (_, options) => new Eac3Depacketizer(options),
  packetizer: (_, options) => new Eac3Packetizer(options),
};
