import { concat } from "@std/bytes/concat";
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
import type { PayloadFormat } from "./payload_format.ts";

/** How samples are laid out. */
export interface PcmLayout {
  /** Bytes of one sample of one channel: 1 for G.711 and L8, 2 for L16, 3 for L24. */
  readonly sampleSize: number;
  /** Number of channels; their samples alternate. */
  readonly channels: number;
}

/** Options of a {@linkcode PcmDepacketizer}. */
export interface PcmDepacketizerOptions extends DepacketizerOptions, PcmLayout {}

/** Options of a {@linkcode PcmPacketizer}. */
export interface PcmPacketizerOptions extends PacketizerOptions, PcmLayout {}

/**
 * Takes samples out of packets: G.711 (PCMA, PCMU), L8, L16 and L24 (RFC 3551, RFC 3190), big-endian.
 *
 * @example
 * ```ts
 * import { buildRtpPacket, parseRtpPacket, PcmDepacketizer } from "@weir/server/rtp";
 *
 * const packet = parseRtpPacket(buildRtpPacket({
 *   payloadType: 8,
 *   sequenceNumber: 1,
 *   timestamp: 160,
 *   ssrc: 1,
 *   payload: new Uint8Array(160),
 * }));
 * const depacketizer = new PcmDepacketizer({ sampleSize: 1, channels: 1 });
 * console.log(depacketizer.push(packet)[0]?.parts[0]?.length); // 160
 * ```
 */
export class PcmDepacketizer extends AudioDepacketizer {
  readonly #frameSize: number;

  /** Makes a depacketizer. */
  constructor(options: PcmDepacketizerOptions) {
    super(options, { maxUnitSize: 65535 });
    this.#frameSize = options.sampleSize * options.channels;
  }

  /** Reads one payload. */
  protected override readPayload(packet: RtpPacket, units: AccessUnit[]): void {
    const { payload, timestamp } = packet;
    if (payload.length % this.#frameSize !== 0) {
      throw new RtpError(
        "malformed-payload",
        `Malformed samples: ${payload.length} bytes are no multiple of ${this.#frameSize}`,
      );
    }
    units.push({ timestamp, parts: [payload] });
  }
}

/**
 * Cuts samples into packets: G.711 (PCMA, PCMU), L8, L16 and L24 (RFC 3551, RFC 3190), big-endian.
 * Samples that do not fit into one packet are cut between samples; the clock is the sampling rate.
 *
 * @example
 * ```ts
 * import { PcmPacketizer } from "@weir/server/rtp";
 *
 * const packetizer = new PcmPacketizer({ sampleSize: 2, channels: 2, maxPayloadSize: 1000 });
 * const payloads = packetizer.packetize({ timestamp: 0, parts: [new Uint8Array(1200)] });
 * console.log(payloads.map((p) => [p.timestamp, p.payload.length])); // [ [ 0, 1000 ], [ 250, 200 ] ]
 * ```
 */
export class PcmPacketizer implements Packetizer {
  readonly #frameSize: number;
  readonly #maxFrames: number;

  /** Makes a packetizer. */
  constructor(options: PcmPacketizerOptions) {
    this.#frameSize = options.sampleSize * options.channels;
    this.#maxFrames = Math.floor(maxPayloadSizeOf(options) / this.#frameSize);
    if (this.#maxFrames < 1) {
      throw new RangeError(
        `Cannot packetize as a payload must hold one sample of each channel: current value is ${this.#frameSize} bytes`,
      );
    }
  }

  /** Cuts samples; the parts follow each other. */
  packetize(unit: AccessUnit): RtpPayload[] {
    const size = unit.parts.reduce((sum, part) => sum + part.length, 0);
    if (size % this.#frameSize !== 0) {
      throw new RtpError(
        "malformed-payload",
        `Malformed samples: ${size} bytes are no multiple of ${this.#frameSize}`,
      );
    }
    const samples = unit.parts.length === 1 ? unit.parts[0]! : concat(unit.parts);
    const payloads: RtpPayload[] = [];
    for (let at = 0; at < size; at += this.#maxFrames * this.#frameSize) {
      payloads.push({
        payload: samples.subarray(at, at + this.#maxFrames * this.#frameSize),
        marker: false,
        timestamp: (unit.timestamp + at / this.#frameSize) >>> 0,
      });
    }
    return payloads;
  }
}

/** The payload formats of samples: G.711 (RFC 3551, 4.5.14), L8 and L16 (4.5.10, 4.5.11), L24 (RFC 3190). */
export const PCM_FORMATS: readonly PayloadFormat[] = [
  formatOf("PCMA", 1),
  formatOf("PCMU", 1),
  formatOf("L8", 1),
  formatOf("L16", 2),
  formatOf("L24", 3),
];

function formatOf(encodingName: string, sampleSize: number): PayloadFormat {
  return {
    encodingName,
    depacketizer: ({ channels }, options) =>
      new PcmDepacketizer({ ...options, sampleSize, channels }),
    packetizer: ({ channels }, options) => new PcmPacketizer({ ...options, sampleSize, channels }),
  };
}
