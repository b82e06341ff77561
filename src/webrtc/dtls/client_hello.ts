import { ByteReader } from "../../bytes/mod.ts";
import { Alert, DtlsFault } from "./alert.ts";
import { DTLS_1_2 } from "./dtls_record.ts";

/** Extensions of hellos that are read or sent here. */
export const ExtensionType = {
  SupportedGroups: 10,
  EcPointFormats: 11,
  SignatureAlgorithms: 13,
  UseSrtp: 14,
  ExtendedMasterSecret: 23,
  RenegotiationInfo: 0xff01,
} as const;

/** The one cipher suite: all WebRTC endpoints have to have it (RFC 8827, 6.5). */
export const ECDHE_ECDSA_AES_128_GCM_SHA256 = 0xc02b;

/** The one group of the key exchange: NIST's P-256, which all WebRTC endpoints have to have. */
export const SECP256R1 = 23;

/** Schemes of signatures: hash and algorithm (RFC 5246, 7.4.1.4.1). */
export const SignatureScheme = {
  EcdsaSha256: 0x0403,
  EcdsaSha384: 0x0503,
  RsaSha256: 0x0401,
} as const;

/** What a client says in its hello, as far as it matters here. */
export interface ClientHello {
  readonly random: Uint8Array;
  /** Protection profiles of SRTP by their numbers (RFC 5764, 4.1.2), in the client's order. */
  readonly srtpProfiles: readonly number[];
  /** Whether the master secret hangs on the whole handshake (RFC 7627). */
  readonly hasExtendedMasterSecret: boolean;
}

/**
 * Reads a hello, and checks that the client can do what is done here.
 *
 * @throws {DtlsFault} if it is malformed, or the client can not
 */
export function parseClientHello(body: Uint8Array): ClientHello {
  const reader = readerOf(body);
  const version = reader.u16();
  // Versions of DTLS count down; 1.3 says 1.2 here.
  if (version > DTLS_1_2) throw new DtlsFault(Alert.ProtocolVersion, "The client has no DTLS 1.2");
  const random = reader.view(32).slice();
  reader.skip(reader.u8());
  reader.skip(reader.u8());
  const suites = numbers(reader.view(reader.u16()));
  reader.skip(reader.u8());
  const extensions = readExtensions(reader);
  const groups = vector(extensions.get(ExtensionType.SupportedGroups));
  const schemes = vector(extensions.get(ExtensionType.SignatureAlgorithms));
  const can = suites.includes(ECDHE_ECDSA_AES_128_GCM_SHA256) && groups.includes(SECP256R1) &&
    schemes.includes(SignatureScheme.EcdsaSha256);
  if (!can) {
    throw new DtlsFault(
      Alert.HandshakeFailure,
      "The client has none of the cipher, group, signature",
    );
  }
  return {
    random,
    srtpProfiles: vector(extensions.get(ExtensionType.UseSrtp)),
    hasExtendedMasterSecret: extensions.has(ExtensionType.ExtendedMasterSecret),
  };
}

/** Reads what a peer has sent: what is cut is a fault of its own. */
export function readerOf(bytes: Uint8Array): ByteReader {
  return new ByteReader(bytes, {
    onShort: () => new DtlsFault(Alert.DecodeError, "A handshake message is cut"),
  });
}

/** Reads the extensions at the end of a hello. */
export function readExtensions(reader: ByteReader): Map<number, Uint8Array> {
  const extensions = new Map<number, Uint8Array>();
  if (reader.remaining === 0) return extensions;
  const all = readerOf(reader.view(reader.u16()));
  while (all.remaining > 0) {
    const type = all.u16();
    extensions.set(type, all.view(all.u16()));
  }
  return extensions;
}

/** The numbers of 16 bits behind their length. */
function vector(bytes: Uint8Array | undefined): number[] {
  if (bytes === undefined) return [];
  const reader = readerOf(bytes);
  return numbers(reader.view(reader.u16()));
}

function numbers(bytes: Uint8Array): number[] {
  return Array.from(
    { length: bytes.length >> 1 },
    (_, i) => bytes[2 * i]! << 8 | bytes[2 * i + 1]!,
  );
}
