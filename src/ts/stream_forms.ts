import { concat } from "@std/bytes/concat";
import {
  buildAdtsHeader,
  type CodecName,
  H264NalType,
  h264NalType,
  H265NalType,
  h265NalType,
  isMpeg2Sound,
  joinAnnexB,
  MediaError,
  parseAacConfig,
  parseAvcConfig,
  parseHevcConfig,
  parseOpusHead,
  type Track,
} from "../media/mod.ts";
import { descriptor, registration } from "./program_tables.ts";

/** An access unit or audio frame in the parts that its codec has. */
export interface TsFrameParts {
  /** NAL units without length and start code; else the frame, in one part or several. */
  readonly parts: readonly Uint8Array[];
  /** Whether decoding can start here. */
  readonly keyFrame: boolean;
}

/** How MPEG-TS carries a codec. */
export interface StreamForm {
  /** `stream_type` of the program map; it may depend on the track. */
  readonly streamType: (track: Track) => number;
  /** `stream_id` of its PES packets; the lowest of its kind. */
  readonly streamId: number;
  /** Descriptors of the program map. */
  readonly descriptors?: (track: Track) => Uint8Array;
  /** Why this track cannot be carried. */
  readonly whyNot?: (track: Track) => string | undefined;
  /** Makes the bytes of a frame. */
  readonly payload: (frame: TsFrameParts, track: Track) => Uint8Array;
}

const VIDEO = 0xe0;
const AUDIO = 0xc0;
const PRIVATE_1 = 0xbd;

const PRIVATE_DATA = 0x06;
const EXTENSION = 0x7f;
const OPUS_EXTENSION = 0x80;

const FORMS: Readonly<Partial<Record<CodecName, StreamForm>>> = {
  h264: {
    streamType: () => 0x1b,
    streamId: VIDEO,
    whyNot: needsConfig,
    payload: (frame, track) => annexB(frame, track, H264),
  },
  h265: {
    streamType: () => 0x24,
    streamId: VIDEO,
    descriptors: () => registration("HEVC"),
    whyNot: needsConfig,
    payload: (frame, track) => annexB(frame, track, H265),
  },
  aac: { streamType: () => 0x0f, streamId: AUDIO, whyNot: whyNotAdts, payload: adtsFrame },
  mp3: {
    streamType: (track) => isMpeg2Sound(track) ? 0x04 : 0x03,
    streamId: AUDIO,
    payload: plain,
  },
  opus: {
    streamType: () => PRIVATE_DATA,
    streamId: PRIVATE_1,
    descriptors: opusDescriptors,
    whyNot: whyNotOpus,
    payload: opusUnit,
  },
  ac3: {
    streamType: () => 0x81,
    streamId: PRIVATE_1,
    descriptors: () => registration("AC-3"),
    payload: plain,
  },
  eac3: {
    streamType: () => 0x87,
    streamId: PRIVATE_1,
    descriptors: () => registration("EAC3"),
    payload: plain,
  },
};

/** How MPEG-TS carries a track, or why it does not, in words. */
export function streamFormOf(track: Track): StreamForm | string {
  if (track.kind === "data") return "MPEG-TS has no place for its data here";
  if (track.codec === undefined) return "its codec is not known";
  const form = FORMS[track.codec];
  if (form === undefined) return `MPEG-TS has no form for ${track.codec} here`;
  return form.whyNot?.(track) ?? form;
}

/**
 * Why a track cannot be written to MPEG-TS, in words for a log line; `undefined` where it can. A track whose
 * configuration is not known yet cannot.
 *
 * @example
 * ```ts
 * import { whyNotTs } from "@weir/server/ts";
 *
 * console.log(whyNotTs({ kind: "audio", id: 0, codec: "pcma", config: undefined }));
 * // MPEG-TS has no form for pcma here
 * ```
 */
export function whyNotTs(track: Track): string | undefined {
  const form = streamFormOf(track);
  return typeof form === "string" ? form : undefined;
}

function needsConfig({ config }: Track): string | undefined {
  return config === undefined ? "its configuration is not known" : undefined;
}

