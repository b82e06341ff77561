import { parseSdp, SdpError, type SessionDescription } from "../sdp/mod.ts";
import { RtspError } from "./errors.ts";
import type { RtspRequest } from "./message.ts";

/**
 * Reads the description of an ANNOUNCE, and refuses what could not be forwarded: no media, media without
 * payload type or clock rate, a back channel, an H.264 packetization mode other than 1.
 *
 * @throws {RtspError} `malformed-description`
 */
export function parseAnnouncement(request: RtspRequest): SessionDescription {
  const type = request.headers.get("Content-Type");
  if (type === undefined) throw malformed("no Content-Type");
  if (type.split(";")[0]!.trim().toLowerCase() !== "application/sdp") {
    throw malformed(`Content-Type "${type.slice(0, 60)}" is not application/sdp`);
  }
  try {
    const description = parseSdp(request.body);
    checkMedia(description);
    return description;
  } catch (error) {
    if (error instanceof SdpError) throw malformed(error.message, { cause: error });
    throw error;
  }
}

function checkMedia(description: SessionDescription): void {
  if (description.media.length === 0) throw new SdpError("missing-media", "no media");
  for (const [index, media] of description.media.entries()) {
    const name = `media ${index + 1} is invalid`;
    if (media.formats.length === 0) {
      throw new SdpError("missing-format", `${name}: no payload type`);
    }
    if (media.direction === "sendonly") {
      throw malformed(`${name}: a back channel cannot be recorded`);
    }
    for (const { encoding, clockRate, fmtp } of media.formats) {
      if (clockRate === undefined) {
        throw new SdpError("missing-clock-rate", `${name}: clock rate not found`);
      }
      const mode = fmtp["packetization-mode"];
      if (encoding?.toUpperCase() === "H264" && mode !== undefined && mode !== "1") {
        throw malformed(`${name}: H.264 with packetization-mode ${mode.slice(0, 8)}, not 1`);
      }
    }
  }
}

function malformed(reason: string, options?: ErrorOptions): RtspError {
  return new RtspError("malformed-description", reason, options);
}
