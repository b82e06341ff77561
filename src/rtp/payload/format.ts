import { BitReader } from "../../bytes/mod.ts";
import { AacDepacketizer, AacPacketizer, type AuHeaderLayout } from "./aac.ts";
import { Ac3Depacketizer, Ac3Packetizer } from "./ac3.ts";
import type {
  Depacketizer,
  DepacketizerOptions,
  Packetizer,
  PacketizerOptions,
} from "./access_unit.ts";
import { readAacTiming } from "./audio_specific_config.ts";
import { Av1Depacketizer, Av1Packetizer } from "./av1.ts";
import { H264Depacketizer, H264Packetizer } from "./h264.ts";
import { H265Depacketizer, H265Packetizer } from "./h265.ts";
import { LatmDepacketizer, LatmPacketizer, parseStreamMuxConfig } from "./latm.ts";
import { Mpeg4VideoDepacketizer, Mpeg4VideoPacketizer } from "./mpeg4_video.ts";
import { MpegAudioDepacketizer, MpegAudioPacketizer } from "./mpeg_audio.ts";
import { OpusDepacketizer, OpusPacketizer } from "./opus.ts";
import { PcmDepacketizer, PcmPacketizer } from "./pcm.ts";
import { Vp8Depacketizer, Vp8Packetizer } from "./vp8.ts";
import { Vp9Depacketizer, Vp9Packetizer } from "./vp9.ts";

/** A payload format as SDP describes it. */
export interface RtpFormat {
  /** The encoding's name of `a=rtpmap`, such as `H264`; in any case. */
  readonly encodingName: string;
  /** Ticks a second of the RTP clock. */
  readonly clockRate: number;
  /** Audio: number of channels; 1 by default. */
  readonly channels?: number;
  /** The parameters of `a=fmtp` by name; names in any case. */
  readonly parameters?: Readonly<Record<string, string>>;
}

/** A format with its parameters' names in lower case. */
interface NamedFormat {
  readonly clockRate: number;
  readonly channels: number;
  readonly parameters: ReadonlyMap<string, string>;
}

interface PayloadFormat {
  readonly depacketizer: (format: NamedFormat, options: DepacketizerOptions) => Depacketizer;
  readonly packetizer: (format: NamedFormat, options: PacketizerOptions) => Packetizer;
}

function pcm(sampleSize: number): PayloadFormat {
  return {
    depacketizer: ({ channels }, options) =>
      new PcmDepacketizer({ ...options, sampleSize, channels }),
    packetizer: ({ channels }, options) => new PcmPacketizer({ ...options, sampleSize, channels }),
  };
}

/** The payload formats by the names of their encodings, in upper case. */
const FORMATS: Readonly<Record<string, PayloadFormat>> = {
  H264: {
    depacketizer: (_, options) => new H264Depacketizer(options),
    packetizer: (_, options) => new H264Packetizer(options),
  },
  H265: {
    depacketizer: ({ parameters }, options) =>
      new H265Depacketizer({ ...options, don: numberOf(parameters, "sprop-max-don-diff") > 0 }),
    packetizer: (_, options) => new H265Packetizer(options),
  },
  AV1: {
    depacketizer: (_, options) => new Av1Depacketizer(options),
    packetizer: (_, options) => new Av1Packetizer(options),
  },
  VP8: {
    depacketizer: (_, options) => new Vp8Depacketizer(options),
    packetizer: (_, options) => new Vp8Packetizer(options),
  },
  VP9: {
    depacketizer: (_, options) => new Vp9Depacketizer(options),
    packetizer: (_, options) => new Vp9Packetizer(options),
  },
  "MP4V-ES": {
    depacketizer: (_, options) => new Mpeg4VideoDepacketizer(options),
    packetizer: (_, options) => new Mpeg4VideoPacketizer(options),
  },
  "MPEG4-GENERIC": {
    depacketizer: (format, options) =>
      new AacDepacketizer({
        ...options,
        ...auHeaderLayout(format.parameters),
        frameTicks: aacTicks(format),
      }),
    packetizer: (format, options) =>
      new AacPacketizer({
        ...options,
        sizeLength: auHeaderLayout(format.parameters).sizeLength === 6 ? 6 : 13,
        frameTicks: aacTicks(format),
      }),
  },
  "MP4A-LATM": {
    depacketizer: ({ clockRate, parameters }, options) => {
      const config = parameters.get("cpresent") === "0" ? bytesOf(parameters, "config") : undefined;
      return new LatmDepacketizer({ ...options, clockRate, ...(config && { config }) });
    },
    packetizer: (format, options) =>
      new LatmPacketizer({ ...options, frameTicks: latmTicks(format) }),
  },
  OPUS: {
    depacketizer: (_, options) => new OpusDepacketizer(options),
    packetizer: (_, options) => new OpusPacketizer(options),
  },
  MPA: {
    depacketizer: (_, options) => new MpegAudioDepacketizer(options),
    packetizer: (_, options) => new MpegAudioPacketizer(options),
  },
  AC3: {
    depacketizer: (_, options) => new Ac3Depacketizer(options),
    packetizer: (_, options) => new Ac3Packetizer(options),
  },
  PCMA: pcm(1),
  PCMU: pcm(1),
  L8: pcm(1),
  L16: pcm(2),
  L24: pcm(3),
};