function plain({ parts }: TsFrameParts): Uint8Array {
  return parts.length === 1 ? parts[0]! : concat(parts);
}

/** What the byte stream of a codec of NAL units needs. */
interface NalForm {
  /** The access unit delimiter, which an access unit must begin with (2.14.1): of any kind of slice. */
  readonly delimiter: Uint8Array;
  readonly isDelimiter: (unit: Uint8Array) => boolean;
  readonly isSet: (unit: Uint8Array) => boolean;
  readonly setsOf: (config: Uint8Array) => readonly Uint8Array[];
}

const H264: NalForm = {
  delimiter: new Uint8Array([0x09, 0xf0]),
  isDelimiter: (unit) => h264NalType(unit) === H264NalType.AccessUnitDelimiter,
  isSet: (unit) => h264NalType(unit) === H264NalType.Sps,
  setsOf: (config) => {
    const { sps, pps } = parseAvcConfig(config);
    return [...sps, ...pps];
  },
};

const H265: NalForm = {
  delimiter: new Uint8Array([0x46, 0x01, 0x50]),
  isDelimiter: (unit) => h265NalType(unit) === H265NalType.AccessUnitDelimiter,
  isSet: (unit) => h265NalType(unit) === H265NalType.Sps,
  setsOf: (config) => {
    const { vps, sps, pps } = parseHevcConfig(config);
    return [...vps, ...sps, ...pps];
  },
};

/** Annex B with a delimiter in front, and with the parameter sets before each key frame. */
function annexB(
  { parts, keyFrame }: TsFrameParts,
  { config }: Track,
  form: NalForm,
): Uint8Array {
  const [first] = parts;
  const hasDelimiter = first !== undefined && form.isDelimiter(first);
  const delimiter = hasDelimiter ? first : form.delimiter;
  const units = hasDelimiter ? parts.slice(1) : parts;
  const hasSets = !keyFrame || config === undefined || units.some(form.isSet);
  const sets = hasSets ? [] : form.setsOf(config);
  return joinAnnexB([delimiter, ...sets, ...units]);
}

function whyNotAdts({ config }: Track): string | undefined {
  if (config === undefined) return "its configuration is not known";
  try {
    buildAdtsHeader(parseAacConfig(config), 0);
    return undefined;
  } catch (error) {
    if (error instanceof RangeError || error instanceof MediaError) {
      return `its configuration has no words in ADTS: ${error.message}`;
    }
    throw error;
  }
}

function adtsFrame(frame: TsFrameParts, { config }: Track): Uint8Array {
  const data = plain(frame);
  return concat([buildAdtsHeader(parseAacConfig(config!), data.length), data]);
}

function whyNotOpus({ config, channels = 2 }: Track): string | undefined {
  if (config === undefined) return channels > 2 ? "its configuration is not known" : undefined;
  try {
    const { channels, mappingFamily } = parseOpusHead(config);
    if (mappingFamily === 0 || (mappingFamily === 1 && channels <= 8)) return undefined;
    return `Opus has no configuration code for ${channels} channels of family ${mappingFamily}`;
  } catch (error) {
    if (error instanceof MediaError) return `its configuration cannot be read: ${error.message}`;
    throw error;
  }
}

/** Registration, and the DVB extension descriptor with `channel_config_code` (the mapping of Opus into MPEG-TS). */
function opusDescriptors({ config, channels = 2 }: Track): Uint8Array {
  const code = config === undefined ? channels : parseOpusHead(config).channels;
  return concat([
    registration("Opus"),
    descriptor(EXTENSION, new Uint8Array([OPUS_EXTENSION, code])),
  ]);
}

/** A control header in front of each packet: its prefix of eleven bits, no trims, and its size. */
function opusUnit(frame: TsFrameParts): Uint8Array {
  const data = plain(frame);
  const full = Math.floor(data.length / 255);
  const unit = new Uint8Array(3 + full + data.length);
  unit.set([0x7f, 0xe0]);
  unit.fill(0xff, 2, 2 + full);
  unit[2 + full] = data.length % 255;
  unit.set(data, 3 + full);
  return unit;
}
