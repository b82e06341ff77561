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

/** Bytes in an MPEG audio frame: layer II of MPEG-2.5 at 160 kb/s and 8 kHz, padded. */
export const MAX_MPEG_AUDIO_FRAME_SIZE = 2881;

/** Ticks a second of RTP's clock for MPEG audio, whatever the sampling rate (RFC 3551, 4.5.13). */
const CLOCK_RATE = 90_000;

/** Kilobits a second by index; version 1 layers I, II, III, versions 2 and 2.5 layers I, II and III. */
const BITRATES: Record<string, readonly number[]> = {
  "1/1": [0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448],
  "1/2": [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384],
  "1/3": [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  "2/1": [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256],
  "2/2": [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
};

const SAMPLE_RATES: readonly number[] = [44100, 48000, 32000];

interface FrameHeader {
  readonly size: number;
  readonly samples: number;
  readonly sampleRate: number;
}

/**
 * Makes frames of MPEG audio packets (RFC 2250): MP3, and layers I and II. Fragments are put together;
 * of several frames in a packet each is a unit with its own time.
 *
 * @example
 * ```ts
 * import { buildRtpPacket, MpegAudioDepacketizer, parseRtpPacket } from "@weir/server/rtp";
 *
 * const frame = new Uint8Array(417);
 * frame.set([0xff, 0xfb, 0x90, 0x00]); // MPEG-1 layer III, 128 kb/s, 44.1 kHz
 * const packet = parseRtpPacket(buildRtpPacket({
 *   payloadType: 14,
 *   sequenceNumber: 1,
 *   timestamp: 0,
 *   ssrc: 1,
 *   payload: new Uint8Array([0, 0, 0, 0, ...frame]),
 * }));
 * console.log(new MpegAudioDepacketizer().push(packet)[0]?.parts[0]?.length); // 417
 * ```
 */
export class MpegAudioDepacketizer extends AudioDepacketizer {
  /** Size of the frame whose pieces are being gathered, by its header. */
  #frameSize = 0;

  /** Makes a depacketizer that has seen nothing yet. */
  constructor(options: DepacketizerOptions = {}) {
    super(options, { maxUnitSize: MAX_MPEG_AUDIO_FRAME_SIZE });
  }

  /** Reads one payload. */
  protected override readPayload(packet: RtpPacket, units: AccessUnit[]): void {
    const { payload } = packet;
    if (payload.length < 5) throw malformed("no content");
    const offset = (payload[2]! << 8) | payload[3]!;
    const content = payload.subarray(4);
    if (offset > 0) this.#readRest(offset, content);
    else this.#readFrames(content, packet, units);
    if (!this.inFragment || this.fragmentSize < this.#frameSize) return;
    if (this.fragmentSize > this.#frameSize) {
      throw malformed(`frame of ${this.fragmentSize} bytes where it has ${this.#frameSize}`);
    }
    units.push({ timestamp: packet.timestamp, parts: [this.takeFragments()] });
  }

  #readFrames(content: Uint8Array, packet: RtpPacket, units: AccessUnit[]): void {
    for (let at = 0, samples = 0; at < content.length;) {
      const header = readHeader(content, at);
      if (at + header.size > content.length) {
        if (at > 0) throw malformed("a frame is cut off");
        this.#frameSize = header.size;
        return this.beginFragment(content, packet);
      }
      units.push({
        timestamp: later(packet.timestamp, samples, header),
        parts: [content.subarray(at, at + header.size)],
      });
      at += header.size;
      samples += header.samples;
    }
  }

  #readRest(offset: number, content: Uint8Array): void {
    if (this.inFragment && offset !== this.fragmentSize) {
      throw malformed(`fragment at ${offset} where ${this.fragmentSize} bytes have come`);
    }
    this.continueFragment(content);
  }
}

/** The RTP timestamp of what comes `samples` after `timestamp`. */
function later(timestamp: number, samples: number, header: FrameHeader): number {
  return (timestamp + Math.round((samples * CLOCK_RATE) / header.sampleRate)) >>> 0;
}

/** Reads the 4 bytes of a frame's header (ISO 11172-3, 2.4.1.3). */
function readHeader(bytes: Uint8Array, at: number): FrameHeader {
  if (bytes.length - at < 4) throw malformed("a frame's header is cut off");
  const second = bytes[at + 1]!;
  const third = bytes[at + 2]!;
  const version = (second >> 3) & 3;
  const layer = 4 - ((second >> 1) & 3);
  const rateIndex = (third >> 2) & 3;
  if (bytes[at] !== 0xff || second < 0xe0 || version === 1 || layer === 4 || rateIndex === 3) {
    throw malformed("no frame header");
  }
  const table = version === 3 ? `1/${layer}` : `2/${Math.min(layer, 2)}`;
  const kilobits = BITRATES[table]![third >> 4] ?? 0;
  // The index 0 stands for a free format, whose header does not tell the size of the frame.
  if (kilobits === 0) throw malformed("no bit rate");
  const sampleRate = SAMPLE_RATES[rateIndex]! / (version === 3 ? 1 : version === 2 ? 2 : 4);
  const padding = (third >> 1) & 1;
  if (layer === 1) {
    return {
      size: (Math.floor((12_000 * kilobits) / sampleRate) + padding) * 4,
      samples: 384,
      sampleRate,
    };
  }
  const samples = layer === 3 && version !== 3 ? 576 : 1152;
  const size = Math.floor((samples * 125 * kilobits) / sampleRate) + padding;
  return { size, samples, sampleRate };
}

function malformed(what: string): RtpError {
  return new RtpError("malformed-payload", `Malformed MPEG audio payload: ${what}`);
}

/** What stands before frames and fragments: where the first byte is in its frame (RFC 2250, 3.5). */
const HEADERS: FrameHeaders = {
  size: 4,
  marksEnd: false,
  frames: () => new Uint8Array(4),
  fragment: ({ offset }) => Uint8Array.of(0, 0, offset >> 8, offset),
};

/**
 * Cuts MPEG audio frames into packets (RFC 2250): as many whole frames as fit, or a fragment.
 *
 * @example
 * ```ts
 * import { MpegAudioPacketizer } from "@weir/server/rtp";
 *
 * const frame = new Uint8Array(417);
 * frame.set([0xff, 0xfb, 0x90, 0x00]);
 * const parts = [frame, frame, frame, frame];
 * const payloads = new MpegAudioPacketizer().packetize({ timestamp: 0, parts });
 * console.log(payloads.map((p) => [p.timestamp, p.payload.length])); // [ [ 0, 1255 ], [ 7053, 421 ] ]
 * ```
 */
export class MpegAudioPacketizer implements Packetizer {
  readonly #frames: FramePacketizer;

  /** Makes a packetizer. */
  constructor(options: PacketizerOptions = {}) {
    this.#frames = new FramePacketizer(HEADERS, options);
  }

  /** Packs frames, which follow each other. */
  packetize(unit: AccessUnit): RtpPayload[] {
    let samples = 0;
    const frames = unit.parts.map((bytes): TimedFrame => {
      const header = readHeader(bytes, 0);
      const timestamp = later(unit.timestamp, samples, header);
      samples += header.samples;
      return { bytes, timestamp };
    });
    return this.#frames.pack(frames);
  }
}

/** The payload format of MPEG audio, of all layers (RFC 2250, 3.5). */
export const MPEG_AUDIO_FORMAT: PayloadFormat = {
  encodingName: "MPA",
  depacketizer: (_, options) => new MpegAudioDepacketizer(options),
  packetizer: (_, options) => new MpegAudioPacketizer(options),
};
