import { createCipheriv } from "node:crypto";
import type { SrtpProfile } from "./srtp_profile.ts";

/** A master key and its salt, from which the session keys of RTP and RTCP packets are derived. */
export interface SrtpMasterKey {
  /** The way to protect packets. */
  readonly profile: SrtpProfile;
  /** The master key: `profile.keyBytes` bytes. */
  readonly key: Uint8Array;
  /** The master salt: `profile.saltBytes` bytes. */
  readonly salt: Uint8Array;
  /** The master key identifier, which stands at the end of each packet (RFC 3711, 3.1); none by default. */
  readonly identifier?: Uint8Array;
}

/** The keys for packets of one kind: RTP, or RTCP. */
export interface SessionKeys {
  readonly encryption: Uint8Array;
  readonly authentication: Uint8Array;
  readonly salt: Uint8Array;
}

/** Labels of the derivation (RFC 3711, 4.3.2). */
const LABELS = { rtp: 0x00, rtcp: 0x03 } as const;

/** Bytes of a session key of HMAC-SHA1 (RFC 3711, 5.2). */
const AUTHENTICATION_BYTES = 20;

/**
 * Derives the session keys of a master key (RFC 3711, 4.3; RFC 7714, 11), with a key derivation rate of 0: the keys
 * stay the same for the whole session.
 *
 * @throws {RangeError} if key or salt have another size than the profile's
 */
export function deriveSessionKeys(
  { profile, key, salt }: SrtpMasterKey,
  packets: "rtp" | "rtcp",
): SessionKeys {
  checkSize("key", key, profile.keyBytes);
  checkSize("salt", salt, profile.saltBytes);
  const label = LABELS[packets];
  const derive = (offset: number, length: number): Uint8Array =>
    keyStream(key, { salt, label: label + offset, length });
  return {
    encryption: derive(0, profile.keyBytes),
    authentication: derive(1, AUTHENTICATION_BYTES),
    salt: derive(2, profile.saltBytes),
  };
}

/** The pseudo-random function: AES in counter mode, from a counter that holds salt and label (RFC 3711, 4.3.3). */
function keyStream(
  key: Uint8Array,
  { salt, label, length }: {
    readonly salt: Uint8Array;
    readonly label: number;
    readonly length: number;
  },
): Uint8Array {
  const counter = new Uint8Array(16);
  // A salt of GCM is shorter: zeros follow it (RFC 7714, 11).
  counter.set(salt);
  counter[7]! ^= label;
  const cipher = createCipheriv(key.length === 16 ? "aes-128-ctr" : "aes-256-ctr", key, counter);
  const stream = new Uint8Array(cipher.update(new Uint8Array(length)));
  cipher.final();
  return stream;
}

function checkSize(what: string, { length }: Uint8Array, wanted: number): void {
  if (length === wanted) return;
  throw new RangeError(
    `Cannot derive SRTP keys as the ${what} must have ${wanted} bytes: current value is ${length}`,
  );
}