/**
 * Makes the depacketizer of a format: H264, H265, AV1, VP8, VP9, MP4V-ES, MPEG4-GENERIC (AAC),
 * MP4A-LATM, OPUS, MPA (MP3), AC3, PCMA, PCMU, L8, L16, L24. Returns `undefined` for another, and for
 * one whose parameters use what is not supported, such as MPEG4-GENERIC that is no AAC.
 *
 * @throws {RtpError} if the configuration among the parameters cannot be read
 *
 * @example
 * ```ts
 * import { createDepacketizer } from "@weir/server/rtp";
 *
 * const depacketizer = createDepacketizer({ encodingName: "H264", clockRate: 90000 });
 * console.log(depacketizer?.dropped); // 0
 * console.log(createDepacketizer({ encodingName: "x", clockRate: 90000 })); // undefined
 * ```
 */
export function createDepacketizer(
  format: RtpFormat,
  options: DepacketizerOptions = {},
): Depacketizer | undefined {
  return payloadFormatOf(format)?.depacketizer(namedFormat(format), options);
}

/**
 * Makes the packetizer of a format; see {@linkcode createDepacketizer} for the formats.
 *
 * @throws {RtpError} if the configuration among the parameters cannot be read
 *
 * @example
 * ```ts
 * import { createPacketizer } from "@weir/server/rtp";
 *
 * const packetizer = createPacketizer({ encodingName: "PCMA", clockRate: 8000 });
 * const unit = { timestamp: 0, parts: [new Uint8Array(160)] };
 * console.log(packetizer?.packetize(unit).length); // 1
 * ```
 */
export function createPacketizer(
  format: RtpFormat,
  options: PacketizerOptions = {},
): Packetizer | undefined {
  return payloadFormatOf(format)?.packetizer(namedFormat(format), options);
}

function payloadFormatOf(format: RtpFormat): PayloadFormat | undefined {
  const name = format.encodingName.toUpperCase();
  if (!Object.hasOwn(FORMATS, name)) return undefined;
  const mode = namedFormat(format).parameters.get("mode")?.toLowerCase() ?? "aac-hbr";
  if (name === "MPEG4-GENERIC" && !mode.startsWith("aac-") && mode !== "generic") return undefined;
  return FORMATS[name];
}

function namedFormat(format: RtpFormat): NamedFormat {
  const entries = Object.entries(format.parameters ?? {});
  return {
    clockRate: format.clockRate,
    channels: format.channels ?? 1,
    parameters: new Map(entries.map(([name, value]) => [name.toLowerCase(), value.trim()])),
  };
}

/** A whole number among the parameters; 0 where it is absent or none, as RFC 3640 (4.1) has it. */
function numberOf(parameters: ReadonlyMap<string, string>, name: string): number {
  const text = parameters.get(name) ?? "";
  return /^\d{1,6}$/.test(text) ? Number(text) : 0;
}

/** Hexadecimal digits among the parameters; `undefined` where they are absent or none. */
function bytesOf(parameters: ReadonlyMap<string, string>, name: string): Uint8Array | undefined {
  const text = parameters.get(name) ?? "";
  if (text === "" || !/^([\da-f]{2})+$/i.test(text)) return undefined;
  return Uint8Array.from(text.match(/../g)!, (digits) => parseInt(digits, 16));
}

/** Lengths of AU header fields; those of AAC-hbr or AAC-lbr where the parameters leave all out. */
function auHeaderLayout(parameters: ReadonlyMap<string, string>): AuHeaderLayout {
  const named = ["sizelength", "indexlength", "indexdeltalength", "constantsize"];
  const mode = parameters.get("mode")?.toLowerCase();
  if (!named.some((name) => parameters.has(name))) {
    return mode === "aac-lbr" ? { sizeLength: 6, indexLength: 2, indexDeltaLength: 2 } : {};
  }
  return {
    sizeLength: Math.min(numberOf(parameters, "sizelength"), 32),
    indexLength: Math.min(numberOf(parameters, "indexlength"), 32),
    indexDeltaLength: Math.min(numberOf(parameters, "indexdeltalength"), 32),
    ctsDeltaLength: Math.min(numberOf(parameters, "ctsdeltalength"), 32),
    dtsDeltaLength: Math.min(numberOf(parameters, "dtsdeltalength"), 32),
    randomAccessIndication: numberOf(parameters, "randomaccessindication") > 0,
    streamStateIndication: Math.min(numberOf(parameters, "streamstateindication"), 32),
    auxiliaryDataSizeLength: Math.min(numberOf(parameters, "auxiliarydatasizelength"), 32),
    constantSize: numberOf(parameters, "constantsize"),
  };
}

/** Ticks that a frame lasts: told, or computed from the AudioSpecificConfig, or 1024. */
function aacTicks({ clockRate, parameters }: NamedFormat): number {
  const told = numberOf(parameters, "constantduration");
  if (told > 0) return told;
  const config = bytesOf(parameters, "config");
  if (config === undefined) return 1024;
  try {
    const { sampleRate, frameSamples } = readAacTiming(new BitReader(config));
    return Math.round((frameSamples * clockRate) / sampleRate);
  } catch {
    // A configuration that only a decoder understands does not keep its frames from passing.
    return 1024;
  }
}

function latmTicks({ clockRate, parameters }: NamedFormat): number {
  const config = bytesOf(parameters, "config");
  if (config === undefined) return 1024;
  const { sampleRate, frameSamples } = parseStreamMuxConfig(config);
  return Math.round((frameSamples * clockRate) / sampleRate);
}
