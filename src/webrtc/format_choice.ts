import type { RtpMapping } from "../media/mod.ts";
import type { SdpFormat } from "../sdp/mod.ts";
import type { OfferedMedia } from "./offer.ts";

/** A payload type that both sides have, and the one by which its packets are sent again. */
export interface ChosenFormat {
  /** The payload type, as it was offered. */
  readonly format: SdpFormat;
  /** The payload type of packets that are sent again (RFC 4588), where one was offered. */
  readonly retransmission?: SdpFormat;
  /** What a receiver may ask for by RTCP, of what was offered and is done here: values of `a=rtcp-fb`. */
  readonly feedback: readonly string[];
}

/** The feedback that is sent, or answered, here (RFC 4585, RFC 5104). */
const FEEDBACK = ["nack", "nack pli", "ccm fir", "goog-remb"];

/** Encodings that a WebRTC endpoint may have and weir carries, in the order in which publishers' are taken. */
const PUBLISHED = ["H264", "VP8", "VP9", "AV1", "H265", "OPUS", "PCMA", "PCMU"];

/** Whether WebRTC has a name for what RTP carries so. */
export function isWebRtcEncoding({ encodingName }: Pick<RtpMapping, "encodingName">): boolean {
  return PUBLISHED.includes(encodingName.toUpperCase());
}

/** The payload type by which a player can be sent a track; `undefined` where it offers none. */
export function chooseForTrack(media: OfferedMedia, rtp: RtpMapping): ChosenFormat | undefined {
  const name = rtp.encodingName.toUpperCase();
  const candidates = statedFirst(media.formats).filter((format) =>
    nameOf(format) === name && format.clockRate === rtp.clockRate && isFit(format, rtp)
  );
  if (candidates.length === 0) return undefined;
  const profile = rtp.parameters["profile-level-id"] ?? "";
  let best = candidates[0]!;
  for (const format of candidates) {
    const isBetter = isUnstated(format) === isUnstated(best) &&
      likeness(format, profile) > likeness(best, profile);
    if (name === "H264" && isBetter) best = format;
  }
  return chosen(media, best);
}

/**
 * The payload type that a publisher is to send: H.264 where it can, since that is what all other doors carry, else the
 * one that it likes best.
 */
export function chooseForPublisher(media: OfferedMedia): ChosenFormat | undefined {
  const known = statedFirst(media.formats).filter((format) =>
    PUBLISHED.includes(nameOf(format)) && isFit(format, { parameters: {} })
  );
  const best = known.find((format) => nameOf(format) === "H264") ?? known[0];
  return best === undefined ? undefined : chosen(media, best);
}

function chosen(media: OfferedMedia, format: SdpFormat): ChosenFormat {
  const { payloadType } = format;
  const retransmission = media.formats.find((one) =>
    nameOf(one) === "RTX" && one.fmtp["apt"] === String(payloadType)
  );
  const offered = [
    ...media.feedback.get(String(payloadType)) ?? [],
    ...media.feedback.get("*") ?? [],
  ];
  return {
    format,
    ...(retransmission === undefined ? {} : { retransmission }),
    feedback: FEEDBACK.filter((value) => offered.includes(value)),
  };
}

function nameOf({ encoding = "" }: SdpFormat): string {
  return encoding.toUpperCase();
}

/** Whether packets of a track can be sent by a payload type of its name. */
function isFit({ encoding = "", fmtp }: SdpFormat, { parameters }: Pick<RtpMapping, "parameters">) {
  switch (encoding.toUpperCase()) {
    case "H264":
      return isUnstated({ encoding, fmtp }) || fmtp["packetization-mode"] === "1";
    case "VP9":
      return (fmtp["profile-id"] ?? "0") === (parameters["profile-id"] ?? "0");
    case "AV1":
      return (fmtp["profile"] ?? "0") === (parameters["profile"] ?? "0");
  }
  return true;
}

/**
 * Whether a payload type of H.264 does not say how it is packed. By the letter that is a NAL unit a packet, which carries
 * no picture of any size: GStreamer's `whepsrc` means that it takes everything. Firefox has such a one behind one that says
 * so, and means the letter.
 */
function isUnstated({ encoding = "", fmtp }: Pick<SdpFormat, "encoding" | "fmtp">): boolean {
  return encoding.toUpperCase() === "H264" && fmtp["packetization-mode"] === undefined;
}

/** Those that say how they are packed stand before those that do not. */
function statedFirst(formats: readonly SdpFormat[]): SdpFormat[] {
  return formats.toSorted((a, b) => Number(isUnstated(a)) - Number(isUnstated(b)));
}

/** How much a payload type of H.264 is like the profile of a stream: decoders of a higher one take lower ones. */
function likeness({ fmtp }: SdpFormat, profile: string): number {
  // Baseline without constraints is what it is taken for where nothing is said (RFC 6184, 8.1).
  const offered = (fmtp["profile-level-id"] ?? "42000a").toLowerCase();
  const wanted = profile.toLowerCase();
  if (offered.slice(0, 4) === wanted.slice(0, 4)) return 4;
  if (offered.slice(0, 2) === wanted.slice(0, 2)) return 3;
  return ["42", "4d", "64"].indexOf(offered.slice(0, 2));
}
