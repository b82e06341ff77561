import { AacPacketType, SoundFormat } from "../../flv/mod.ts";
import {
  buildAacConfig,
  MediaError,
  parseAacConfig,
  parseAdtsHeader,
  parseLatmConfig,
  splitAdts,
  type Track,
} from "../../media/mod.ts";
import type { SdpFormat } from "../../sdp/mod.ts";
import type { Codec, ConfigFacts, EncodedFrame, FormatParameters, NewMapping } from "./codec.ts";
import { joinParts, plainAudio } from "./flv_bodies.ts";
import { bytesOfHex } from "./fmtp_bytes.ts";

/** The encoding name of AAC, which other audio of MPEG-4 uses too, such as CELP: its mode tells them apart. */
const GENERIC = "MPEG4-GENERIC";
const LATM = "MP4A-LATM";

/** Up to here a channel configuration is the number of channels; 7, for one, means eight (ISO 14496-3, table 1.19). */
const MAX_PLAIN_CHANNEL_CONFIG = 6;

/** AAC (ISO 14496-3; RFC 3640 and RFC 6416). */
export const aac: Codec = {
  name: "aac",
  kind: "audio",
  config: { isNeeded: true, facts: configFacts },
  durationUs,
  ofEncoder,
  flv: {
    sequenceHeader: (config) => body(AacPacketType.SequenceHeader, config),
    frame: ({ parts }) => body(AacPacketType.Raw, joinParts(parts)),
  },
  rtp: {
    encodings: [GENERIC, LATM],
    isOfCodec,
    defaultClockRate: (config) => config && parseAacConfig(config).sampleRate,
    configOf,
    mapping: ({ config }) =>
      config === undefined ? "its configuration is not known" : mappingOf(config),
  },
  codecString: ({ config }) => config && nameOf(config),
  hls: {},
};

/** Audio object types of the tools that double the rate and the channels (ISO 14496-3, table 1.17). */
const SBR = 5;
const PS = 29;

function nameOf(config: Uint8Array): string {
  const { objectType, extension } = parseAacConfig(config);
  return `mp4a.40.${extension?.ps ? PS : extension?.sbr ? SBR : objectType}`;
}

function configFacts(config: Uint8Array): ConfigFacts {
  const { sampleRate, channels, extension } = parseAacConfig(config);
  return {
    sampleRate: extension?.sampleRate ?? sampleRate,
    // Parametric stereo makes two channels of one.
    ...(channels > 0 ? { channels: extension?.ps ? 2 : channels } : {}),
  };
}

function durationUs(_frame: Uint8Array, { config }: Track): number | undefined {
  if (config === undefined) return undefined;
  const { frameLength, sampleRate } = parseAacConfig(config);
  return (frameLength * 1_000_000) / sampleRate;
}

const FRAME_SAMPLES = 1024;

/** Takes ADTS headers off, which hold the configuration where none is given, or none of theirs does. */
function ofEncoder(data: Uint8Array, config: Uint8Array | undefined): EncodedFrame[] {
  // A raw AAC frame cannot begin with twelve ones, since the first three of them are the code of its end.
  if (data[0] === 0xff && (data[1]! & 0xf0) === 0xf0) {
    const header = parseAdtsHeader(data);
    const told = header.channelConfig === 0 && config !== undefined ? config : adtsConfig(header);
    return splitAdts(data).map((frame, index) => ({
      data: frame,
      config: told,
      offsetUs: Math.round((index * FRAME_SAMPLES * 1_000_000) / header.sampleRate),
    }));
  }
  if (config === undefined) {
    throw new TypeError(
      "Cannot write AAC as it needs its configuration or ADTS headers: current value is neither",
    );
  }
  return [{ data, config, offsetUs: 0 }];
}

function adtsConfig(
  { objectType, sampleRate, channelConfig }: ReturnType<typeof parseAdtsHeader>,
): Uint8Array {
  if (channelConfig === 0) {
    throw new MediaError("unsupported", "An ADTS frame leaves its channels to the stream");
  }
  return buildAacConfig({ objectType, sampleRate, channelConfig });
}

/** Makes the body of AAC, whose header states 44 kHz and stereo whatever the sound really is (FLV 10.1, E.4.2.1). */
function body(packetType: number, data: Uint8Array): Uint8Array {
  const soundFormat = SoundFormat.Aac;
  return plainAudio({ soundFormat, soundRate: 3, soundType: 1, packetType, data });
}

function isOfCodec({ encoding, fmtp }: SdpFormat): boolean {
  if (encoding?.toUpperCase() !== GENERIC) return true;
  const mode = fmtp["mode"]?.toLowerCase() ?? "aac-hbr";
  return mode.startsWith("aac-") || mode === "generic";
}

function configOf(
  { encoding, clockRate, channels, fmtp }: FormatParameters,
): Uint8Array | undefined {
  const bytes = bytesOfHex(fmtp["config"]);
  const isLatm = encoding?.toUpperCase() === LATM;
  try {
    if (bytes !== undefined && isLatm) return parseLatmConfig(bytes).audioSpecificConfig;
    if (bytes !== undefined) {
      parseAacConfig(bytes);
      return bytes;
    }
  } catch (error) {
    if (!(error instanceof MediaError)) throw error;
  }
  // Without a configuration AAC-LC is assumed, at the clock rate; LATM may still carry a configuration in band.
  const channelConfig = channels ?? 1;
  const told = !isLatm && clockRate !== undefined && channelConfig <= MAX_PLAIN_CHANNEL_CONFIG;
  return told ? buildAacConfig({ sampleRate: clockRate, channelConfig }) : undefined;
}

/** Mode AAC-hbr (RFC 3640, 3.3.6); the clock is the rate of the core, of which a frame has 1024 ticks. */
function mappingOf(config: Uint8Array): NewMapping {
  const { sampleRate, channels } = parseAacConfig(config);
  return {
    encodingName: GENERIC,
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
