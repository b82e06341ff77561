import { concat } from "@std/bytes/concat";
import { ByteWriter } from "../bytes/mod.ts";
import {
  buildVpxConfig,
  type CodecName,
  flacStreamInfo,
  MediaError,
  parseOpusHead,
  parseVpxConfig,
  type Track,
  vp9LevelOf,
} from "../media/mod.ts";
import { box, fullBox } from "./box_writing.ts";
import { esds, ObjectType } from "./descriptors.ts";
import { Mp4Error } from "./errors.ts";

/** How MP4 carries a codec. */
interface EntryForm {
  /** Type of the sample entry. */
  readonly type: string;
  /** Whether it cannot be written without the codec's configuration. */
  readonly needsConfig: boolean;
  /** The box with its configuration; none where the entry says it all. */
  readonly configBox?: (track: Track, config: Uint8Array) => Uint8Array;
}

const FORMS: Readonly<Partial<Record<CodecName, EntryForm>>> = {
  h264: entry("avc1", (_track, config) => box("avcC", config)),
  h265: entry("hvc1", (_track, config) => box("hvcC", config)),
  av1: entry("av01", (_track, config) => box("av1C", config)),
  vp8: entry("vp08", vpcC),
  vp9: entry("vp09", vpcC),
  mpeg4: entry("mp4v", (_track, config) => esds({ objectType: ObjectType.mpeg4Visual, config })),
  aac: entry("mp4a", (_track, config) => esds({ objectType: ObjectType.aac, config })),
  mp3: { type: "mp4a", needsConfig: false, configBox: mp3Descriptor },
  opus: entry("Opus", (_track, config) => dOps(config)),
  flac: entry("fLaC", (_track, config) => dfLa(config)),
  ac3: entry("ac-3", (_track, config) => box("dac3", config)),
  eac3: entry("ec-3", (_track, config) => box("dec3", config)),
  pcma: { type: "alaw", needsConfig: false },
  pcmu: { type: "ulaw", needsConfig: false },
};

function entry(type: string, configBox: NonNullable<EntryForm["configBox"]>): EntryForm {
  return { type, needsConfig: true, configBox };
}

/**
 * Why a track cannot be written to MP4, in words for a log line; `undefined` where it can. A track whose configuration
 * is not known yet cannot.
 *
 * @example
 * ```ts
 * import { whyNotMp4 } from "@weir/server/mp4";
 *
 * console.log(whyNotMp4({ kind: "audio", id: 0, codec: "pcma", config: undefined })); // undefined
 * ```
 */
export function whyNotMp4(track: Track): string | undefined {
  const { kind, codec, config } = track;
  if (kind === "data") return "MP4 has no place for its data";
  if (codec === undefined) return "its codec is not known";
  const form = FORMS[codec];
  if (form === undefined) return `MP4 has no sample entry for ${codec} here`;
  if (config === undefined && form.needsConfig) return "its configuration is not known";
  try {
    form.configBox?.(track, config ?? new Uint8Array(0));
    return undefined;
  } catch (error) {
    if (error instanceof MediaError) return `its configuration cannot be read: ${error.message}`;
    throw error;
  }
}

/**
 * Builds the sample entry of a track: `avc1`, `hvc1`, `av01`, `vp08`, `vp09`, `mp4v`, `mp4a`, `Opus`, `fLaC`, `ac-3`,
 * `ec-3`, `alaw` or `ulaw` (ISO/IEC 14496-12, 8.5.2).
 *
 * @throws {Mp4Error} `unsupported` where {@linkcode whyNotMp4} says why
 */
export function buildSampleEntry(track: Track): Uint8Array {
  const reason = whyNotMp4(track);
  if (reason !== undefined) {
    throw new Mp4Error("unsupported", `Cannot write ${track.kind} ${track.id} as ${reason}`);
  }
  const { type, configBox } = FORMS[track.codec!]!;
  const head = track.kind === "video" ? visualEntry(track) : audioEntry(track);
  const config = configBox?.(track, track.config ?? new Uint8Array(0));
  return config === undefined ? box(type, head) : box(type, head, config);
}

/** Dots an inch as 16.16, what all files say. */
const RESOLUTION = 0x0048_0000;
const COMPRESSOR_NAME_BYTES = 32;
const DEPTH = 24;

/** ISO/IEC 14496-12, 12.1.3. */
function visualEntry({ width = 0, height = 0 }: Track): Uint8Array {
  return new ByteWriter(80).u32(0).u16(0).u16(1).u32(0).u32(0).u32(0).u32(0)
    .u16(width).u16(height).u32(RESOLUTION).u32(RESOLUTION).u32(0).u16(1)
    .bytes(new Uint8Array(COMPRESSOR_NAME_BYTES)).u16(DEPTH).u16(0xffff).finish();
}

const MAX_RATE = 0xffff;

/** ISO/IEC 14496-12, 12.2.3. */
function audioEntry({ codec, channels, sampleRate = 0 }: Track): Uint8Array {
  const isG711 = codec === "pcma" || codec === "pcmu";
  const rate = codec === "opus" ? 48_000 : isG711 ? sampleRate || 8000 : sampleRate;
  return new ByteWriter(32).u32(0).u16(0).u16(1).u32(0).u32(0)
    .u16(channels ?? (isG711 ? 1 : 2)).u16(16).u32(0)
    .u16(rate > MAX_RATE ? 0 : rate).u16(0).finish();
}

/** Players choose decoders by the level, which publishers often leave out. */
function vpcC(track: Track, config: Uint8Array): Uint8Array {
  const parsed = parseVpxConfig(config);
  const level = parsed.level > 0 ? parsed.level : vp9LevelOf(track);
  return box("vpcC", buildVpxConfig({ ...parsed, level }, { boxed: true }));
}

/** MPEG-2 audio has lower rates than MPEG-1, and an object type of its own. QuickTime's `.mp3` is known to fewer. */
function mp3Descriptor({ sampleRate = 48_000 }: Track): Uint8Array {
  return esds({ objectType: sampleRate < 32_000 ? ObjectType.mpeg2Audio : ObjectType.mpeg1Audio });
}

/** Encapsulation of Opus in ISO Base Media File Format, 4.3.2: numbers are big-endian here. */
function dOps(config: Uint8Array): Uint8Array {
  const head = parseOpusHead(config);
  const writer = new ByteWriter(32).u8(0).u8(head.channels).u16(head.preSkip)
    .u32(head.inputSampleRate).u16(head.outputGain).u8(head.mappingFamily);
  if (head.mappingFamily !== 0) {
    writer.u8(head.streams).u8(head.coupledStreams).bytes(head.mapping);
  }
  return box("dOps", writer.finish());
}

/** Encapsulation of FLAC in ISO Base Media File Format, 3.3.2: STREAMINFO as the last block. */
function dfLa(config: Uint8Array): Uint8Array {
  const info = flacStreamInfo(config);
  const header = new Uint8Array([0x80, 0, 0, info.length]);
  return fullBox("dfLa", {}, concat([header, info]));
}
