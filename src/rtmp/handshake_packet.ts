/** What both sides of the handshake share: the version check, and the making of C1 and S1. */
import { RtmpError } from "./errors.ts";
import type { RtmpHandshakeOptions } from "./handshake.ts";
import { HANDSHAKE_PACKET_LENGTH, RTMP_VERSION } from "./handshake_digest.ts";

/** First bytes of what also turns up at an RTMP port. */
const KNOWN_FIRST_BYTES: Readonly<Record<number, string>> = {
  0x06: "RTMPE, which is not supported",
  0x08: "RTMPE, which is not supported",
  0x09: "RTMPE, which is not supported",
  0x0d: "the start of a PROXY header, which is not honoured here",
  0x16: "the start of a TLS connection, as rtmps makes it",
  0x44: "the start of an RTSP request",
  0x47: "the start of an HTTP request",
  0x4f: "the start of an HTTP or RTSP request",
  0x50: "the start of an HTTP request or of a PROXY header",
  0xf3: "a prefix that states a client address, which is not honoured",
};

/**
 * Checks C0 or S0.
 *
 * @throws {RtmpError} `handshake-version` when it is not 3; the message has the value
 */
export function checkVersion(version: number, packet: "C0" | "S0"): void {
  if (version === RTMP_VERSION) return;
  const known = KNOWN_FIRST_BYTES[version];
  const value = `${version}${known === undefined ? "" : ` (${known})`}`;
  throw new RtmpError(
    "handshake-version",
    `${packet} is ${value}, only RTMP version ${RTMP_VERSION} is spoken`,
  );
}

/**
 * Makes C1 or S1: time, version, 1528 random bytes.
 *
 * `version` is 0 in the simple handshake. FFmpeg, librtmp and Flash take a version of 3.0 or more to
 * mean that there is a digest.
 */
export function makeFirstPacket(options: RtmpHandshakeOptions, version: number): Uint8Array {
  const packet = new Uint8Array(HANDSHAKE_PACKET_LENGTH);
  const view = new DataView(packet.buffer);
  view.setUint32(0, options.nowMs ?? 0);
  view.setUint32(4, version);
  packet.set(options.random(HANDSHAKE_PACKET_LENGTH - 8), 8);
  return packet;
}
