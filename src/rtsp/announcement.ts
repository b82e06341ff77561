import { parseSdp, SdpError, type SdpMedia, type SessionDescription } from "../sdp/mod.ts";
import { RtspError } from "./errors.ts";
import type { RtspRequest } from "./message.ts";

/**
 * Reads the description of an ANNOUNCE, and refuses what could not be forwarded: where no media is left that is
 * published (see {@linkcode publishedMedia}), and H.264 in interleaved order (packetization mode 2).
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

/**
 * The media of a description that are published, by index. As with a camera that is pulled from, others stand
 * beside them without harm: a back channel (`sendonly`, where not all say so, since a server, or an encoder, has
 * then written that of itself), what has no payload type (TP-Link's `smart/1/90000`), or nothing that tells what it
 * is. A publisher may set those up, or not.
 *
 * @example
 * ```ts
 * import { publishedMedia } from "@weir/server/rtsp";
 * import { parseSdp } from "@weir/server/sdp";
 *
 * const description = parseSdp("m=audio 0 RTP/AVP 0\na=sendonly\nm=video 0 RTP/AVP 26\n");
 * console.log(publishedMedia(description)); // [ 1 ]
 * ```
 */
export function publishedMedia({ media }: SessionDescription): number[] {
  const isAllSent = media.every(({ direction }) => direction === "sendonly");
  return [...media.keys()].filter((index) => {
    const one = media[index]!;
    return faultOf(one) === undefined && (isAllSent || one.direction !== "sendonly");
  });
}

function checkMedia(description: SessionDescription): void {
  const { media } = description;
  if (media.length === 0) throw new SdpError("missing-media", "no media");
  for (const [index, { formats }] of media.entries()) {
    for (const { encoding, fmtp } of formats) {
      const mode = fmtp["packetization-mode"];
      if (encoding?.toUpperCase() !== "H264" || mode !== "2") continue;
      throw malformed(`media ${index + 1} is invalid: H.264 with packetization-mode 2`);
    }
  }
  if (publishedMedia(description).length > 0) return;
  const index = media.findIndex((one) => faultOf(one) !== undefined);
  throw malformed(`media ${index + 1} is invalid: ${faultOf(media[index]!)}`);
}

/** Why nobody could tell what a media is. */
function faultOf({ formats }: SdpMedia): string | undefined {
  if (formats.length === 0) return "no payload type";
  const isKnown = formats.some(({ encoding, clockRate }) =>
    encoding !== undefined || clockRate !== undefined
  );
  return isKnown ? undefined : "clock rate not found";
}

function malformed(reason: string, options?: ErrorOptions): RtspError {
  return new RtspError("malformed-description", reason, options);
}
