import { AmfError, type AmfValue, decodeAmf0 } from "../amf/mod.ts";
import { FlvError } from "./errors.ts";

/**
 * Decodes the AMF0 values of a script tag or metadata packet.
 *
 * @throws {FlvError} `metadata` if the bytes are no AMF0
 */
export function decodeScriptValues(bytes: Uint8Array): AmfValue[] {
  try {
    return decodeAmf0(bytes);
  } catch (error) {
    if (!(error instanceof AmfError)) throw error;
    throw new FlvError("metadata", `Metadata is no AMF0: ${error.message}`, { cause: error });
  }
}
