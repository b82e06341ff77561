import { ByteReader } from "../bytes/mod.ts";
import { AmfError } from "./errors.ts";

/** Makes a reader of `bytes` that throws an `AmfError` where they end too early. */
export function amfReader(bytes: Uint8Array): ByteReader {
  return new ByteReader(bytes, { onShort });
}

function onShort(wanted: number, remaining: number): AmfError {
  return new AmfError("truncated", `AMF is cut off: ${wanted} bytes wanted, ${remaining} left`);
}
