import type { CodecName } from "../media/mod.ts";
import { SoundFormat, VideoCodecId } from "./constants.ts";

/** The names of a codec in FLV and Enhanced RTMP: a row of the table. */
interface CodecIds {
  /** FourCC of Enhanced RTMP v2 (`VideoFourCc`, `AudioFourCc`). */
  readonly fourCc?: string;
  /** Codec id or sound format of FLV 10.1 that bodies and `onMetaData` are written with. */
  readonly id?: number;
  /** Numbers beside `id` that are read. */
  readonly alsoRead?: readonly number[];
  /** Names that encoders write into `onMetaData` instead of a number, in lower case. */
  readonly names: readonly string[];
  /** Whether `CodedFrames` begins with a composition time. */
  readonly hasCompositionTime?: true;
}

const VIDEO: Readonly<Partial<Record<CodecName, CodecIds>>> = {
  h264: {
    fourCc: "avc1",
    id: VideoCodecId.Avc,
    names: ["avc", "h264", "h.264"],
    hasCompositionTime: true,
  },
  // Encoders that predate Enhanced RTMP send this number; it is read, and the FourCC is written.
  h265: {
    fourCc: "hvc1",
    alsoRead: [VideoCodecId.Hevc],
    names: ["hevc", "h265", "h.265", "hev1"],
    hasCompositionTime: true,
  },
  av1: { fourCc: "av01", names: ["av1"] },
  vp8: { fourCc: "vp08", names: ["vp8"] },
  vp9: { fourCc: "vp09", names: ["vp9"] },
};

const AUDIO: Readonly<Partial<Record<CodecName, CodecIds>>> = {
  aac: { fourCc: "mp4a", id: SoundFormat.Aac, names: ["aac"] },
  opus: { fourCc: "Opus", names: ["opus"] },
  mp3: {
    fourCc: ".mp3",
    id: SoundFormat.Mp3,
    alsoRead: [SoundFormat.Mp38k],
    names: ["mp3"],
  },
  pcma: { id: SoundFormat.G711ALaw, names: [] },
  pcmu: { id: SoundFormat.G711MuLaw, names: [] },
  ac3: { fourCc: "ac-3", names: ["ac3"] },
  eac3: { fourCc: "ec-3", names: ["eac3"] },
  flac: { fourCc: "fLaC", names: ["flac"] },
  lpcm: {
    id: SoundFormat.LpcmLittleEndian,
    alsoRead: [SoundFormat.LpcmPlatformEndian],
    names: [],
  },
};

const VIDEO_ROWS = rowsOf(VIDEO);
const AUDIO_ROWS = rowsOf(AUDIO);
const ROWS = new Map([...VIDEO_ROWS, ...AUDIO_ROWS]);
const VIDEO_BY_ID = byId(VIDEO_ROWS);
const AUDIO_BY_ID = byId(AUDIO_ROWS);
const BY_NAME = new Map(
  ROWS.entries().flatMap(([codec, { names }]) => names.map((name) => [name, codec] as const)),
);
const BY_FOURCC = new Map(
  [...VIDEO_BY_ID, ...AUDIO_BY_ID].filter(([id]) => typeof id === "string"),
);
const TIMED = new Set(
  ROWS.values().flatMap(({ fourCc, hasCompositionTime }) =>
    fourCc !== undefined && hasCompositionTime ? [fourCc] : []
  ),
);

function rowsOf(
  rows: Readonly<Partial<Record<CodecName, CodecIds>>>,
): ReadonlyMap<CodecName, CodecIds> {
  return new Map(Object.entries(rows) as [CodecName, CodecIds][]);
}

/** The codecs by their FourCCs and by their numbers. */
function byId(rows: ReadonlyMap<CodecName, CodecIds>): ReadonlyMap<string | number, CodecName> {
  return new Map(
    rows.entries().flatMap(([codec, { fourCc, id, alsoRead = [] }]) =>
      [fourCc, id, ...alsoRead].flatMap((one) => one === undefined ? [] : [[one, codec] as const])
    ),
  );
}

/**
 * Returns the codec of a FourCC, or `undefined` for one that Enhanced RTMP v2 does not list
 * (`vvc1`, say), which is passed on and not looked into.
 *
 * @example
 * ```ts
 * import { codecOfFourCc } from "@weir/server/flv";
 *
 * console.log(codecOfFourCc("hvc1"), codecOfFourCc("vvc1")); // h265 undefined
 * ```
 */
export function codecOfFourCc(fourCc: string): CodecName | undefined {
  return BY_FOURCC.get(fourCc);
}

/** Returns the FourCC of a codec, or `undefined` where Enhanced RTMP v2 has none. */
export function fourCcOfCodec(codec: CodecName): string | undefined {
  return ROWS.get(codec)?.fourCc;
}

/** The FourCCs of Enhanced RTMP v2 (`VideoFourCc`, `AudioFourCc`), those of video first. */
export const ALL_FOUR_CCS: readonly string[] = [...BY_FOURCC.keys()].map(String);

/** The codec of a legacy codec id or a FourCC of video, or `undefined` for one that is not known here. */
export function codecOfVideo(id: number | string): CodecName | undefined {
  return VIDEO_BY_ID.get(id);
}

/** The codec of a legacy sound format or a FourCC of audio, or `undefined` for one that is not known here. */
export function codecOfAudio(id: number | string): CodecName | undefined {
  return AUDIO_BY_ID.get(id);
}

/** The codec that an encoder names by a word, such as `hevc`, in any case. */
export function codecOfWord(word: string): CodecName | undefined {
  return BY_NAME.get(word.toLowerCase());
}

/**
 * The codec id or sound format that a codec has in FLV 10.1, by which players without Enhanced RTMP know
 * it; `undefined` where it has none.
 *
 * @example
 * ```ts
 * import { plainIdOfCodec } from "@weir/server/flv";
 *
 * console.log(plainIdOfCodec("h264"), plainIdOfCodec("h265")); // 7 undefined
 * ```
 */
export function plainIdOfCodec(codec: CodecName): number | undefined {
  return ROWS.get(codec)?.id;
}

/** Whether the packets of this codec carry a composition time in `CodedFrames`. */
export function hasCompositionTime(fourCc: string): boolean {
  return TIMED.has(fourCc);
}
