import type { RtpMapping, Track, TrackKind } from "../media/mod.ts";
import type { SdpFormat, SdpMedia, SessionDescription } from "../sdp/mod.ts";
import type { Codec } from "./codec/codec.ts";
import { codecOfEncoding } from "./codec/table.ts";
import { trackWithConfig } from "./track_config.ts";

/** Clock rates where a description gives none: those that all or most payload formats have. */
const DEFAULT_CLOCK_RATE: Readonly<Record<TrackKind, number>> = {
  video: 90_000,
  audio: 8_000,
  data: 90_000,
};

/** Payload type of a media that announces none, such as TP-Link's `smart/1/90000`. */
const ANY_PAYLOAD_TYPE = 96;

/**
 * The tracks that a session description announces: one for each media section, in order, with ids
 * from 0 for each kind. What is not known here is a track without codec: its packets can be forwarded.
 *
 * Of several payload types of one media the first is taken whose codec is known. Configurations come
 * from `sprop-parameter-sets`, `sprop-vps`, `sprop-sps`, `sprop-pps` and `config`.
 *
 * @example
 * ```ts
 * import { parseSdp } from "@weir/server/sdp";
 * import { tracksOfSdp } from "@weir/server/transmux";
 *
 * const description = parseSdp("v=0\ns=radio\nm=audio 0 RTP/AVP 8\n");
 * console.log(tracksOfSdp(description)[0]?.codec); // pcma
 * ```
 */
export function tracksOfSdp(description: SessionDescription): Track[] {
  const counts: Record<TrackKind, number> = { video: 0, audio: 0, data: 0 };
  return description.media.map((media) => {
    const kind = kindOf(media);
    return trackOfMedia(media, { kind, id: counts[kind]++ });
  });
}

function kindOf({ kind }: SdpMedia): TrackKind {
  const word = kind.toLowerCase();
  return word === "video" || word === "audio" ? word : "data";
}

function trackOfMedia(media: SdpMedia, as: { kind: TrackKind; id: number }): Track {
  const known = media.formats.find((format) => codecOf(format, as.kind) !== undefined);
  const format = known ?? media.formats[0];
  const codec = format && codecOf(format, as.kind);
  const config = format && codec?.rtp?.configOf?.(format);
  const rtp: RtpMapping = {
    payloadType: format?.payloadType ?? ANY_PAYLOAD_TYPE,
    encodingName: format?.encoding ?? "",
    clockRate: format?.clockRate ?? codec?.rtp?.defaultClockRate?.(config) ??
      DEFAULT_CLOCK_RATE[as.kind],
    ...(format?.channels === undefined ? {} : { channels: format.channels }),
    parameters: format?.fmtp ?? {},
    ...feedbackOf(media, format),
  };
  const track: Track = { ...as, codec: codec?.name, config, ...soundOf(codec, rtp), rtp };
  return config === undefined ? track : trackWithConfig(track, config);
}

/** What `a=rtcp-fb` allows for a format, or for all (RFC 4585, 4.2). */
function feedbackOf(
  { attributes = [] }: SdpMedia,
  format: SdpFormat | undefined,
): Pick<RtpMapping, "feedback"> {
  const feedback = attributes.flatMap(({ name, value = "" }) => {
    const [payloadType, ...words] = value.trim().split(/\s+/);
    const isOfFormat = payloadType === "*" || payloadType === String(format?.payloadType);
    return name === "rtcp-fb" && isOfFormat ? words.join(" ") : [];
  });
  return feedback.length === 0 ? {} : { feedback };
}

function codecOf(format: SdpFormat, kind: TrackKind): Codec | undefined {
  const codec = codecOfEncoding(format.encoding ?? "", kind);
  return codec?.rtp?.isOfCodec?.(format) === false ? undefined : codec;
}

/** What the RTP clock tells of the sound, for codecs whose clock is their sampling rate. */
function soundOf(codec: Codec | undefined, rtp: RtpMapping): Partial<Track> {
  const isSampleRate = codec?.rtp?.clockIsSampleRate === true;
  return isSampleRate ? { sampleRate: rtp.clockRate, channels: rtp.channels ?? 1 } : {};
}
