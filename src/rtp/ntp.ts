/** Seconds from NTP's epoch (1900) to Unix's (1970). */
const UNIX_EPOCH_SECONDS = 2_208_988_800;

/** An NTP timestamp as RTCP carries it (RFC 3550, 4): 32 bits of seconds, 32 bits of fraction. */
export interface NtpTime {
  /** Seconds since 1900, modulo 2^32. */
  readonly seconds: number;
  /** Fraction of a second in units of 2^-32 s. */
  readonly fraction: number;
}

/**
 * The time `unixUs` (integer microseconds since 1970) as an NTP timestamp.
 *
 * @example
 * ```ts
 * import { ntpFromUnixUs } from "@weir/server/rtp";
 *
 * console.log(ntpFromUnixUs(500_000)); // { seconds: 2208988800, fraction: 2147483648 }
 * ```
 */
export function ntpFromUnixUs(unixUs: number): NtpTime {
  const wholeSeconds = Math.floor(unixUs / 1_000_000);
  const remainderUs = unixUs - wholeSeconds * 1_000_000;
  return {
    seconds: (wholeSeconds + UNIX_EPOCH_SECONDS) % 2 ** 32,
    // Rounded up, so that `unixUsFromNtp` gives the same microsecond again.
    fraction: Math.ceil((remainderUs * 2 ** 32) / 1_000_000),
  };
}

/**
 * The NTP timestamp `ntp` in integer microseconds since 1970. Seconds below 2^31 are of the era that
 * begins in 2036 (RFC 4330, 3).
 *
 * @example
 * ```ts
 * import { unixUsFromNtp } from "@weir/server/rtp";
 *
 * console.log(unixUsFromNtp({ seconds: 2208988801, fraction: 2147483648 })); // 1500000
 * ```
 */
export function unixUsFromNtp(ntp: NtpTime): number {
  const era = ntp.seconds < 2 ** 31 ? 2 ** 32 : 0;
  const wholeSeconds = ntp.seconds + era - UNIX_EPOCH_SECONDS;
  return wholeSeconds * 1_000_000 + Math.floor((ntp.fraction * 1_000_000) / 2 ** 32);
}

/** The middle 32 bits of an NTP timestamp: what a reception report repeats of a sender report. */
export function compactNtp(ntp: NtpTime): number {
  return (((ntp.seconds & 0xffff) << 16) | (ntp.fraction >>> 16)) >>> 0;
}
