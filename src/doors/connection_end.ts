import { RtmpError } from "../rtmp/mod.ts";
import { RtspError } from "../rtsp/early.ts";
import { isDisconnect, isTlsFailure, TlsHandshakeError } from "../transport/mod.ts";
import type { ConnectionEnd } from "../gate/mod.ts";

/** The reason of connections on which TLS was never spoken. The shell counts them. */
export const TLS_HANDSHAKE = "tls-handshake";

/**
 * How a connection ends by an error. Players leave by closing their window, which may well reset the connection: only
 * where it was publishing is that not clean.
 */
export function failureEnd(
  error: unknown,
  { isPublishing }: { readonly isPublishing: boolean },
): ConnectionEnd {
  if (error instanceof RtmpError || error instanceof RtspError) {
    const clean = error.code === "closed" && !isPublishing;
    return { clean, reason: error.code, message: error.message };
  }
  if (isTlsFailure(error)) {
    const reason = error instanceof TlsHandshakeError ? TLS_HANDSHAKE : "tls";
    return { clean: false, reason, message: (error as Error).message };
  }
  if (isDisconnect(error)) {
    return { clean: !isPublishing, reason: "reset", message: "The peer has reset the connection" };
  }
  return { clean: false, reason: "internal", message: "Internal error" };
}

/** How a connection ends since all together make the server hold too much, and this one most of it. */
export function heldBytesEnd(heldBytes: number): ConnectionEnd {
  const message = `The peer has made the server hold ${heldBytes} bytes, and all together too many`;
  return { clean: false, reason: "held-bytes", message };
}

/** Reasons of ends that happen all day, and that nobody needs to be told of one by one. */
export const ORDINARY_ENDS: ReadonlySet<string> = new Set([
  "closed",
  "stopped",
  "redirect",
  "asked",
  "not-found",
  TLS_HANDSHAKE,
]);
