import { ByteWriter } from "../bytes/mod.ts";
import {
  buildOpusHead,
  buildVpxConfig,
  type CodecName,
  flacMetadata,
  flacStreamInfo,
  isMpeg2Sound,
  parseOpusHead,
  parseVpxConfig,
  type Track,
  vp9LevelOf,
} from "../media/mod.ts";
import { mp4Reader } from "./box_reading.ts";
import { box, fullBox } from "./box_writing.ts";
import { esds, ObjectType } from "./descriptors.ts";
import { Mp4Error } from "./errors.ts";

/** How MP4 carries a codec: a row of the table. */
export interface EntryForm {
  /** Type of the sample entry that is written. */
  readonly type: string;
  /** Types beside it that are read. */
  readonly alsoRead?: readonly string[];
  /** Whether it cannot be written without the codec's configuration. */
  readonly needsConfig: boolean;
  /** The box with its configuration; none where the entry says it all. */
  readonly configBox?: (track: Track, config: Uint8Array) => Uint8Array;
  /** The type of that box, where it is not `esds`. */
  readonly configType?: string;
  /** `objectTypeIndication`s of its `esds`, which tell the codecs apart that share a sample entry. */
  readonly objectTypes?: readonly number[];
  /**
   * Reads that box to the form that `Track.config` has; without it they are the same.
   *
   * @throws {Mp4Error} `malformed` if it cannot be read
   * @throws {MediaError} if what it holds cannot be read
   */
  readonly configOf?: (content: Uint8Array) => Uint8Array;
}

const FORMS: Readonly<Partial<Record<CodecName, EntryForm>>> = {
  h264: { ...boxed("avc1", "avcC"), alsoRead: ["avc3"] },
  h265: { ...boxed("hvc1", "hvcC"), alsoRead: ["hev1"] },
  av1: boxed("av01", "av1C"),
  vp8: vpx("vp08"),
  vp9: vpx("vp09"),
  mpeg4: described("mp4v", ObjectType.mpeg4Visual),
  aac: described("mp4a", ObjectType.aac),
  mp3: {
    type: "mp4a",
    alsoRead: [".mp3"],
    needsConfig: false,
    configBox: mp3Descriptor,
    objectTypes: [ObjectType.mpeg1Audio, ObjectType.mpeg2Audio],
  },
  opus: {
    ...boxed("Opus", "dOps"),
    configBox: (_track, config) => dOps(config),
    configOf: opusHeadOf,
  },
  flac: {
    ...boxed("fLaC", "dfLa"),
    configBox: (_track, config) => dfLa(config),
    // Behind the version and flags of the box.
    configOf: (content) => flacStreamInfo(content.subarray(4)),
  },
  ac3: boxed("ac-3", "dac3"),
  eac3: boxed("ec-3", "dec3"),
  pcma: { type: "alaw", needsConfig: false },
  pcmu: { type: "ulaw", needsConfig: false },
};

/** A codec whose configuration is the content of a box of its own. */
function boxed(type: string, configType: string): EntryForm {
  return {
    type,
    needsConfig: true,
    configType,
    configBox: (_track, config) => box(configType, config),
  };
}

/** A codec whose configuration stands in descriptors of MPEG-4. */
function described(type: string, objectType: number): EntryForm {
  return {
    type,
    needsConfig: true,
    configBox: (_track, config) => esds({ objectType, config }),
    objectTypes: [objectType],
  };
}

function vpx(type: string): EntryForm {
  return {
    ...boxed(type, "vpcC"),
    configBox: vpcC,
    // Behind the version and flags of the box.
    configOf: (content) => content.subarray(4),
  };
}

const ROWS = Object.entries(FORMS) as [CodecName, EntryForm][];

/** A codec and its row. */
export interface CodecEntry {
  readonly codec: CodecName;
  readonly form: EntryForm;
}

/** Maps, since what is looked up is a peer's word. Where descriptors tell a codec, its sample entry alone does not. */
const BY_TYPE: ReadonlyMap<string, CodecEntry> = new Map(
  ROWS.flatMap(([codec, form]) => {
    const types = form.objectTypes === undefined ? [form.type] : [];
    return [...types, ...form.alsoRead ?? []].map((type) => [type, { codec, form }] as const);
  }),
);
const BY_DESCRIPTION: ReadonlyMap<string, CodecName> = new Map(
  ROWS.flatMap(([codec, { type, objectTypes = [] }]) =>
    objectTypes.map((objectType) => [`${type} ${objectType}`, codec] as const)
  ),
);

/** How MP4 carries a codec; `undefined` where it does not here. */
export function entryForm(codec: CodecName): EntryForm | undefined {
  return FORMS[codec];
}

/** The codec of a sample entry by its type alone. */
export function entryOfType(type: string): CodecEntry | undefined {
  return BY_TYPE.get(type);
}

/** The codec of a sample entry whose `esds` says `objectType`. */
export function codecOfDescription(type: string, objectType: number): CodecName | undefined {
  return BY_DESCRIPTION.get(`${type} ${objectType}`);
}

/** Players choose decoders by the level, which publishers often leave out. */
function vpcC(track: Track, config: Uint8Array): Uint8Array {
  const parsed = parseVpxConfig(config);
  const level = parsed.level > 0 ? parsed.level : vp9LevelOf(track);
  return box("vpcC", buildVpxConfig({ ...parsed, level }, { boxed: true }));
}

/** MPEG-2 audio has an object type of its own. QuickTime's `.mp3` is known to fewer. */
function mp3Descriptor(track: Track): Uint8Array {
  return esds({ objectType: isMpeg2Sound(track) ? ObjectType.mpeg2Audio : ObjectType.mpeg1Audio });
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
  return fullBox("dfLa", {}, flacMetadata(config));
}

/** Of `dOps`, whose numbers are big-endian. */
function opusHeadOf(content: Uint8Array): Uint8Array {
  const reader = mp4Reader(content, "The box dOps");
  reader.skip(1); // Version
  const channels = reader.u8();
  const head = {
    channels,
    preSkip: reader.u16(),
    inputSampleRate: reader.u32(),
    outputGain: reader.i16(),
    mappingFamily: reader.u8(),
  };
  const mapping = head.mappingFamily === 0 ? {} : {
    streams: reader.u8(),
    coupledStreams: reader.u8(),
    mapping: reader.view(channels),
  };
  if (head.mappingFamily === 0 && (channels < 1 || channels > 2)) {
    throw new Mp4Error("malformed", `Opus has ${channels} channels in mapping family 0`);
  }
  const bytes = buildOpusHead({ ...head, ...mapping });
  parseOpusHead(bytes);
  return bytes;
}
