import { ByteReader, ByteWriter } from "../../bytes/mod.ts";
import { RtpError } from "../errors.ts";
import type { NtpTime } from "../ntp.ts";
import type { SrtpMasterKey } from "./srtp_keys.ts";
import { type SrtpProfile, srtpProfile } from "./srtp_profile.ts";

/** Types of payloads (RFC 3830, 6.1). */
const Payload = { last: 0, kemac: 1, timestamp: 5, policy: 10, random: 11, keyData: 20 } as const;

/** Parameters of a policy for SRTP (RFC 3830, 6.10.1). */
const Parameter = {
  cipher: 0,
  keyBytes: 1,
  authentication: 2,
  authenticationKeyBytes: 3,
  saltBytes: 4,
  rtpEncryption: 7,
  rtcpEncryption: 8,
  rtpAuthentication: 10,
  tagBytes: 11,
} as const;

/** How many sources a message may list. */
const MAX_SOURCES = 64;

/** A key that a peer will use, and where its sources stand. */
export interface MikeyKey {
  /** The key, its salt, and how they are used. */
  readonly master: SrtpMasterKey;
  /** How often the sequence numbers of its sources have wrapped, by SSRC. */
  readonly rollovers: ReadonlyMap<number, number>;
}

/** What stands in a message beside the key. */
export interface MikeyOptions {
  /** The sources that the key is for, with how often their sequence numbers have wrapped. */
  readonly rollovers?: ReadonlyMap<number, number>;
  /** The time of now: receivers refuse messages that are old. */
  readonly time: NtpTime;
  /** Returns that many random bytes. */
  readonly random: (length: number) => Uint8Array;
}

/**
 * Writes a message of MIKEY (RFC 3830) that carries a key in the clear, for a connection that is encrypted itself (RFC
 * 4567). As RTSP servers and clients do, it writes key and salt together, as one traffic encryption key.
 *
 * @throws {RangeError} if the key is not of counter mode, or is for more than 64 sources
 *
 * @example
 * ```ts
 * import { buildMikey, parseMikey, srtpProfile } from "@weir/server/rtp";
 *
 * const profile = srtpProfile("AES_CM_128_HMAC_SHA1_80");
 * const master = { profile, key: new Uint8Array(16).fill(1), salt: new Uint8Array(14) };
 * const message = buildMikey(master, {
 *   time: { seconds: 0, fraction: 0 },
 *   random: (length) => crypto.getRandomValues(new Uint8Array(length)),
 * });
 * console.log(parseMikey(message).master.key[0]); // 1
 * ```
 */
export function buildMikey(master: SrtpMasterKey, options: MikeyOptions): Uint8Array {
  const { profile, key, salt } = master;
  const { rollovers = new Map<number, number>(), time, random } = options;
  if (profile.cipher !== "counter" || rollovers.size > MAX_SOURCES) {
    throw new RangeError(
      `Cannot write MIKEY as the cipher must be counter mode, for up to ${MAX_SOURCES} sources: ` +
        `current value is ${profile.cipher} for ${rollovers.size}`,
    );
  }
  const writer = new ByteWriter(160)
    // Version 1; from an initiator that shares a key with its peer, and wants no answer.
    .u8(1).u8(0).u8(Payload.timestamp).u8(0).bytes(random(4)).u8(rollovers.size).u8(0);
  for (const [ssrc, rollover] of rollovers) writer.u8(0).u32(ssrc).u32(rollover);
  writer.u8(Payload.random).u8(0).u32(time.seconds).u32(time.fraction);
  writer.u8(Payload.policy).u8(16).bytes(random(16));
  const parameters: readonly (readonly [number, number])[] = [
    [Parameter.cipher, 1],
    [Parameter.keyBytes, profile.keyBytes],
    [Parameter.authentication, 1],
    [Parameter.authenticationKeyBytes, 20],
    [Parameter.rtpEncryption, 1],
    [Parameter.rtcpEncryption, 1],
    [Parameter.rtpAuthentication, 1],
    [Parameter.tagBytes, profile.tagBytes],
  ];
  writer.u8(Payload.kemac).u8(0).u8(0).u16(parameters.length * 3);
  for (const [type, value] of parameters) writer.u8(type).u8(1).u8(value);
  const keyBytes = key.length + salt.length;
  // The payload is not encrypted. The key is one for traffic that is valid without limit, and the message has no
  // authentication of its own.
  return writer.u8(Payload.last).u8(0).u16(4 + keyBytes)
    .u8(Payload.last).u8(0x20).u16(keyBytes).bytes(key).bytes(salt)
    .u8(0).finish();
}

