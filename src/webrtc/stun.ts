import { createHmac, timingSafeEqual } from "node:crypto";
import { ByteWriter } from "../bytes/mod.ts";
import { crc32 } from "./crc32.ts";

/** The types of STUN's attributes that ICE uses (RFC 8489, 18.3; RFC 8445, 20.2). */
const Attribute = {
  Username: 0x0006,
  MessageIntegrity: 0x0008,
  XorMappedAddress: 0x0020,
  Priority: 0x0024,
  UseCandidate: 0x0025,
  Fingerprint: 0x8028,
  IceControlling: 0x802a,
} as const;

const BINDING_REQUEST = 0x0001;
const BINDING_SUCCESS = 0x0101;
const MAGIC_COOKIE = 0x2112a442;
const HEADER_BYTES = 20;
const INTEGRITY_BYTES = 20;
const FINGERPRINT_XOR = 0x5354554e;

/** A request of STUN: whether there is a way, by who knows the password (RFC 8489, RFC 8445, 7). */
export interface StunRequest {
  /** The whole message. */
  readonly bytes: Uint8Array;
  /** The 12 bytes that its answer repeats. */
  readonly transactionId: Uint8Array;
  /** USERNAME: the two sides' name fragments, `receiver:sender`. */
  readonly username: string;
  /** Whether it nominates the way that it came by: USE-CANDIDATE. */
  readonly isNominating: boolean;
  /** Where MESSAGE-INTEGRITY stands. */
  readonly integrityAt: number;
}

/** Whether a datagram on a port that STUN, DTLS and RTP share is for STUN (RFC 7983, 7). */
export function isStun(datagram: Uint8Array): boolean {
  return datagram.length >= HEADER_BYTES && datagram[0]! <= 3;
}

/**
 * Reads a Binding request with a user name and an integrity; `undefined` for all else that a stranger may send. What
 * stands behind the integrity is not looked at, but for the fingerprint, which has to be right where there is one.
 */
export function parseStunRequest(bytes: Uint8Array): StunRequest | undefined {
  if (!isStun(bytes)) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const isRequest = view.getUint16(0) === BINDING_REQUEST && view.getUint32(4) === MAGIC_COOKIE &&
    HEADER_BYTES + view.getUint16(2) === bytes.length && bytes.length % 4 === 0;
  if (!isRequest) return undefined;
  let username: string | undefined;
  let integrityAt: number | undefined;
  let isNominating = false;
  for (let at = HEADER_BYTES; at + 4 <= bytes.length;) {
    const type = view.getUint16(at);
    const length = view.getUint16(at + 2);
    const value = bytes.subarray(at + 4, at + 4 + length);
    if (value.length < length) return undefined;
    if (type === Attribute.Fingerprint) {
      const wanted = (crc32(bytes.subarray(0, at)) ^ FINGERPRINT_XOR) >>> 0;
      if (length !== 4 || view.getUint32(at + 4) !== wanted) return undefined;
    } else if (integrityAt === undefined) {
      if (type === Attribute.Username) username = new TextDecoder().decode(value);
      else if (type === Attribute.UseCandidate) isNominating = true;
      else if (type === Attribute.MessageIntegrity) {
        if (length !== INTEGRITY_BYTES) return undefined;
        integrityAt = at;
      }
    }
    at += 4 + length + (-length & 3);
  }
  if (username === undefined || integrityAt === undefined) return undefined;
  return { bytes, transactionId: bytes.slice(8, 20), username, isNominating, integrityAt };
}

/** Whether a request was made by who knows `password` (RFC 8489, 14.5, the short-term mechanism). */
export function isStunAuthentic(
  { bytes, integrityAt }: StunRequest,
  password: string,
): boolean {
  const integrity = bytes.subarray(integrityAt + 4, integrityAt + 4 + INTEGRITY_BYTES);
  return timingSafeEqual(integrity, integrityOf(bytes.subarray(0, integrityAt), password));
}

