import { concat } from "@std/bytes/concat";
import { BitReader } from "../../bytes/mod.ts";
import { RtpError } from "../errors.ts";
import type { RtpPacket } from "../packet.ts";
import { MAX_AAC_FRAME_SIZE } from "./aac.ts";
import {
  type AccessUnit,
  type DepacketizerOptions,
  maxPayloadSizeOf,
  type Packetizer,
  type PacketizerOptions,
  type RtpPayload,
} from "./access_unit.ts";
import { AudioDepacketizer } from "./audio_depacketizer.ts";
import { type AacTiming, readAacTiming } from "./audio_specific_config.ts";
import { evenPieces } from "./even_pieces.ts";
import { bytesOf, type NamedFormat, type PayloadFormat } from "./payload_format.ts";

/** Bytes in an audioMuxElement: 64 frames would fit one, but no sender puts more than a few into it. */
export const MAX_LATM_ELEMENT_SIZE = 65536;

/** What a StreamMuxConfig (ISO 14496-3, 1.7.3) says of one AAC stream. */
export interface StreamMuxConfig extends AacTiming {
  /** Frames in an audioMuxElement, 1 to 64. */
  readonly subFrames: number;
  /** Bits of other data behind the frames. */
  readonly otherDataBits: number;
}

/** Options of a {@linkcode LatmDepacketizer}. */
export interface LatmDepacketizerOptions extends DepacketizerOptions {
  /** The StreamMuxConfig of the SDP's `config`, where the packets carry none (`cpresent=0`). */
  readonly config?: Uint8Array;
  /** Ticks a second of the RTP clock; the sampling rate by default. */
  readonly clockRate?: number;
}

/**
 * Reads a StreamMuxConfig with one program and one layer of AAC.
 *
 * @throws {RtpError} `unsupported-payload`, or `malformed-payload` where it is cut off
 *
 * @example
 * ```ts
 * import { parseStreamMuxConfig } from "@weir/server/rtp";
 *
 * const config = parseStreamMuxConfig(new Uint8Array([0x40, 0x00, 0x24, 0x10, 0x3f, 0xc0]));
 * console.log(config.sampleRate, config.subFrames); // 44100 1
 * ```
 */
export function parseStreamMuxConfig(bytes: Uint8Array): StreamMuxConfig {
  return readSafely(() => readStreamMuxConfig(new BitReader(bytes)));
}

function readStreamMuxConfig(reader: BitReader): StreamMuxConfig {
  if (reader.flag()) throw unsupported("audioMuxVersion 1");
  if (!reader.flag()) throw unsupported("streams of different framing");
  const subFrames = reader.u(6) + 1;
  if (reader.u(4) !== 0 || reader.u(3) !== 0) throw unsupported("several programs or layers");
  const timing = readAacTiming(reader);
  passSyncExtension(reader);
  // Where the SDP carries it, what follows is sometimes left out.
  if (reader.remaining < 3) return { ...timing, subFrames, otherDataBits: 0 };
  if (reader.u(3) !== 0) throw unsupported("frames of fixed length");
  reader.skip(Math.min(8, reader.remaining));
  let otherDataBits = 0;
  if (reader.remaining > 0 && reader.flag()) {
    let more = true;
    while (more) {
      more = reader.flag();
      otherDataBits = otherDataBits * 256 + reader.u(8);
      if (otherDataBits > MAX_LATM_ELEMENT_SIZE * 8) throw malformed("other data is too large");
    }
  }
  if (reader.remaining > 0 && reader.flag()) reader.skip(8);
  return { ...timing, subFrames, otherDataBits };
}

/**
 * GStreamer's rtpmp4apay copies the whole AudioSpecificConfig of its source, also the extension that
 * says whether there is spectral band replication (ISO 14496-3, 1.6.5). As a frameLengthType, its
 * first bits would be 2, which no AAC has.
 */
function passSyncExtension(reader: BitReader): void {
  if (reader.remaining < 17) return;
  if (reader.u(11) !== 0x2b7) {
    reader.offset -= 11;
    return;
  }
  reader.skip(5);
  if (reader.flag() && reader.u(4) === 15) reader.skip(24);
}

/**
 * Makes AAC frames of `MP4A-LATM` packets (RFC 6416): an audioMuxElement spans packets up to the one
 * with the marker bit. Its configuration comes by SDP, or with the elements.
 *
 * @example
 * ```ts
 * import { buildRtpPacket, LatmDepacketizer, parseRtpPacket } from "@weir/server/rtp";
 *
 * const depacketizer = new LatmDepacketizer({
 *   config: new Uint8Array([0x40, 0x00, 0x24, 0x10, 0x3f, 0xc0]),
 * });
 * const packet = parseRtpPacket(buildRtpPacket({
 *   payloadType: 96,
 *   sequenceNumber: 1,
 *   timestamp: 0,
 *   ssrc: 1,
 *   marker: true,
 *   payload: new Uint8Array([2, 0x21, 0x10]),
 * }));
 * console.log(depacketizer.push(packet)[0]?.parts); // [ Uint8Array(2) [ 33, 16 ] ]
 * ```
 */
export class LatmDepacketizer extends AudioDepacketizer {
  readonly #inBand: boolean;
  readonly #clockRate: number | undefined;
  #config: StreamMuxConfig | undefined;
  #lastMarker: boolean | undefined;
  #spansPackets = false;

  /**
   * Makes a depacketizer.
   *
   * @throws {RtpError} if `config` cannot be read
   */
  constructor(options: LatmDepacketizerOptions = {}) {
    super(options, { maxUnitSize: MAX_LATM_ELEMENT_SIZE });
    this.#inBand = options.config === undefined;
    this.#clockRate = options.clockRate;
    if (options.config !== undefined) this.#config = parseStreamMuxConfig(options.config);
  }