/**
 * Reads a message of MIKEY that carries a key in the clear.
 *
 * @throws {RtpError} `malformed-key` where it is cut or broken, `unsupported-key` where it wants what is not done here
 */
export function parseMikey(bytes: Uint8Array): MikeyKey {
  const reader = new ByteReader(bytes, { onShort: () => malformed("it is cut") });
  if (reader.u8() !== 1 || reader.u8() !== 0) throw unsupported("a version or type");
  let next = reader.u8();
  if (reader.u8() !== 0) throw unsupported("an answer, or another function");
  reader.skip(4);
  const sources = reader.u8();
  if (reader.u8() !== 0) throw unsupported("a map of sources");
  if (sources > MAX_SOURCES) throw malformed(`it has ${sources} sources`);
  const rollovers = new Map<number, number>();
  for (let i = 0; i < sources; i++) {
    reader.skip(1);
    const ssrc = reader.u32();
    rollovers.set(ssrc, reader.u32());
  }
  const policy = new Map<number, number>();
  let keyData: Uint8Array | undefined;
  while (next !== Payload.last) {
    const type = next;
    next = reader.u8();
    if (type === Payload.timestamp) {
      if (reader.u8() > 1) throw unsupported("a counter for a time");
      reader.skip(8);
    } else if (type === Payload.random) reader.skip(reader.u8());
    else if (type === Payload.policy) readPolicy(reader, policy);
    else if (type === Payload.kemac) keyData = readKey(reader);
    else throw unsupported(`a payload of type ${type}`);
  }
  if (keyData === undefined) throw malformed("it has no key");
  const profile = profileOf(policy);
  if (keyData.length !== profile.keyBytes + profile.saltBytes) {
    throw malformed(`its key has ${keyData.length} bytes`);
  }
  const key = keyData.slice(0, profile.keyBytes);
  return { master: { profile, key, salt: keyData.slice(profile.keyBytes) }, rollovers };
}

function readPolicy(reader: ByteReader, policy: Map<number, number>): void {
  reader.skip(1);
  if (reader.u8() !== 0) throw unsupported("a policy that is not for SRTP");
  const parameters = new ByteReader(reader.view(reader.u16()), {
    onShort: () => malformed("its policy is cut"),
  });
  while (parameters.remaining > 0) {
    const type = parameters.u8();
    const value = parameters.view(parameters.u8());
    policy.set(type, value.reduce((sum, byte) => sum * 256 + byte, 0));
  }
}

/** Reads key and salt, which a message has together, or each with its length; returns both in one array. */
function readKey(reader: ByteReader): Uint8Array {
  if (reader.u8() !== 0) throw unsupported("an encrypted key");
  const inner = new ByteReader(reader.view(reader.u16()), {
    onShort: () => malformed("its key is cut"),
  });
  // The message needs no authentication of its own, since the connection is authenticated.
  if (reader.u8() !== 0) throw unsupported("a message that is authenticated");
  if (inner.u8() !== Payload.last) throw unsupported("several keys");
  const kind = inner.u8();
  const key = inner.view(inner.u16());
  const type = kind >> 4;
  if (type !== 2 && type !== 3) throw unsupported(`a key of type ${type}`);
  if (type === 2) return key;
  const salt = inner.view(inner.u16());
  const both = new Uint8Array(key.length + salt.length);
  both.set(key);
  both.set(salt, key.length);
  return both;
}

function profileOf(policy: ReadonlyMap<number, number>): SrtpProfile {
  const isSupported = (policy.get(Parameter.cipher) ?? 1) === 1 &&
    (policy.get(Parameter.authentication) ?? 1) === 1 &&
    (policy.get(Parameter.rtpEncryption) ?? 1) === 1 &&
    (policy.get(Parameter.rtcpEncryption) ?? 1) === 1 &&
    (policy.get(Parameter.rtpAuthentication) ?? 1) === 1 &&
    (policy.get(Parameter.saltBytes) ?? 14) === 14;
  const bits = (policy.get(Parameter.keyBytes) ?? 16) * 8;
  const tag = (policy.get(Parameter.tagBytes) ?? 10) * 8;
  const cipher = bits === 128 ? "AES_CM_128" : bits === 256 ? "AES_256_CM" : "";
  const profile = srtpProfile(`${cipher}_HMAC_SHA1_${tag}`);
  if (!isSupported || profile === undefined) throw unsupported("a cipher or authentication");
  return profile;
}

function malformed(why: string): RtpError {
  return new RtpError("malformed-key", `The message of MIKEY cannot be read: ${why}`);
}

function unsupported(what: string): RtpError {
  return new RtpError("unsupported-key", `MIKEY asks for what is not done here: ${what}`);
}
