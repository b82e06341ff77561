/** The name of a way to protect RTP, as RFC 4568 and RFC 7714 have it for `a=crypto`. */
export type SrtpProfileName =
  | "AES_CM_128_HMAC_SHA1_80"
  | "AES_CM_128_HMAC_SHA1_32"
  | "AES_256_CM_HMAC_SHA1_80"
  | "AES_256_CM_HMAC_SHA1_32"
  | "AEAD_AES_128_GCM"
  | "AEAD_AES_256_GCM";

/** A way to protect RTP: cipher, authentication, and the sizes of both. */
export interface SrtpProfile {
  /** Its name in `a=crypto`. */
  readonly name: SrtpProfileName;
  /** The cipher: counter mode with HMAC-SHA1 (RFC 3711), or GCM (RFC 7714). */
  readonly cipher: "counter" | "gcm";
  /** Bytes of the master key, and of the session keys for encryption: 16 or 32. */
  readonly keyBytes: 16 | 32;
  /** Bytes of the master salt: 14 in counter mode, 12 of GCM. */
  readonly saltBytes: 14 | 12;
  /** Bytes that authenticate an RTP packet. */
  readonly tagBytes: number;
  /** Bytes that authenticate an RTCP packet. */
  readonly rtcpTagBytes: number;
  /** Its number in the `use_srtp` extension of DTLS (RFC 5764, RFC 7714); absent where there is none. */
  readonly dtlsId?: number;
}

const NAMED: Readonly<Record<SrtpProfileName, SrtpProfile>> = {
  AES_CM_128_HMAC_SHA1_80: counter("AES_CM_128_HMAC_SHA1_80", { keyBytes: 16, tag: 10, dtlsId: 1 }),
  // RTCP keeps the long tag (RFC 4568, 6.2.2; RFC 5764, 4.1.2).
  AES_CM_128_HMAC_SHA1_32: counter("AES_CM_128_HMAC_SHA1_32", { keyBytes: 16, tag: 4, dtlsId: 2 }),
  AES_256_CM_HMAC_SHA1_80: counter("AES_256_CM_HMAC_SHA1_80", { keyBytes: 32, tag: 10 }),
  AES_256_CM_HMAC_SHA1_32: counter("AES_256_CM_HMAC_SHA1_32", { keyBytes: 32, tag: 4 }),
  AEAD_AES_128_GCM: gcm("AEAD_AES_128_GCM", { keyBytes: 16, dtlsId: 7 }),
  AEAD_AES_256_GCM: gcm("AEAD_AES_256_GCM", { keyBytes: 32, dtlsId: 8 }),
};

/** All ways to protect RTP that are known here. */
export const SRTP_PROFILES: readonly SrtpProfile[] = Object.values(NAMED);

/**
 * The way to protect RTP of a name; `undefined` where it is not known.
 *
 * @example
 * ```ts
 * import { srtpProfile } from "@weir/server/rtp";
 *
 * console.log(srtpProfile("AES_CM_128_HMAC_SHA1_80")?.tagBytes); // 10
 * ```
 */
export function srtpProfile(name: SrtpProfileName): SrtpProfile;
/** The same for a name that a peer sent. */
export function srtpProfile(name: string): SrtpProfile | undefined;
export function srtpProfile(name: string): SrtpProfile | undefined {
  return Object.hasOwn(NAMED, name) ? NAMED[name as SrtpProfileName] : undefined;
}

function counter(
  name: SrtpProfileName,
  sizes: { readonly keyBytes: 16 | 32; readonly tag: number; readonly dtlsId?: number },
): SrtpProfile {
  const { keyBytes, tag, dtlsId } = sizes;
  return {
    name,
    cipher: "counter",
    keyBytes,
    saltBytes: 14,
    tagBytes: tag,
    rtcpTagBytes: 10,
    ...(dtlsId === undefined ? {} : { dtlsId }),
  };
}

function gcm(
  name: SrtpProfileName,
  { keyBytes, dtlsId }: { readonly keyBytes: 16 | 32; readonly dtlsId: number },
): SrtpProfile {
  return {
    name,
    cipher: "gcm",
    keyBytes,
    saltBytes: 12,
    tagBytes: 16,
    rtcpTagBytes: 16,
    dtlsId,
  };
}
