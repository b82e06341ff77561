import { equals } from "@std/bytes/equals";
import {
  G711_SAMPLE_RATE,
  MediaError,
  parseAacConfig,
  parseAv1Config,
  parseAvcConfig,
  parseHevcConfig,
  parseVpxConfig,
  type RtpMapping,
  type Track,
} from "../media/mod.ts";
import { configOfFormat } from "./tracks_of_sdp.ts";

/** Payload types from here on have no fixed meaning (RFC 3551, 6). */
const FIRST_DYNAMIC = 96;
const LAST_PAYLOAD_TYPE = 127;

/** Static payload types (RFC 3551, tables 4 and 5). */
const PCMU = 0;
const PCMA = 8;
const MPA = 14;

const VIDEO_CLOCK_RATE = 90_000;

type Parameters = Readonly<Record<string, string>>;

/**
 * How RTP carries a track, or why it cannot: a text. `index` is the place of the track's media section,
 * which gives a dynamic payload type.
 *
 * A track that was received by RTP keeps its own format, with newer parameter sets where such came in
 * band.
 */
export function rtpMappingOf(track: Track, index: number): RtpMapping | string {
  const dynamic = FIRST_DYNAMIC + index;
  if (dynamic > LAST_PAYLOAD_TYPE) return "no payload type is left";
  if (track.rtp !== undefined) return keptMapping(track, track.rtp, dynamic);
  try {
    return newMapping(track, dynamic);
  } catch (error) {
    if (error instanceof MediaError) return `its configuration cannot be read: ${error.message}`;
    throw error;
  }
}

function keptMapping(track: Track, rtp: RtpMapping, dynamic: number): RtpMapping {
  const isDynamic = rtp.payloadType >= FIRST_DYNAMIC;
  const entries = Object.entries(rtp.parameters).filter((entry) => entry.every(isPrintable));
  return {
    ...rtp,
    encodingName: isPrintable(rtp.encodingName) ? rtp.encodingName : "",
    payloadType: isDynamic ? dynamic : rtp.payloadType,
    parameters: { ...Object.fromEntries(entries), ...newerParameters(track, rtp) },
  };
}

/** A peer's text that would break a line of SDP is left out. */
function isPrintable(text: string): boolean {
  // deno-lint-ignore no-control-regex
  return !/[\0-\x1f]/.test(text);
}

/** The parameters that tell parameter sets, where those in force are not the ones announced. */
function newerParameters({ codec, config }: Track, rtp: RtpMapping): Parameters {
  if (config === undefined || (codec !== "h264" && codec !== "h265")) return {};
  const announced = configOfFormat(codec, { ...rtp, encoding: "", fmtp: rtp.parameters });
  if (announced !== undefined && equals(announced, config)) return {};
  try {
    return codec === "h264" ? avcParameters(config) : hevcParameters(config);
  } catch (error) {
    if (error instanceof MediaError) return {};
    throw error;
  }
}

function newMapping(track: Track, dynamic: number): RtpMapping | string {
  const { codec, config } = track;
  const video = (encodingName: string, parameters: Parameters = {}): RtpMapping => ({
    payloadType: dynamic,
    encodingName,
    clockRate: VIDEO_CLOCK_RATE,
    parameters,
  });
  switch (codec) {
    case "h264":
      return video("H264", { "packetization-mode": "1", ...(config && avcParameters(config)) });
    case "h265":
      return video("H265", config && hevcParameters(config));
    case "av1":
      return video("AV1", config && av1Parameters(config));
    case "vp8":
      return video("VP8");
    case "vp9":
      return video("VP9", config && { "profile-id": String(parseVpxConfig(config).profile) });
    case "mpeg4":
      return config === undefined
        ? "its configuration is not known"
        : video("MP4V-ES", mpeg4Parameters(config));
    case "aac":
      return config === undefined ? "its configuration is not known" : aacMapping(config, dynamic);
    case "opus":
      return opusMapping(track, dynamic);
    case "mp3":
      return { payloadType: MPA, encodingName: "MPA", clockRate: 90_000, parameters: {} };
    case "pcma":
    case "pcmu":
      return g711Mapping(track, dynamic);
    case "ac3":
      return ac3Mapping(track, dynamic);
    case undefined:
      return "its codec is not known";
    default:
      return `there is no RTP payload format for ${codec} here`;
  }
}

function avcParameters(config: Uint8Array): Parameters {
  const { profile, constraints, level, sps, pps } = parseAvcConfig(config);
  if (sps.length === 0) return {};
  return {
    "profile-level-id": new Uint8Array([profile, constraints, level]).toHex(),
    "sprop-parameter-sets": base64List([...sps, ...pps]),
  };
}

function hevcParameters(config: Uint8Array): Parameters {
  const { vps, sps, pps } = parseHevcConfig(config);
  if (sps.length === 0) return {};
  return {
    "sprop-vps": base64List(vps),
    "sprop-sps": base64List(sps),
    "sprop-pps": base64List(pps),
  };
}

function base64List(units: readonly Uint8Array[]): string {
  return units.map((unit) => unit.toBase64()).join(",");
}

function av1Parameters(config: Uint8Array): Parameters {
  const { profile, level, tier } = parseAv1Config(config);
  return { profile: String(profile), "level-idx": String(level), tier: String(tier) };
}

/** `profile_and_level_indication` follows the start code of a visual object sequence (RFC 6416, 7.1). */
function mpeg4Parameters(config: Uint8Array): Parameters {
  const isSequence = config[2] === 1 && config[3] === 0xb0 && config.length > 4;
  return {
    "profile-level-id": String(isSequence ? config[4] : 1),
    config: config.toHex(),
  };
}

/** Mode AAC-hbr (RFC 3640, 3.3.6); the clock is the rate of the core, of which a frame has 1024 ticks. */
function aacMapping(config: Uint8Array, payloadType: number): RtpMapping {
  const { sampleRate, channels } = parseAacConfig(config);
  return {
    payloadType,
    encodingName: "MPEG4-GENERIC",
    clockRate: sampleRate,
    channels: channels || 2,
    parameters: {
      streamtype: "5",
      "profile-level-id": "1",
      mode: "AAC-hbr",
      sizelength: "13",
      indexlength: "3",
      indexdeltalength: "3",
      config: config.toHex(),
    },
  };
}

/** RFC 7587 (7): always two channels in `rtpmap`; mono and stereo are a parameter. */
function opusMapping({ channels = 2 }: Track, payloadType: number): RtpMapping | string {
  if (channels > 2) return `Opus has two channels in RTP: it has ${channels}`;
  return {
    payloadType,
    encodingName: "opus",
    clockRate: 48_000,
    channels: 2,
    parameters: { "sprop-stereo": channels === 2 ? "1" : "0" },
  };
}

function g711Mapping(track: Track, dynamic: number): RtpMapping {
  const { codec, channels = 1, sampleRate = G711_SAMPLE_RATE } = track;
  const isStatic = channels === 1 && sampleRate === G711_SAMPLE_RATE;
  return {
    payloadType: isStatic ? (codec === "pcma" ? PCMA : PCMU) : dynamic,
    encodingName: codec === "pcma" ? "PCMA" : "PCMU",
    clockRate: sampleRate,
    channels,
    parameters: {},
  };
}

function ac3Mapping({ sampleRate, channels }: Track, payloadType: number): RtpMapping | string {
  if (sampleRate === undefined) return "its sample rate is not known";
  return {
    payloadType,
    encodingName: "AC3",
    clockRate: sampleRate,
    ...(channels === undefined ? {} : { channels }),
    parameters: {},
  };
}
