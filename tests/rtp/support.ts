import { assertEquals } from "@std/assert";
import {
  buildRtpPacket,
  type Depacketizer,
  type DepacketizerOptions,
  parseRtpPacket,
  type RtpPacket,
} from "../../src/rtp/mod.ts";

/** Bytes of hexadecimal digits; white space is left out. */
export function fromHex(text: string): Uint8Array {
  const digits = text.replaceAll(/\s/g, "");
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** Hexadecimal digits of bytes. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** A packet of a payload in hexadecimal digits. */
export function packetOf(
  sequenceNumber: number,
  payload: string | Uint8Array,
  options: { timestamp?: number; marker?: boolean; ssrc?: number } = {},
): RtpPacket {
  const { timestamp = 0, marker = false, ssrc = 0x9dbb7812 } = options;
  return parseRtpPacket(buildRtpPacket({
    payloadType: 96,
    sequenceNumber,
    timestamp,
    ssrc,
    marker,
    payload: typeof payload === "string" ? fromHex(payload) : payload,
  }));
}

/** What a depacketizer made of packets: the parts of each unit in hexadecimal digits, and the errors. */
export function depacketize(
  make: (options: DepacketizerOptions) => Depacketizer,
  packets: readonly RtpPacket[],
): { units: string[][]; timestamps: number[]; errors: string[] } {
  const errors: string[] = [];
  const depacketizer = make({ onError: (error) => errors.push(error.code) });
  const units: string[][] = [];
  const timestamps: number[] = [];
  for (const packet of packets) {
    const before = packet.bytes.slice();
    for (const unit of depacketizer.push(packet)) {
      units.push(unit.parts.map(toHex));
      timestamps.push(unit.timestamp);
    }
    assertEquals(packet.bytes, before, "the packet was changed (R167)");
  }
  assertEquals(depacketizer.dropped, errors.length);
  return { units, timestamps, errors };
}
