import { RtspError } from "../rtsp/mod.ts";
import { isDisconnect, isTlsFailure } from "../transport/mod.ts";
import type { ConnectionEnd } from "../gate/mod.ts";

/** How an RTSP connection ends by an error. */
export function failureEnd(error: unknown): ConnectionEnd {
  if (error instanceof RtspError) {
    return { clean: error.code === "closed", reason: error.code, message: error.message };
  }
  if (isTlsFailure(error)) {
    return { clean: false, reason: "tls", message: String((error as Error).message) };
  }
  if (isDisconnect(error)) {
    return { clean: false, reason: "reset", message: "The peer has reset the connection" };
  }
  return { clean: false, reason: "internal", message: "Internal error" };
}

/** How a connection ends since all together make the server hold too much, and this one most of it. */
export function heldBytesEnd(heldBytes: number): ConnectionEnd {
  const message = `The peer has made the server hold ${heldBytes} bytes, and all together too many`;
  return { clean: false, reason: "held-bytes", message };
}

/** Reasons of ends that happen all day, and that nobody needs to be told of. */
export const ORDINARY_ENDS: ReadonlySet<string> = new Set(["closed", "stopped", "redirect"]);
