import {
  AmfEcmaArray,
  amfNumberProperty,
  type AmfObject,
  amfProperties,
  amfProperty,
  amfStringProperty,
  type AmfValue,
  encodeAmf0,
} from "../amf/mod.ts";
import type { CodecName } from "../media/mod.ts";
import {
  codecOfAudio,
  codecOfFourCc,
  codecOfVideo,
  codecOfWord,
  fourCcOfCodec,
  plainIdOfCodec,
} from "./codec_ids.ts";
import { fourCcFromNumber, fourCcToNumber } from "./fourcc.ts";
import { decodeScriptValues } from "./script_values.ts";

/** The facts about a stream in `onMetaData`; a field is left out where the peer did not state it. */
export interface OnMetaData {
  /** Picture width in pixels. */
  readonly width?: number;
  /** Picture height in pixels. */
  readonly height?: number;
  /** Frames a second. */
  readonly frameRate?: number;
  /** Codec of the video, where it is one that this library names. */
  readonly videoCodec?: CodecName;
  /** Kilobits a second. */
  readonly videoBitrateKbps?: number;
  /** Codec of the audio, where it is one that this library names. */
  readonly audioCodec?: CodecName;
  /** Kilobits a second. */
  readonly audioBitrateKbps?: number;
  /** Samples a second. */
  readonly sampleRate?: number;
  /** Number of audio channels; from `stereo` where the peer does not give it. */
  readonly channels?: number;
  /** Name of the sending program. */
  readonly encoder?: string;
  /**
   * Whether there is a video track: a peer's word, often missing (then left out) and sometimes wrong
   * (audio that is declared and never comes, M072). A codec id of 0 means none.
   */
  readonly hasVideo?: boolean;
  /** Whether there is an audio track; as `hasVideo`. */
  readonly hasAudio?: boolean;
}

/** Parsed `onMetaData`, with everything the peer said. */
export interface ParsedOnMetaData extends OnMetaData {
  /** All properties, as they were sent. */
  readonly properties: AmfObject;
}

/** Options of {@linkcode buildOnMetaData}. */
export interface BuildOnMetaDataOptions {
  /** Puts `@setDataFrame` first, as publishers do; false by default, as for players and files. */
  readonly setDataFrame?: boolean;
  /** Further properties; they win over those of the same name. */
  readonly properties?: AmfObject;
}

/** How many values may stand before `onMetaData`: `@setDataFrame`, and Uniview's two numbers. */
const MAX_VALUES_BEFORE = 4;

/**
 * Parses the values of a data message, or the body of an FLV script tag or AMF0 data message, that is
 * an `onMetaData` (FLV 10.1, E.5; Enhanced RTMP v2, "Enhancing onMetaData"): with or without
 * `@setDataFrame`, as ECMA array or object, codec ids as numbers, FourCCs or names, stray values
 * before it. Returns `undefined` for another data message.
 *
 * @throws {FlvError} `metadata` if the bytes are no AMF0
 *
 * @example
 * ```ts
 * import { parseOnMetaData } from "@weir/server/flv";
 *
 * const metadata = parseOnMetaData(["@setDataFrame", "onMetaData", { width: 640, videocodecid: 7 }]);
 * console.log(metadata?.width, metadata?.videoCodec, metadata?.hasAudio); // 640 h264 undefined
 * ```
 */