  /** Reads one payload. */
  protected override readPayload(packet: RtpPacket, units: AccessUnit[]): void {
    const amidElement = this.#isAmidElement();
    this.#lastMarker = packet.marker;
    if (!packet.marker) this.#spansPackets = true;
    if (this.inFragment) this.continueFragment(packet.payload);
    else if (!amidElement) this.beginFragment(packet.payload, packet);
    else throw new RtpError("missing-packet", "Audio frame dropped: its beginning is missing");
    if (!packet.marker) return;
    const element = this.takeFragments();
    readSafely(() => this.#readElement(new BitReader(element), { element, packet, units }));
  }

  /**
   * Packets do not say whether they begin an element. The one before must have ended one; where that
   * is missing, only a stream whose elements each fit one packet is certain.
   */
  #isAmidElement(): boolean {
    if (this.#lastMarker === undefined) return false;
    return this.inOrder ? !this.#lastMarker : this.#spansPackets;
  }

  #readElement(
    reader: BitReader,
    to: { readonly element: Uint8Array; readonly packet: RtpPacket; readonly units: AccessUnit[] },
  ): void {
    if (this.#inBand && !reader.flag()) this.#config = readStreamMuxConfig(reader);
    const config = this.#config;
    if (config === undefined) throw malformed("no StreamMuxConfig has come");
    const { sampleRate, frameSamples } = config;
    const ticks = (frameSamples * (this.#clockRate ?? sampleRate)) / sampleRate;
    const frames: Uint8Array[] = [];
    for (let i = 0; i < config.subFrames; i++) frames.push(readFrame(reader, to.element));
    if (reader.remaining - config.otherDataBits >= 8) {
      throw malformed("it is longer than its frames");
    }
    for (const [i, frame] of frames.entries()) {
      const timestamp = (to.packet.timestamp + Math.round(i * ticks)) >>> 0;
      if (frame.length > 0) to.units.push({ timestamp, parts: [frame] });
    }
  }
}

/** PayloadLengthInfo and PayloadMux of one frame: a view where it begins at a whole byte. */
function readFrame(reader: BitReader, element: Uint8Array): Uint8Array {
  let size = 0;
  let byte: number;
  do {
    byte = reader.u(8);
    size += byte;
  } while (byte === 255);
  if (size > MAX_AAC_FRAME_SIZE) throw malformed(`frame of ${size} bytes`);
  const at = reader.offset;
  reader.skip(size * 8);
  if (at % 8 === 0) return element.subarray(at / 8, at / 8 + size);
  reader.offset = at;
  return Uint8Array.from({ length: size }, () => reader.u(8));
}

/** Runs a read; where the bits run out, that is the peer's mistake. */
function readSafely<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof RangeError) throw malformed("it is cut off");
    throw error;
  }
}

function malformed(what: string): RtpError {
  return new RtpError("malformed-payload", `Malformed LATM: ${what}`);
}

function unsupported(what: string): RtpError {
  return new RtpError("unsupported-payload", `Unsupported LATM: ${what}`);
}

/** Options of a {@linkcode LatmPacketizer}. */
export interface LatmPacketizerOptions extends PacketizerOptions {
  /** Ticks of the RTP clock that a frame lasts; 1024 by default. */
  readonly frameTicks?: number;
}

/**
 * Puts AAC frames into `MP4A-LATM` packets (RFC 6416), one frame an element, without configuration in
 * band (`cpresent=0`).
 *
 * @example
 * ```ts
 * import { LatmPacketizer } from "@weir/server/rtp";
 *
 * const [only] = new LatmPacketizer().packetize({ timestamp: 0, parts: [new Uint8Array(300)] });
 * console.log(only?.payload.subarray(0, 3)); // Uint8Array(3) [ 255, 45, 0 ]
 * ```
 */
export class LatmPacketizer implements Packetizer {
  readonly #maxPayloadSize: number;
  readonly #frameTicks: number;

  /** Makes a packetizer. */
  constructor(options: LatmPacketizerOptions = {}) {
    this.#maxPayloadSize = maxPayloadSizeOf(options);
    this.#frameTicks = options.frameTicks ?? 1024;
  }

  /** Packs frames, which follow each other. */
  packetize(unit: AccessUnit): RtpPayload[] {
    const payloads: RtpPayload[] = [];
    for (const [index, frame] of unit.parts.entries()) {
      const timestamp = (unit.timestamp + index * this.#frameTicks) >>> 0;
      const lengthInfo = new Uint8Array(Math.floor(frame.length / 255) + 1).fill(255);
      lengthInfo[lengthInfo.length - 1] = frame.length % 255;
      const element = concat([lengthInfo, frame]);
      const pieces = evenPieces(element, this.#maxPayloadSize);
      for (const [i, payload] of pieces.entries()) {
        payloads.push({ payload, marker: i === pieces.length - 1, timestamp });
      }
    }
    return payloads;
  }
}

/** The payload format of AAC in LATM (RFC 6416, 6). */
export const LATM_FORMAT: PayloadFormat = {
  encodingName: "MP4A-LATM",
  depacketizer: ({ clockRate, parameters }, options) => {
    const config = parameters.get("cpresent") === "0" ? bytesOf(parameters, "config") : undefined;
    return new LatmDepacketizer({ ...options, clockRate, ...(config && { config }) });
  },
  packetizer: (format, options) => new LatmPacketizer({ ...options, frameTicks: ticksOf(format) }),
};

function ticksOf({ clockRate, parameters }: NamedFormat): number {
  const config = bytesOf(parameters, "config");
  if (config === undefined) return 1024;
  const { sampleRate, frameSamples } = parseStreamMuxConfig(config);
  return Math.round((frameSamples * clockRate) / sampleRate);
}
