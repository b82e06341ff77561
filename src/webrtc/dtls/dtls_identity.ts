import { createHash, type KeyObject, sign } from "node:crypto";
import { ByteWriter } from "../../bytes/mod.ts";
import type { CertificateFingerprint } from "./peer_certificate.ts";

/** A certificate and its private key, of NIST's P-256. */
export interface DtlsIdentity {
  /** The certificate, X.509 in DER. */
  readonly certificate: Uint8Array;
  /** The private key. */
  readonly privateKey: KeyObject;
  /** The certificate's fingerprint, which the description tells. */
  readonly fingerprint: CertificateFingerprint;
}

/** What {@linkcode selfSignedIdentity} makes a certificate of. */
export interface SelfSignedOptions {
  /** A key of the curve `prime256v1`. */
  readonly privateKey: KeyObject;
  /** Its public key. */
  readonly publicKey: KeyObject;
  /** A random serial number of some bytes. */
  readonly serial: Uint8Array;
  /** From when on it is valid. */
  readonly notBefore: Date;
  /** Until when it is valid. */
  readonly notAfter: Date;
}

/** ecdsa-with-SHA256. */
const SIGNATURE_ALGORITHM = sequence(Uint8Array.fromHex("06082a8648ce3d040302"));

/**
 * Makes a certificate that signs itself, as WebRTC uses them: who shows it is known by its fingerprint, which came
 * another way (RFC 8827, 6.5).
 */
export function selfSignedIdentity(options: SelfSignedOptions): DtlsIdentity {
  const { privateKey, publicKey, serial, notBefore, notAfter } = options;
  // The name is of no meaning: `CN=weir`.
  const name = sequence(
    tagged(0x31, sequence(Uint8Array.fromHex("0603550403"), tagged(0x0c, ascii("weir")))),
  );
  const body = sequence(
    tagged(0xa0, Uint8Array.of(2, 1, 2)),
    // Positive, and not beginning with zeros.
    tagged(0x02, new ByteWriter().u8(0x40).bytes(serial).finish()),
    SIGNATURE_ALGORITHM,
    name,
    sequence(utcTime(notBefore), utcTime(notAfter)),
    name,
    new Uint8Array(publicKey.export({ format: "der", type: "spki" })),
  );
  const signature = new Uint8Array(sign("sha256", body, privateKey));
  const certificate = sequence(
    body,
    SIGNATURE_ALGORITHM,
    tagged(0x03, new ByteWriter().u8(0).bytes(signature).finish()),
  );
  const digest = createHash("sha256").update(certificate).digest("hex").toUpperCase();
  const value = digest.match(/../g)!.join(":");
  return { certificate, privateKey, fingerprint: { algorithm: "sha-256", value } };
}

function sequence(...parts: readonly Uint8Array[]): Uint8Array {
  return tagged(0x30, ...parts);
}

function tagged(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const writer = new ByteWriter(length + 4).u8(tag);
  if (length < 0x80) writer.u8(length);
  else if (length < 0x100) writer.u8(0x81).u8(length);
  else writer.u8(0x82).u16(length);
  for (const part of parts) writer.bytes(part);
  return writer.finish();
}

function utcTime(date: Date): Uint8Array {
  const digits = date.toISOString().replaceAll(/[^\d]/g, "").slice(2, 14);
  return tagged(0x17, ascii(`${digits}Z`));
}

function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
