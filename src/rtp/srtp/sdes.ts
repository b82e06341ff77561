import { RtpError } from "../errors.ts";
import type { SrtpMasterKey } from "./srtp_keys.ts";
import { srtpProfile } from "./srtp_profile.ts";

/**
 * Reads the value of `a=crypto` (RFC 4568, 4 and 6): the first of its keys. The lifetime of the key does not
 * count, since sessions end long before 2^48 packets.
 *
 * @throws {RtpError} `unsupported-key` where the suite is not known here, or packets are not to be encrypted and
 * authenticated; `malformed-key` where it cannot be read
 *
 * @example
 * ```ts
 * import { parseSdesCrypto } from "@weir/server/rtp";
 *
 * const { profile } = parseSdesCrypto(
 *   "1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4",
 * );
 * console.log(profile.name); // AES_CM_128_HMAC_SHA1_80
 * ```
 */
export function parseSdesCrypto(value: string): SrtpMasterKey {
  const [, suite = "", keys = "", ...parameters] = value.trim().split(/\s+/);
  const profile = srtpProfile(suite);
  if (profile === undefined) {
    throw new RtpError("unsupported-key", `The suite "${suite.slice(0, 40)}" is not known here`);
  }
  const odd = parameters.find((parameter) =>
    /^(UNENCRYPTED|UNAUTHENTICATED|KDR=[^0])/i.test(parameter)
  );
  if (odd !== undefined) {
    throw new RtpError("unsupported-key", `The parameter "${odd.slice(0, 40)}" is not done here`);
  }
  const match = /^inline:([A-Za-z\d+/]+=*)((?:\|[^;|]*)*)(?:;|$)/.exec(keys);
  const bytes = match === null ? undefined : decoded(match[1]!);
  if (match === null || bytes?.length !== profile.keyBytes + profile.saltBytes) {
    throw new RtpError("malformed-key", `The key of ${profile.name} cannot be read`);
  }
  const identifier = identifierOf(match[2]!);
  return {
    profile,
    key: bytes.slice(0, profile.keyBytes),
    salt: bytes.slice(profile.keyBytes),
    ...(identifier === undefined ? {} : { identifier }),
  };
}

/** Writes the value of `a=crypto`; `tag` numbers it among others. */
export function formatSdesCrypto({ profile, key, salt }: SrtpMasterKey, tag = 1): string {
  const bytes = new Uint8Array(key.length + salt.length);
  bytes.set(key);
  bytes.set(salt, key.length);
  return `${tag} ${profile.name} inline:${bytes.toBase64()}`;
}

function decoded(text: string): Uint8Array | undefined {
  try {
    return Uint8Array.fromBase64(text);
  } catch {
    return undefined;
  }
}

/** Reads the master key identifier, `|MKI:length`. Where there is one, every packet carries it. */
function identifierOf(parts: string): Uint8Array | undefined {
  const match = /\|(\d{1,9}):(\d{1,3})(?:\||$)/.exec(parts);
  if (match === null) return undefined;
  const length = Number(match[2]);
  if (length < 1 || length > 128) {
    throw new RtpError("malformed-key", `A key's identifier has ${length} bytes`);
  }
  const identifier = new Uint8Array(length);
  let rest = Number(match[1]);
  for (let at = length - 1; at >= 0 && rest > 0; at--) {
    identifier[at] = rest & 0xff;
    rest = Math.floor(rest / 256);
  }
  return identifier;
}