export function parseOnMetaData(
  source: Uint8Array | readonly AmfValue[],
): ParsedOnMetaData | undefined {
  const values = source instanceof Uint8Array ? decodeScriptValues(source) : source;
  const at = values.slice(0, MAX_VALUES_BEFORE).indexOf("onMetaData");
  if (at < 0) return undefined;
  const argument = values[at + 1];
  const properties = amfProperties(argument) ?? {};
  const videoCodecId = amfProperty(argument, "videocodecid");
  const audioCodecId = amfProperty(argument, "audiocodecid");
  const width = positive(argument, "width");
  const height = positive(argument, "height");
  const sized = width !== undefined && height !== undefined;
  return defined({
    properties,
    width,
    height,
    frameRate: positive(argument, "framerate") ?? positive(argument, "videoframerate"),
    videoCodec: codecOf(videoCodecId, codecOfVideo),
    videoBitrateKbps: positive(argument, "videodatarate"),
    audioCodec: codecOf(audioCodecId, codecOfAudio),
    audioBitrateKbps: positive(argument, "audiodatarate"),
    sampleRate: positive(argument, "audiosamplerate"),
    channels: channelsOf(argument),
    encoder: amfStringProperty(argument, "encoder"),
    hasVideo: hasTrack(amfProperty(argument, "hasVideo"), videoCodecId) ?? (sized || undefined),
    hasAudio: hasTrack(amfProperty(argument, "hasAudio"), audioCodecId),
  }) as unknown as ParsedOnMetaData;
}

/**
 * Builds the body of an `onMetaData` data message or script tag, in AMF0 with an ECMA array.
 *
 * Codecs that FLV 10.1 numbers are written so; others by their FourCC's number.
 *
 * @example
 * ```ts
 * import { buildOnMetaData, parseOnMetaData } from "@weir/server/flv";
 *
 * const body = buildOnMetaData({ width: 640, height: 360, videoCodec: "h265" });
 * console.log(parseOnMetaData(body)?.videoCodec); // h265
 * ```
 */
export function buildOnMetaData(
  metadata: OnMetaData,
  { setDataFrame = false, properties = {} }: BuildOnMetaDataOptions = {},
): Uint8Array {
  const { channels } = metadata;
  const array = new AmfEcmaArray(defined({
    width: metadata.width,
    height: metadata.height,
    framerate: metadata.frameRate,
    videocodecid: numberOf(metadata.videoCodec),
    videodatarate: metadata.videoBitrateKbps,
    audiocodecid: numberOf(metadata.audioCodec),
    audiodatarate: metadata.audioBitrateKbps,
    audiosamplerate: metadata.sampleRate,
    audiochannels: channels,
    stereo: channels === undefined ? undefined : channels === 2,
    encoder: metadata.encoder,
    hasVideo: metadata.hasVideo,
    hasAudio: metadata.hasAudio,
    ...properties,
  }));
  return encodeAmf0(setDataFrame ? ["@setDataFrame", "onMetaData", array] : ["onMetaData", array]);
}

function codecOf(
  id: AmfValue,
  ofId: (id: number | string) => CodecName | undefined,
): CodecName | undefined {
  if (typeof id === "string") {
    return codecOfFourCc(id) ?? codecOfWord(id) ?? codecOf(Number(id), ofId);
  }
  // The number 0 states that there is no such track.
  return typeof id === "number" && id !== 0 ? ofId(id) ?? ofId(fourCcFromNumber(id)) : undefined;
}

/** The number of a codec in FLV 10.1, or the one that stands for its FourCC. */
function numberOf(codec: CodecName | undefined): number | undefined {
  if (codec === undefined) return undefined;
  const fourCc = fourCcOfCodec(codec);
  return plainIdOfCodec(codec) ?? (fourCc === undefined ? undefined : fourCcToNumber(fourCc));
}

function hasTrack(said: AmfValue, codecId: AmfValue): boolean | undefined {
  if (typeof said === "boolean") return said;
  if (typeof codecId === "number") return codecId !== 0;
  return typeof codecId === "string" && codecId !== "" ? true : undefined;
}

function channelsOf(argument: AmfValue): number | undefined {
  const channels = positive(argument, "audiochannels");
  const stereo = amfProperty(argument, "stereo");
  return channels ?? (typeof stereo === "boolean" ? (stereo ? 2 : 1) : undefined);
}

function positive(argument: AmfValue, name: string): number | undefined {
  const value = amfNumberProperty(argument, name);
  return value !== undefined && value > 0 && Number.isFinite(value) ? value : undefined;
}

function defined(fields: AmfObject): AmfObject {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
