import {
  buildAacConfig,
  buildOpusHead,
  type CodecName,
  isAnnexB,
  MediaError,
  parseAacConfig,
  parseLatmConfig,
  type RtpMapping,
  splitAnnexB,
  type Track,
  type TrackKind,
} from "../media/mod.ts";
import type { SdpFormat, SdpMedia, SessionDescription } from "../sdp/mod.ts";
import { type NalCodec, parameterSetTypes } from "./nal_codec.ts";
import { ParameterSets } from "./parameter_sets.ts";
import { trackWithConfig } from "./track_config.ts";

/** Codecs by encoding name, in upper case, and the kind of media that they belong to. */
const CODECS = new Map<string, readonly [TrackKind, CodecName]>([
  ["H264", ["video", "h264"]],
  ["H265", ["video", "h265"]],
  ["AV1", ["video", "av1"]],
  ["VP8", ["video", "vp8"]],
  ["VP9", ["video", "vp9"]],
  ["MP4V-ES", ["video", "mpeg4"]],
  ["MPEG4-GENERIC", ["audio", "aac"]],
  ["MP4A-LATM", ["audio", "aac"]],
  ["OPUS", ["audio", "opus"]],
  ["MPA", ["audio", "mp3"]],
  ["PCMA", ["audio", "pcma"]],
  ["PCMU", ["audio", "pcmu"]],
  ["AC3", ["audio", "ac3"]],
  ["EAC3", ["audio", "eac3"]],
  ["L8", ["audio", "lpcm"]],
  ["L16", ["audio", "lpcm"]],
  ["L24", ["audio", "lpcm"]],
]);

/** Clock rates where a description gives none: those that all or most payload formats have. */
const DEFAULT_CLOCK_RATE: Readonly<Record<TrackKind, number>> = {
  video: 90_000,
  audio: 8_000,
  data: 90_000,
};

/** Payload type of a media that announces none, such as TP-Link's `smart/1/90000`. */
const ANY_PAYLOAD_TYPE = 96;

/** A channel configuration above this names no layout of that many channels (ISO 14496-3, table 1.19). */
const MAX_PLAIN_CHANNEL_CONFIG = 6;

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
  const config = format && configOfFormat(codec, format);
  const rtp: RtpMapping = {
    payloadType: format?.payloadType ?? ANY_PAYLOAD_TYPE,
    encodingName: format?.encoding ?? "",
    clockRate: format?.clockRate ?? clockRateOf(as.kind, codec, config),
    ...(format?.channels === undefined ? {} : { channels: format.channels }),
    parameters: format?.fmtp ?? {},
  };
  const track: Track = { ...as, codec, config, ...soundOf(codec, rtp), rtp };
  return config === undefined ? track : trackWithConfig(track, config);
}

function codecOf({ encoding, fmtp }: SdpFormat, kind: TrackKind): CodecName | undefined {
  const name = encoding?.toUpperCase() ?? "";
  const [codecKind, codec] = CODECS.get(name) ?? [];
  const mode = fmtp["mode"]?.toLowerCase() ?? "aac-hbr";
  // MPEG4-GENERIC carries other streams of MPEG-4 too, such as CELP.
  const isOther = name === "MPEG4-GENERIC" && !mode.startsWith("aac-") && mode !== "generic";
  return codecKind === kind && !isOther ? codec : undefined;
}

function clockRateOf(
  kind: TrackKind,
  codec: CodecName | undefined,
  config: Uint8Array | undefined,
): number {
  if (codec === "opus") return 48_000;
  if (codec === "mp3") return 90_000;
  if (codec === "aac" && config !== undefined) return parseAacConfig(config).sampleRate;
  return DEFAULT_CLOCK_RATE[kind];
}

/** What the RTP clock tells of the sound, for codecs whose clock is their sampling rate. */
function soundOf(codec: CodecName | undefined, rtp: RtpMapping): Partial<Track> {
  switch (codec) {
    case "pcma":
    case "pcmu":
    case "lpcm":
    case "ac3":
    case "eac3":
      return { sampleRate: rtp.clockRate, channels: rtp.channels ?? 1 };
    default:
      return {};
  }
}

/** The configuration that a format's parameters hold, in the codec's ISO form. */
export function configOfFormat(
  codec: CodecName | undefined,
  format: Pick<SdpFormat, "encoding" | "clockRate" | "channels" | "fmtp">,
): Uint8Array | undefined {
  const { fmtp } = format;
  switch (codec) {
    case "h264":
      return configOfSets(codec, [fmtp["sprop-parameter-sets"]]);
    case "h265":
      return configOfSets(codec, [fmtp["sprop-vps"], fmtp["sprop-sps"], fmtp["sprop-pps"]]);
    case "mpeg4":
      return bytesOfHex(fmtp["config"]);
    case "aac":
      return aacConfigOf(format);
    case "opus":
      // The channels of `rtpmap` are always 2 (RFC 7587, 7). What does not call itself mono may be stereo.
      return buildOpusHead({ channels: fmtp["sprop-stereo"] === "0" ? 1 : 2 });
    default:
      return undefined;
  }
}

function configOfSets(
  codec: NalCodec,
  texts: readonly (string | undefined)[],
): Uint8Array | undefined {
  const sets = new ParameterSets(codec);
  const most = parameterSetTypes(codec).length * 32;
  const encoded = texts.flatMap((text) => text?.split(",", most) ?? []);
  for (const text of encoded) {
    const bytes = bytesOfBase64(text);
    for (const unit of isAnnexB(bytes) ? splitAnnexB(bytes) : [bytes]) sets.take(unit);
  }
  return sets.config;
}

function bytesOfBase64(text: string): Uint8Array {
  try {
    return Uint8Array.fromBase64(text);
  } catch (error) {
    if (error instanceof SyntaxError) return new Uint8Array(0);
    throw error;
  }
}

function bytesOfHex(text: string | undefined): Uint8Array | undefined {
  return text && /^([\da-f]{2})+$/i.test(text) ? Uint8Array.fromHex(text) : undefined;
}

function aacConfigOf(
  { encoding, clockRate, channels, fmtp }: Pick<
    SdpFormat,
    "encoding" | "clockRate" | "channels" | "fmtp"
  >,
): Uint8Array | undefined {
  const bytes = bytesOfHex(fmtp["config"]);
  const isLatm = encoding?.toUpperCase() === "MP4A-LATM";
  try {
    if (bytes !== undefined && isLatm) return parseLatmConfig(bytes).audioSpecificConfig;
    if (bytes !== undefined) {
      parseAacConfig(bytes);
      return bytes;
    }
  } catch (error) {
    if (!(error instanceof MediaError)) throw error;
  }
  // Without a configuration it is taken for AAC-LC, by the clock; LATM may carry its own in band.
  const channelConfig = channels ?? 1;
  const told = !isLatm && clockRate !== undefined && channelConfig <= MAX_PLAIN_CHANNEL_CONFIG;
  return told ? buildAacConfig({ sampleRate: clockRate, channelConfig }) : undefined;
}
