import { concat } from "@std/bytes/concat";
import { BitReader } from "../../bytes/mod.ts";
import { RtpError } from "../errors.ts";
import type { RtpPacket } from "../packet.ts";
import {
  type AccessUnit,
  type DepacketizerOptions,
  maxPayloadSizeOf,
  type Packetizer,
  type PacketizerOptions,
  type RtpPayload,
} from "./access_unit.ts";
import { AudioDepacketizer } from "./audio_depacketizer.ts";
import { readAacTiming } from "./audio_specific_config.ts";
import { bytesOf, type NamedFormat, numberOf, type PayloadFormat } from "./payload_format.ts";

/** Bytes in an AAC frame: its size has 13 bits in RTP and ADTS. */
export const MAX_AAC_FRAME_SIZE = 8191;

/** The fields of AU headers (RFC 3640, 3.2.1 and 4.1): their sizes in bits, 0 where they are absent. */
export interface AuHeaderLayout {
  /** 13 in mode AAC-hbr, 6 in mode AAC-lbr. */
  readonly sizeLength?: number;
  /** 3 in mode AAC-hbr, 2 in mode AAC-lbr. */
  readonly indexLength?: number;
  /** 3 in mode AAC-hbr, 2 in mode AAC-lbr. */
  readonly indexDeltaLength?: number;
  /** Bits of the composition time's difference; it is passed over. */
  readonly ctsDeltaLength?: number;
  /** Bits of the decoding time's difference; it is passed over. */
  readonly dtsDeltaLength?: number;
  /** Whether one bit says that decoding can start; it is passed over. */
  readonly randomAccessIndication?: boolean;
  /** Bits of the stream state; they are passed over. */
  readonly streamStateIndication?: number;
  /** Bits of the size of the auxiliary section, which is passed over. */
  readonly auxiliaryDataSizeLength?: number;
  /** Size in bytes of every frame, where headers do not tell it. */
  readonly constantSize?: number;
}

/** Options of an {@linkcode AacDepacketizer}. */
export interface AacDepacketizerOptions extends DepacketizerOptions, AuHeaderLayout {
  /** Ticks of the RTP clock that a frame lasts; 1024 by default. */
  readonly frameTicks?: number;
}

/** Options of an {@linkcode AacPacketizer}. */
export interface AacPacketizerOptions extends PacketizerOptions {
  /** Bits of a frame's size: 13 (AAC-hbr) by default, or 6 (AAC-lbr, frames of at most 63 bytes). */
  readonly sizeLength?: 13 | 6;
  /** Ticks of the RTP clock that a frame lasts; 1024 by default. */
  readonly frameTicks?: number;
}

/**
 * Makes AAC frames of `MPEG4-GENERIC` packets (RFC 3640): several frames in a packet, fragments of
 * one, all layouts of AU headers. A frame that comes with its ADTS header, as some cameras send it,
 * loses that.
 *
 * @example
 * ```ts
 * import { AacDepacketizer, buildRtpPacket, parseRtpPacket } from "@weir/server/rtp";
 *
 * const packet = parseRtpPacket(buildRtpPacket({
 *   payloadType: 96,
 *   sequenceNumber: 1,
 *   timestamp: 0,
 *   ssrc: 1,
 *   marker: true,
 *   payload: new Uint8Array([0, 32, 0, 16, 0, 8, 0x21, 0x10, 0x22]), // frames of 2 and 1 bytes
 * }));
 * const units = new AacDepacketizer().push(packet);
 * console.log(units.map((unit) => unit.timestamp)); // [ 0, 1024 ]
 * ```
 */
export class AacDepacketizer extends AudioDepacketizer {
  readonly #layout: Required<AuHeaderLayout>;
  readonly #frameTicks: number;

