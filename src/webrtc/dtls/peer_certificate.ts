import { createHash, createPublicKey, verify } from "node:crypto";
import { Alert, DtlsFault } from "./alert.ts";
import { SignatureScheme } from "./client_hello.ts";

/** The fingerprint of a certificate, as `a=fingerprint` has it (RFC 8122, 5). */
export interface CertificateFingerprint {
  /** The hash: `sha-256`, in lower case. */
  readonly algorithm: string;
  /** Its bytes in hexadecimal, with or without colons. */
  readonly value: string;
}

/** Hashes that are taken; shorter ones prove nothing. */
const HASHES: Readonly<Record<string, string>> = {
  "sha-256": "sha256",
  "sha-384": "sha384",
  "sha-512": "sha512",
};

/** Whether a certificate is the one that a description tells the fingerprint of. */
export function matchesFingerprint(
  certificate: Uint8Array,
  fingerprints: readonly CertificateFingerprint[],
): boolean {
  return fingerprints.some(({ algorithm, value }) => {
    const name = algorithm.toLowerCase();
    if (!Object.hasOwn(HASHES, name)) return false;
    const digest = createHash(HASHES[name]!).update(certificate).digest("hex");
    return digest === value.replaceAll(":", "").toLowerCase();
  });
}

/**
 * Checks that who shows a certificate has its private key: the signature of the transcript (RFC 5246, 7.4.8).
 *
 * @throws {DtlsFault} if the signature is wrong, or the certificate cannot be read
 */
export function checkSignature(
  certificate: Uint8Array,
  { scheme, transcript, signature }: {
    readonly scheme: number;
    readonly transcript: Uint8Array;
    readonly signature: Uint8Array;
  },
): void {
  const hash = scheme === SignatureScheme.EcdsaSha384
    ? "sha384"
    : scheme === SignatureScheme.EcdsaSha256 || scheme === SignatureScheme.RsaSha256
    ? "sha256"
    : undefined;
  if (hash === undefined) {
    throw new DtlsFault(Alert.IllegalParameter, `The signature is of scheme ${scheme}`);
  }
  let isRight: boolean;
  try {
    const key = createPublicKey(pemOf(publicKeyOf(certificate)));
    const wanted = scheme === SignatureScheme.RsaSha256 ? "rsa" : "ec";
    isRight = key.asymmetricKeyType === wanted && verify(hash, transcript, key, signature);
  } catch (cause) {
    if (cause instanceof DtlsFault) throw cause;
    throw new DtlsFault(Alert.BadCertificate, "The key of the certificate cannot be read");
  }
  if (!isRight) throw new DtlsFault(Alert.DecryptError, "The signature is wrong");
}

/** The SubjectPublicKeyInfo of an X.509 certificate (RFC 5280, 4.1), with its own header. */
function publicKeyOf(certificate: Uint8Array): Uint8Array {
  const body = element(element(certificate, 0).content, 0).content;
  let at = 0;
  // The version stands first where it is not 1.
  if (body[0] === 0xa0) at = element(body, at).end;
  // Serial number, signature algorithm, issuer, validity, subject.
  for (let i = 0; i < 5; i++) at = element(body, at).end;
  return body.subarray(at, element(body, at).end);
}

/** One element of DER, that begins at `at`. */
function element(
  bytes: Uint8Array,
  at: number,
): { readonly content: Uint8Array; readonly end: number } {
  let length = bytes[at + 1] ?? 0;
  let start = at + 2;
  if (length > 0x80) {
    const size = length & 0x7f;
    length = 0;
    for (let i = 0; i < Math.min(size, 4); i++) length = length * 256 + (bytes[start + i] ?? 0);
    start += size;
  }
  const end = start + length;
  if (end > bytes.length) throw new DtlsFault(Alert.BadCertificate, "The certificate is cut");
  return { content: bytes.subarray(start, end), end };
}

/** As text: what takes bytes of DER here wants a class of Node's. */
function pemOf(key: Uint8Array): string {
  return `-----BEGIN PUBLIC KEY-----\n${key.toBase64()}\n-----END PUBLIC KEY-----\n`;
}