/** Answers a request: there is a way, and this is the address that it came from. */
export function stunAnswer(
  { transactionId }: Pick<StunRequest, "transactionId">,
  { hostname, port, password }: {
    readonly hostname: string;
    readonly port: number;
    readonly password: string;
  },
): Uint8Array {
  const address = addressBytes(hostname);
  const mapped = new ByteWriter(20).u8(0).u8(address.length === 4 ? 1 : 2)
    .u16(port ^ (MAGIC_COOKIE >>> 16));
  const mask = new Uint8Array(16);
  new DataView(mask.buffer).setUint32(0, MAGIC_COOKIE);
  mask.set(transactionId, 4);
  for (const [index, byte] of address.entries()) mapped.u8(byte ^ mask[index]!);
  return sealed({ type: BINDING_SUCCESS, transactionId, password }, [
    { type: Attribute.XorMappedAddress, value: mapped.finish() },
  ]);
}

/** The priority that a peer-reflexive candidate of the agent would have, of its first component (RFC 8445, 7.1.1). */
const PRIORITY = 110 * 2 ** 24 + 65_535 * 2 ** 8 + 255;

/**
 * Makes a Binding request as a full agent in the controlling role sends it (RFC 8445, 7.1): for tests, and for who
 * wants to try a way. `tieBreaker` are the 8 bytes by which two agents that both control find out which one does.
 */
export function buildStunRequest(
  { transactionId, username, password, isNominating = false, tieBreaker = new Uint8Array(8) }: {
    readonly transactionId: Uint8Array;
    readonly username: string;
    readonly password: string;
    readonly isNominating?: boolean;
    readonly tieBreaker?: Uint8Array;
  },
): Uint8Array {
  return sealed({ type: BINDING_REQUEST, transactionId, password }, [
    { type: Attribute.Username, value: new TextEncoder().encode(username) },
    { type: Attribute.Priority, value: new ByteWriter(4).u32(PRIORITY).finish() },
    { type: Attribute.IceControlling, value: tieBreaker },
    ...(isNominating ? [{ type: Attribute.UseCandidate, value: new Uint8Array(0) }] : []),
  ]);
}

/** A message with these attributes, integrity and fingerprint. */
function sealed(
  { type, transactionId, password }: {
    readonly type: number;
    readonly transactionId: Uint8Array;
    readonly password: string;
  },
  attributes: readonly { readonly type: number; readonly value: Uint8Array }[],
): Uint8Array {
  const writer = new ByteWriter(128).u16(type).u16(0).u32(MAGIC_COOKIE).bytes(transactionId);
  for (const { type, value } of attributes) {
    writer.u16(type).u16(value.length).bytes(value).bytes(new Uint8Array(-value.length & 3));
  }
  const integrityAt = writer.length;
  const bytes = writer.bytes(new Uint8Array(4 + INTEGRITY_BYTES + 8)).finish();
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const integrity = integrityOf(bytes.subarray(0, integrityAt), password);
  view.setUint16(integrityAt, Attribute.MessageIntegrity);
  view.setUint16(integrityAt + 2, INTEGRITY_BYTES);
  bytes.set(integrity, integrityAt + 4);
  view.setUint16(2, bytes.length - HEADER_BYTES);
  const fingerprintAt = bytes.length - 8;
  view.setUint16(fingerprintAt, Attribute.Fingerprint);
  view.setUint16(fingerprintAt + 2, 4);
  view.setUint32(fingerprintAt + 4, crc32(bytes.subarray(0, fingerprintAt)) ^ FINGERPRINT_XOR);
  return bytes;
}

/** The length in the header counts as if the message ended with the integrity (RFC 8489, 14.5). */
function integrityOf(before: Uint8Array, password: string): Uint8Array {
  const counted = before.slice();
  new DataView(counted.buffer).setUint16(2, before.length - HEADER_BYTES + 4 + INTEGRITY_BYTES);
  return createHmac("sha1", password).update(counted).digest();
}

/** The bytes of an address: 4 of IPv4, 16 of IPv6. */
function addressBytes(hostname: string): Uint8Array {
  if (!hostname.includes(":")) return Uint8Array.from(hostname.split("."), Number);
  const bytes = new Uint8Array(16);
  const [head = "", tail] = hostname.split("%")[0]!.split("::");
  const groups = (text: string): number[] =>
    text === "" ? [] : text.split(":").map((group) => parseInt(group, 16));
  const first = groups(head);
  const last = groups(tail ?? "");
  const all = tail === undefined ? first : [
    ...first,
    ...new Array<number>(Math.max(0, 8 - first.length - last.length)).fill(0),
    ...last,
  ];
  for (const [index, group] of all.slice(0, 8).entries()) {
    bytes[index * 2] = group >> 8;
    bytes[index * 2 + 1] = group;
  }
  return bytes;
}
