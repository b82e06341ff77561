/**
 * The digest that Flash Player 9 and Flash Media Server 3 put into the random bytes of C1 and S1,
 * and the signature at the end of C2 and S2. The RTMP specification does not have it; players that
 * want H.264 (Flash), FFmpeg as a player and librtmp with SWF verification check it.
 */
import { createHmac, timingSafeEqual } from "node:crypto";
import type { RtmpDigestScheme } from "./handshake.ts";

/** Length in bytes of each of C1, C2, S1 and S2 (RTMP 1.0, chapter 5.2.3). */
export const HANDSHAKE_PACKET_LENGTH = 1536;

/** The only protocol version (C0 and S0) that is spoken (RTMP 1.0, chapter 5.2.2). */
export const RTMP_VERSION = 3;

/** The schemes, with the one that most clients use first. */
export const DIGEST_SCHEMES: readonly RtmpDigestScheme[] = ["digest-0", "digest-1"];

/** A digest that was found: which scheme, and a view of its 32 bytes. */
export interface FoundDigest {
  /** Where it was found. */
  readonly scheme: RtmpDigestScheme;
  /** The digest; a view of the packet. */
  readonly digest: Uint8Array;
}

const DIGEST_LENGTH = 32;
/** Each half of the random bytes: 4 offset bytes and 760 others. */
const HALF_LENGTH = 764;
const OFFSET_FIELD = { "digest-0": 8, "digest-1": 8 + HALF_LENGTH } as const;
const OFFSET_MODULUS = HALF_LENGTH - 4 - DIGEST_LENGTH;

/** Follows the text of either key when a C2 or S2 is signed. */
const SHARED_SECRET = [
  0xf0eec24a,
  0x8068bee8,
  0x2e00d0d1,
  0x029e7e57,
  0x6eec5d2d,
  0x29806fab,
  0x93b8e636,
  0xcfeb31ae,
];

/** The key of one role: its text makes digests, text and secret make signatures. */
export interface HandshakeKey {
  /** Key of the digest in C1 or S1. */
  readonly short: Uint8Array;
  /** Key of the signature in C2 or S2. */
  readonly full: Uint8Array;
}

/** The key of the client's side. */
export const PLAYER_KEY: HandshakeKey = makeKey("Genuine Adobe Flash Player 001");
/** The key of the server's side. */
export const SERVER_KEY: HandshakeKey = makeKey("Genuine Adobe Flash Media Server 001");

function makeKey(text: string): HandshakeKey {
  const short = new TextEncoder().encode(text);
  const full = new Uint8Array(short.length + 4 * SHARED_SECRET.length);
  full.set(short);
  const view = new DataView(full.buffer);
  SHARED_SECRET.forEach((word, index) => view.setUint32(short.length + 4 * index, word));
  return { short, full };
}

function hmacSha256(key: Uint8Array, ...parts: Uint8Array[]): Uint8Array {
  const hmac = createHmac("sha256", key);
  for (const part of parts) hmac.update(part);
  return new Uint8Array(hmac.digest());
}

/** Index of the digest in a C1 or S1: 12 to 739 in scheme 0, 776 to 1503 in scheme 1. */
export function digestIndex(packet: Uint8Array, scheme: RtmpDigestScheme): number {
  const field = OFFSET_FIELD[scheme];
  let sum = 0;
  for (let at = field; at < field + 4; at++) sum += packet[at]!;
  return field + 4 + sum % OFFSET_MODULUS;
}

function computeDigest(packet: Uint8Array, index: number, key: HandshakeKey): Uint8Array {
  const before = packet.subarray(0, index);
  const after = packet.subarray(index + DIGEST_LENGTH);
  return hmacSha256(key.short, before, after);
}

/** Looks for the valid digest of a C1 or S1 under either scheme; compares in constant time. */
export function findDigest(packet: Uint8Array, key: HandshakeKey): FoundDigest | undefined {
  for (const scheme of DIGEST_SCHEMES) {
    const index = digestIndex(packet, scheme);
    const digest = packet.subarray(index, index + DIGEST_LENGTH);
    if (timingSafeEqual(digest, computeDigest(packet, index, key))) return { scheme, digest };
  }
  return undefined;
}

/** Writes the digest into a C1 or S1 and returns a view of it. */
export function writeDigest(
  packet: Uint8Array,
  key: HandshakeKey,
  options: { scheme: RtmpDigestScheme },
): Uint8Array {
  const index = digestIndex(packet, options.scheme);
  packet.set(computeDigest(packet, index, key), index);
  return packet.subarray(index, index + DIGEST_LENGTH);
}

function computeSignature(
  packet: Uint8Array,
  key: HandshakeKey,
  peerDigest: Uint8Array,
): Uint8Array {
  const signed = packet.subarray(0, HANDSHAKE_PACKET_LENGTH - DIGEST_LENGTH);
  return hmacSha256(hmacSha256(key.full, peerDigest), signed);
}

/** Signs a C2 or S2 in its last 32 bytes, in answer to the peer's digest. */
export function writeSignature(
  packet: Uint8Array,
  key: HandshakeKey,
  options: { peerDigest: Uint8Array },
): void {
  packet.set(
    computeSignature(packet, key, options.peerDigest),
    HANDSHAKE_PACKET_LENGTH - DIGEST_LENGTH,
  );
}

/** Tells whether a C2 or S2 answers `ownDigest`; compares in constant time. */
export function hasSignature(
  packet: Uint8Array,
  key: HandshakeKey,
  options: { ownDigest: Uint8Array },
): boolean {
  const signature = packet.subarray(HANDSHAKE_PACKET_LENGTH - DIGEST_LENGTH);
  return timingSafeEqual(signature, computeSignature(packet, key, options.ownDigest));
}