  /** Makes a depacketizer; the layout is that of AAC-hbr by default. */
  constructor(options: AacDepacketizerOptions = {}) {
    super(options, { maxUnitSize: MAX_AAC_FRAME_SIZE });
    this.#layout = {
      sizeLength: options.sizeLength ?? 13,
      indexLength: options.indexLength ?? 3,
      indexDeltaLength: options.indexDeltaLength ?? 3,
      ctsDeltaLength: options.ctsDeltaLength ?? 0,
      dtsDeltaLength: options.dtsDeltaLength ?? 0,
      randomAccessIndication: options.randomAccessIndication ?? false,
      streamStateIndication: options.streamStateIndication ?? 0,
      auxiliaryDataSizeLength: options.auxiliaryDataSizeLength ?? 0,
      constantSize: options.constantSize ?? 0,
    };
    this.#frameTicks = options.frameTicks ?? 1024;
  }

  /** Reads one payload. */
  protected override readPayload(packet: RtpPacket, units: AccessUnit[]): void {
    const { headers, content } = this.#readSections(packet.payload);
    const [first] = headers;
    if (first !== undefined && (this.inFragment || first.size > content.length)) {
      return this.#readFragment(
        packet,
        { size: first.size, content, count: headers.length },
        units,
      );
    }
    if (headers.length === 0) return this.#readUnframed(packet, content, units);
    let at = 0;
    for (const { size, index } of headers) {
      if (at + size > content.length) throw malformed("a frame is cut off");
      this.#add(content.subarray(at, at + size), this.#timeOf(packet, index), units);
      at += size;
    }
  }

  /** Reads a packet without AU headers, which holds several frames of a known size, one frame, or a piece of one. */
  #readUnframed(packet: RtpPacket, content: Uint8Array, units: AccessUnit[]): void {
    const size = this.#layout.constantSize;
    if (size === 0 || content.length < size) {
      if (this.inFragment) this.continueFragment(content);
      else this.beginFragment(content, packet);
      if (packet.marker) this.#add(this.takeFragments(), packet.timestamp, units);
      return;
    }
    if (content.length % size !== 0) throw malformed(`frames of ${size} bytes do not fit`);
    for (let at = 0; at < content.length; at += size) {
      this.#add(content.subarray(at, at + size), this.#timeOf(packet, at / size), units);
    }
  }

  #readFragment(
    packet: RtpPacket,
    piece: { readonly size: number; readonly content: Uint8Array; readonly count: number },
    units: AccessUnit[],
  ): void {
    if (piece.count > 1) throw malformed("a frame is cut off");
    if (this.inFragment) this.continueFragment(piece.content);
    else this.beginFragment(piece.content, packet);
    if (this.fragmentSize > piece.size) throw malformed("fragments are larger than their frame");
    if (this.fragmentSize === piece.size) this.#add(this.takeFragments(), packet.timestamp, units);
  }

  /** The sections of a packet (RFC 3640, 3.2): AU headers, auxiliary data, the frames. */
  #readSections(payload: Uint8Array): { headers: AuHeader[]; content: Uint8Array } {
    const { sizeLength, indexLength, indexDeltaLength, auxiliaryDataSizeLength } = this.#layout;
    const reader = new BitReader(payload);
    try {
      const hasHeaders = sizeLength + indexLength + indexDeltaLength > 0;
      const headers = hasHeaders ? this.#readHeaders(reader) : [];
      if (auxiliaryDataSizeLength > 0) {
        reader.skip(reader.u(auxiliaryDataSizeLength));
        alignToByte(reader);
      }
      return { headers, content: payload.subarray(reader.offset / 8) };
    } catch (error) {
      if (error instanceof RangeError) throw malformed("AU headers are cut off");
      throw error;
    }
  }

  #readHeaders(reader: BitReader): AuHeader[] {
    const layout = this.#layout;
    const end = 16 + reader.u(16);
    const headers: AuHeader[] = [];
    let index = -1;
    while (reader.offset < end) {
      const before = reader.offset;
      const size = layout.sizeLength > 0 ? reader.u(layout.sizeLength) : layout.constantSize;
      if (index < 0) {
        // The first index is 0 where frames are not interleaved, and is of no use here.
        reader.skip(layout.indexLength);
        index = 0;
      } else index += 1 + reader.u(layout.indexDeltaLength);
      if (layout.ctsDeltaLength > 0 && reader.flag()) reader.skip(layout.ctsDeltaLength);
      if (layout.dtsDeltaLength > 0 && reader.flag()) reader.skip(layout.dtsDeltaLength);
      if (layout.randomAccessIndication) reader.skip(1);
      reader.skip(layout.streamStateIndication);
      if (reader.offset === before) throw malformed("AU headers without size");
      headers.push({ size, index });
    }
    if (reader.offset !== end) throw malformed("AU headers do not fit their length");
    alignToByte(reader);
    return headers;
  }

  #add(frame: Uint8Array, timestamp: number, units: AccessUnit[]): void {
    if (frame.length > 0) units.push({ timestamp, parts: [withoutAdts(frame)] });
  }

  #timeOf(packet: RtpPacket, index: number): number {
    return (packet.timestamp + index * this.#frameTicks) >>> 0;
  }
}

