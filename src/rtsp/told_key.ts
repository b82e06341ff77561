import { parseMikey, parseSdesCrypto, RtpError, type SrtpMasterKey } from "../rtp/mod.ts";
import type { SdpAttribute } from "../sdp/mod.ts";
import { parseKeyMgmt } from "./key_mgmt.ts";

/** A key that the other side protects its packets with, as it tells it. */
export interface ToldSrtpKey {
  /** The key, its salt, and how they are used. */
  readonly master: SrtpMasterKey;
  /** How often the sequence numbers of its sources have wrapped, by SSRC, where that is told. */
  readonly rollovers?: ReadonlyMap<number, number>;
  /** What has told it: by SDES there is one key for both directions, as nobody can tell another in answer. */
  readonly by: "mikey" | "sdes";
}

/**
 * Reads the key of SRTP that the other side tells for its packets: in the `KeyMgmt` header of a SETUP or its answer, or
 * else in what was described, by MIKEY (RFC 4567) or by SDES (RFC 4568). The media comes first of what was described,
 * and what holds for all media behind it. `undefined` where no key is told.
 *
 * @throws {RtspError} `malformed-header` if the header cannot be read
 * @throws {RtpError} if the key cannot be used
 *
 * @example
 * ```ts
 * import { toldSrtpKey } from "@weir/server/rtsp";
 *
 * console.log(toldSrtpKey(undefined, [{ attributes: [{ name: "recvonly", value: undefined }] }])); // undefined
 * ```
 */
export function toldSrtpKey(
  header: string | undefined,
  described: readonly { readonly attributes?: readonly SdpAttribute[] }[],
): ToldSrtpKey | undefined {
  if (header !== undefined) return { ...parseMikey(parseKeyMgmt(header)), by: "mikey" };
  for (const { attributes = [] } of described) {
    const keyMgmt = attributes.find(({ name }) => name === "key-mgmt")?.value ?? "";
    const mikey = /^mikey\s+(\S+)$/i.exec(keyMgmt.trim());
    if (mikey !== null) return { ...parseMikey(decoded(mikey[1]!)), by: "mikey" };
    const usable = attributes.filter(({ name }) => name === "crypto").flatMap(({ value = "" }) => {
      try {
        return [parseSdesCrypto(value)];
      } catch (error) {
        // Another one may be usable: they stand in the order of preference.
        if (error instanceof RtpError) return [];
        throw error;
      }
    });
    if (usable[0] !== undefined) return { master: usable[0], by: "sdes" };
  }
  return undefined;
}

function decoded(text: string): Uint8Array {
  try {
    return Uint8Array.fromBase64(text);
  } catch {
    throw new RtpError("malformed-key", "The key of the description cannot be read");
  }
}
