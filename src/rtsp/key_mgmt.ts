import { RtspError } from "./errors.ts";
import { parseParameters } from "./parameters.ts";

/**
 * Reads a `KeyMgmt` header (RFC 4567, 3.2): the message of MIKEY in it, as bytes.
 *
 * @throws {RtspError} `malformed-header` if it cannot be read, or is of another protocol
 *
 * @example
 * ```ts
 * import { parseKeyMgmt } from "@weir/server/rtsp";
 *
 * console.log(parseKeyMgmt('prot=mikey;uri="rtsps://a/b";data="AQA="')); // Uint8Array(2) [ 1, 0 ]
 * ```
 */
export function parseKeyMgmt(text: string): Uint8Array {
  const values = new Map(
    parseParameters(text, ";").map(({ name, value }) => [name.toLowerCase(), value]),
  );
  const data = values.get("data");
  if (values.get("prot")?.toLowerCase() === "mikey" && data !== undefined) {
    try {
      return Uint8Array.fromBase64(data);
    } catch {
      // It is refused below.
    }
  }
  throw new RtspError("malformed-header", `KeyMgmt "${text.slice(0, 40)}" is no message of MIKEY`);
}

/** Writes a `KeyMgmt` header with a message of MIKEY, for the track of a URL. */
export function formatKeyMgmt(message: Uint8Array, url: string): string {
  return `prot=mikey;uri="${url.replaceAll('"', "%22")}";data="${message.toBase64()}"`;
}