interface AuHeader {
  readonly size: number;
  /** Frames between the packet's first one and this one. */
  readonly index: number;
}

function alignToByte(reader: BitReader): void {
  reader.skip((8 - (reader.offset & 7)) & 7);
}

/** Takes an ADTS header off (ISO 14496-3, 1.A.3.2): one whose frame length is just this frame's. */
function withoutAdts(frame: Uint8Array): Uint8Array {
  if (frame.length < 8 || frame[0] !== 0xff || (frame[1]! & 0xf6) !== 0xf0) return frame;
  const length = ((frame[3]! & 3) << 11) | (frame[4]! << 3) | (frame[5]! >> 5);
  if (length !== frame.length) return frame;
  return frame.subarray((frame[1]! & 1) === 0 ? 9 : 7);
}

function malformed(what: string): RtpError {
  return new RtpError("malformed-payload", `Malformed AAC payload: ${what}`);
}

/**
 * Cuts AAC frames into packets of mode AAC-hbr (RFC 3640) or AAC-lbr: as many whole frames as fit,
 * or fragments of one.
 *
 * @example
 * ```ts
 * import { AacPacketizer } from "@weir/server/rtp";
 *
 * const payloads = new AacPacketizer().packetize({
 *   timestamp: 0,
 *   parts: [new Uint8Array(2), new Uint8Array(1)],
 * });
 * console.log(payloads[0]?.payload.subarray(0, 6)); // Uint8Array(6) [ 0, 32, 0, 16, 0, 8 ]
 * ```
 */
export class AacPacketizer implements Packetizer {
  readonly frameTicks: number;
  readonly #maxPayloadSize: number;
  readonly #sizeLength: 13 | 6;
  readonly #headerSize: number;

  /** Makes a packetizer. */
  constructor(options: AacPacketizerOptions = {}) {
    this.#maxPayloadSize = maxPayloadSizeOf(options);
    this.#sizeLength = options.sizeLength ?? 13;
    this.#headerSize = this.#sizeLength === 13 ? 2 : 1;
    this.frameTicks = options.frameTicks ?? 1024;
  }

  /** Packs frames, which follow each other. */
  packetize(unit: AccessUnit): RtpPayload[] {
    const payloads: RtpPayload[] = [];
    let group: Uint8Array[] = [];
    let size = 2;
    let timestamp = unit.timestamp;
    const flush = () => {
      if (group.length > 0) payloads.push(this.#pack(group, timestamp));
      group = [];
      size = 2;
    };
    for (const [index, frame] of unit.parts.entries()) {
      this.#check(frame);
      const needed = this.#headerSize + frame.length;
      if (size + needed > this.#maxPayloadSize) flush();
      if (group.length === 0) timestamp = (unit.timestamp + index * this.frameTicks) >>> 0;
      if (2 + needed > this.#maxPayloadSize) this.#fragment(frame, timestamp, payloads);
      else {
        group.push(frame);
        size += needed;
      }
    }
    flush();
    return payloads;
  }

  #check(frame: Uint8Array): void {
    const most = 2 ** this.#sizeLength - 1;
    if (frame.length <= most) return;
    throw new RtpError("unit-too-large", `AAC frame of ${frame.length} bytes: at most ${most} fit`);
  }

  #pack(group: readonly Uint8Array[], timestamp: number): RtpPayload {
    const headers = this.#headers(group.map((frame) => frame.length));
    return { payload: concat([headers, ...group]), marker: true, timestamp };
  }

  #fragment(frame: Uint8Array, timestamp: number, payloads: RtpPayload[]): void {
    const step = this.#maxPayloadSize - 2 - this.#headerSize;
    const headers = this.#headers([frame.length]);
    for (let at = 0; at < frame.length; at += step) {
      const piece = frame.subarray(at, at + step);
      const payload = concat([headers, piece]);
      payloads.push({ payload, marker: at + step >= frame.length, timestamp });
    }
  }

