import { RtpError } from "../errors.ts";
import type { RtpPacket } from "../packet.ts";
import type {
  AccessUnit,
  DepacketizerOptions,
  Packetizer,
  PacketizerOptions,
  RtpPayload,
} from "./access_unit.ts";
import { maxPayloadSizeOf } from "./access_unit.ts";
import { AudioDepacketizer } from "./audio_depacketizer.ts";
import type { PayloadFormat } from "./payload_format.ts";

/**
 * Makes frames of Opus packets (RFC 7587): each payload is one Opus packet, whole.
 *
 * @example
 * ```ts
 * import { buildRtpPacket, OpusDepacketizer, parseRtpPacket } from "@weir/server/rtp";
 *
 * const packet = parseRtpPacket(buildRtpPacket({
 *   payloadType: 96,
 *   sequenceNumber: 1,
 *   timestamp: 960,
 *   ssrc: 1,
 *   payload: new Uint8Array([0xfc, 0xff, 0xfe]),
 * }));
 * console.log(new OpusDepacketizer().push(packet)[0]?.timestamp); // 960
 * ```
 */
export class OpusDepacketizer extends AudioDepacketizer {
  /** Makes a depacketizer that has seen nothing yet. */
  constructor(options: DepacketizerOptions = {}) {
    super(options, { maxUnitSize: 65535 });
  }

  /** Reads one payload. */
  protected override readPayload(packet: RtpPacket, units: AccessUnit[]): void {
    units.push({ timestamp: packet.timestamp, parts: [packet.payload] });
  }
}

/**
 * Puts Opus packets into RTP (RFC 7587), one each; the clock is 48 kHz whatever the sound's own rate.
 *
 * @example
 * ```ts
 * import { OpusPacketizer } from "@weir/server/rtp";
 *
 * const frame = new Uint8Array([0xfc, 0xff, 0xfe]);
 * const payloads = new OpusPacketizer().packetize({ timestamp: 0, parts: [frame, frame] });
 * console.log(payloads.map((p) => p.timestamp)); // [ 0, 960 ]
 * ```
 */
export class OpusPacketizer implements Packetizer {
  readonly #maxPayloadSize: number;

  /** Makes a packetizer. */
  constructor(options: PacketizerOptions = {}) {
    this.#maxPayloadSize = maxPayloadSizeOf(options);
  }

  /** Puts each part, an Opus packet, into a payload of its own. */
  packetize(unit: AccessUnit): RtpPayload[] {
    let timestamp = unit.timestamp;
    return unit.parts.map((payload) => {
      if (payload.length > this.#maxPayloadSize) {
        // RFC 7587 has no way to cut an Opus packet in two.
        throw new RtpError(
          "unit-too-large",
          `Opus packet of ${payload.length} bytes: at most ${this.#maxPayloadSize} fit`,
        );
      }
      const result = { payload, marker: false, timestamp };
      timestamp = (timestamp + durationOf(payload)) >>> 0;
      return result;
    });
  }
}

/** Samples of an Opus packet at 48 kHz, by its first byte (RFC 6716, 3.1). */
function durationOf(packet: Uint8Array): number {
  const config = (packet[0] ?? 0) >> 3;
  const code = (packet[0] ?? 0) & 3;
  const frames = code === 0 ? 1 : code < 3 ? 2 : (packet[1] ?? 1) & 0x3f;
  return frames * frameSamples(config);
}

function frameSamples(config: number): number {
  if (config < 12) return [480, 960, 1920, 2880][config & 3]!;
  if (config < 16) return [480, 960][config & 1]!;
  return [120, 240, 480, 960][config & 3]!;
}

/** The payload format of Opus (RFC 7587). */
export const OPUS_FORMAT: PayloadFormat = {
  encodingName: "OPUS",
  depacketizer: (_, options) => new OpusDepacketizer(options),
  packetizer: (_, options) => new OpusPacketizer(options),
};
