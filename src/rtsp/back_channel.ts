import type { RtspHeaders } from "./headers.ts";

/** The option by which a client asks for the way back to a camera (ONVIF Streaming Specification, 5.3.1). */
export const RTSP_BACK_CHANNEL = "www.onvif.org/ver20/backchannel";

/** The options that a request needs the server to know (RFC 2326, 12.32). */
export function requiredOptions(headers: RtspHeaders): string[] {
  return headers.getAll("Require").join().split(",").map((one) => one.trim()).filter((one) =>
    one !== ""
  );
}
