import { RtspError } from "../rtsp/mod.ts";
import { isDisconnect, isTlsFailure } from "../transport/mod.ts";
import type { ConnectionEnd } from "./hooks.ts";

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