  /** The AU header section; index and index delta are 0, since frames are not interleaved. */
  #headers(sizes: readonly number[]): Uint8Array {
    const section = new Uint8Array(2 + sizes.length * this.#headerSize);
    const bits = sizes.length * this.#headerSize * 8;
    section[0] = bits >> 8;
    section[1] = bits;
    for (const [i, size] of sizes.entries()) {
      const at = 2 + i * this.#headerSize;
      if (this.#headerSize === 1) section[at] = size << 2;
      else {
        section[at] = size >> 5;
        section[at + 1] = size << 3;
      }
    }
    return section;
  }
}

/** The payload format of AAC (RFC 3640), whose encoding name stands for other audio of MPEG-4 too, such as CELP. */
export const AAC_FORMAT: PayloadFormat = {
  encodingName: "MPEG4-GENERIC",
  isKnown: ({ parameters }) => {
    const mode = parameters.get("mode")?.toLowerCase() ?? "aac-hbr";
    return mode.startsWith("aac-") || mode === "generic";
  },
  depacketizer: (format, options) =>
    new AacDepacketizer({
      ...options,
      ...auHeaderLayout(format.parameters),
      frameTicks: frameTicks(format),
    }),
  packetizer: (format, options) =>
    new AacPacketizer({
      ...options,
      sizeLength: auHeaderLayout(format.parameters).sizeLength === 6 ? 6 : 13,
      frameTicks: frameTicks(format),
    }),
};

/** Lengths of AU header fields; those of AAC-hbr or AAC-lbr where the parameters leave all out. */
function auHeaderLayout(parameters: ReadonlyMap<string, string>): AuHeaderLayout {
  const named = ["sizelength", "indexlength", "indexdeltalength", "constantsize"];
  const mode = parameters.get("mode")?.toLowerCase();
  if (!named.some((name) => parameters.has(name))) {
    return mode === "aac-lbr" ? { sizeLength: 6, indexLength: 2, indexDeltaLength: 2 } : {};
  }
  return {
    sizeLength: Math.min(numberOf(parameters, "sizelength"), 32),
    indexLength: Math.min(numberOf(parameters, "indexlength"), 32),
    indexDeltaLength: Math.min(numberOf(parameters, "indexdeltalength"), 32),
    ctsDeltaLength: Math.min(numberOf(parameters, "ctsdeltalength"), 32),
    dtsDeltaLength: Math.min(numberOf(parameters, "dtsdeltalength"), 32),
    randomAccessIndication: numberOf(parameters, "randomaccessindication") > 0,
    streamStateIndication: Math.min(numberOf(parameters, "streamstateindication"), 32),
    auxiliaryDataSizeLength: Math.min(numberOf(parameters, "auxiliarydatasizelength"), 32),
    constantSize: numberOf(parameters, "constantsize"),
  };
}

/** Ticks that a frame lasts: told, or computed from the AudioSpecificConfig, or 1024. */
function frameTicks({ clockRate, parameters }: NamedFormat): number {
  const told = numberOf(parameters, "constantduration");
  if (told > 0) return told;
  const config = bytesOf(parameters, "config");
  if (config === undefined) return 1024;
  try {
    const { sampleRate, frameSamples } = readAacTiming(new BitReader(config));
    return Math.round((frameSamples * clockRate) / sampleRate);
  } catch {
    // Frames are forwarded even where their configuration cannot be read here: their decoder may understand it.
    return 1024;
  }
}
