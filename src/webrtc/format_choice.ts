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

/** An encoding that browsers have a name for in WebRTC, and how its payload types differ from each other. */
export interface WebRtcEncoding {
  /** Its name in `a=rtpmap`, in upper case. */
  readonly name: string;
  /** Whether a publisher is asked for it rather than for what it likes best. */
  readonly isPreferred?: true;
  /** Whether packets of these parameters can be sent by a payload type; all can by default. */
  readonly isFit?: (format: SdpFormat, parameters: RtpMapping["parameters"]) => boolean;
  /**
   * Whether a payload type says how it is packed; all do by default. By the letter, one of H.264 that does not has a NAL
   * unit a packet, which carries no picture of any size: GStreamer's `whepsrc` means that it takes everything. Firefox
   * has such a one behind one that says so, and means the letter.
   */
  readonly isStated?: (format: SdpFormat) => boolean;
  /** How much a payload type is like the parameters of a stream; the first of the most like is taken. */
  readonly likeness?: (format: SdpFormat, parameters: RtpMapping["parameters"]) => number;
}

/** The encodings that may be chosen, by their names in upper case. */
export type WebRtcEncodings = ReadonlyMap<string, WebRtcEncoding>;

/** The payload type by which a player can be sent a track; `undefined` where it offers none. */
export function chooseForTrack(
  media: OfferedMedia,
  { rtp, encodings }: { readonly rtp: RtpMapping; readonly encodings: WebRtcEncodings },
): ChosenFormat | undefined {
  const { clockRate, parameters } = rtp;
  const encoding = encodings.get(rtp.encodingName.toUpperCase());
  if (encoding === undefined) return undefined;
  const { isFit = always, isStated = always, likeness = () => 0 } = encoding;
  const candidates = statedFirst(media.formats, encodings).filter((format) =>
    nameOf(format) === encoding.name && format.clockRate === clockRate && isFit(format, parameters)
  );
  if (candidates.length === 0) return undefined;
  const best = candidates.reduce((best, format) => {
    const isBetter = isStated(format) === isStated(best) &&
      likeness(format, parameters) > likeness(best, parameters);
    return isBetter ? format : best;
  });
  return chosen(media, best);
}

/**
 * The payload type that a publisher is to send: of an encoding that is preferred where it can, else the one that it likes
 * best.
 */
export function chooseForPublisher(
  media: OfferedMedia,
  encodings: WebRtcEncodings,
): ChosenFormat | undefined {
  const known = statedFirst(media.formats, encodings).filter((format) => {
    const encoding = encodings.get(nameOf(format));
    return encoding !== undefined && (encoding.isFit ?? always)(format, {});
  });
  const best = known.find((format) => encodings.get(nameOf(format))!.isPreferred) ?? known[0];
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

function always(): boolean {
  return true;
}

/** Those that say how they are packed stand before those that do not. */
function statedFirst(formats: readonly SdpFormat[], encodings: WebRtcEncodings): SdpFormat[] {
  const isStated = (format: SdpFormat): boolean =>
    (encodings.get(nameOf(format))?.isStated ?? always)(format);
  return [...formats.filter(isStated), ...formats.filter((format) => !isStated(format))];
}
