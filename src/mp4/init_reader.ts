import { MediaError, type Track } from "../media/mod.ts";
import { boxAt, findBox, type Mp4Box, mp4Reader, openFullBox, splitBoxes } from "./box_reading.ts";
import { DescriptorTag } from "./descriptors.ts";
import { codecOfDescription, entryOfType } from "./entry_forms.ts";
import { Mp4Error } from "./errors.ts";
import type { Mp4Track } from "./mp4_track.ts";

/** A track as an initialization segment describes it. */
export interface Mp4InitTrack extends Mp4Track {
  /** Duration of samples whose fragments do not tell it, in ticks. */
  readonly defaultDuration: number;
  /** Bytes of samples whose fragments do not tell it. */
  readonly defaultSize: number;
  /** Flags of samples whose fragments do not tell them. */
  readonly defaultFlags: number;
}

/**
 * Reads the tracks of an initialization segment, or of the `moov` of any file. Tracks that are neither video nor audio
 * are left out; a codec that this library does not know is `undefined`. Ids within a kind count from 0.
 *
 * @throws {Mp4Error} if it has no `moov`, or that is cut short or malformed
 *
 * @example
 * ```ts
 * import { buildInitSegment, mp4TracksOf, parseInitSegment } from "@weir/server/mp4";
 *
 * const bytes = buildInitSegment(mp4TracksOf([
 *   { kind: "audio", id: 0, codec: "pcma", config: undefined, sampleRate: 8000, channels: 1 },
 * ]));
 * console.log(parseInitSegment(bytes)[0]?.track.codec); // pcma
 * ```
 */
export function parseInitSegment(bytes: Uint8Array): Mp4InitTrack[] {
  const moov = splitBoxes(boxAt(bytes, "moov"));
  const defaults = readDefaults(findBox(moov, "mvex"));
  const ids = { video: 0, audio: 0 };
  const tracks: Mp4InitTrack[] = [];
  for (const { type, content } of moov) {
    if (type !== "trak") continue;
    const read = readTrack(content);
    if (read === undefined) continue;
    const { kind } = read.track;
    const track = { ...read.track, id: ids[kind as "video" | "audio"]++ };
    tracks.push({ ...read, track, ...(defaults.get(read.trackId) ?? NO_DEFAULTS) });
  }
  return tracks;
}

type Defaults = Pick<Mp4InitTrack, "defaultDuration" | "defaultSize" | "defaultFlags">;
const NO_DEFAULTS: Defaults = { defaultDuration: 0, defaultSize: 0, defaultFlags: 0 };

function readDefaults(mvex: Mp4Box | undefined): Map<number, Defaults> {
  const defaults = new Map<number, Defaults>();
  if (mvex === undefined) return defaults;
  for (const { type, content } of splitBoxes(mvex.content)) {
    if (type !== "trex") continue;
    const { reader } = openFullBox(content, "trex");
    const trackId = reader.u32();
    reader.skip(4); // default_sample_description_index
    const [defaultDuration, defaultSize] = [reader.u32(), reader.u32()];
    defaults.set(trackId, { defaultDuration, defaultSize, defaultFlags: reader.u32() });
  }
  return defaults;
}

function readTrack(trak: Uint8Array): Mp4Track | undefined {
  const trackId = readTrackId(boxAt(trak, "tkhd"));
  const timescale = readTimescale(boxAt(trak, "mdia", "mdhd"));
  const { reader } = openFullBox(boxAt(trak, "mdia", "hdlr"), "hdlr");
  reader.skip(4);
  const handler = reader.utf8(4);
  if (handler !== "vide" && handler !== "soun") return undefined;
  const { reader: table } = openFullBox(boxAt(trak, "mdia", "minf", "stbl", "stsd"), "stsd");
  table.skip(4); // entry_count
  const [entry] = splitBoxes(table.rest());
  if (entry === undefined) throw new Mp4Error("malformed", "A track has no sample entry");
  const track = handler === "vide" ? readVisual(entry) : readAudio(entry);
  return { trackId, timescale, track };
}

function readTrackId(tkhd: Uint8Array): number {
  const { version, reader } = openFullBox(tkhd, "tkhd");
  reader.skip(version === 1 ? 16 : 8);
  return reader.u32();
}

function readTimescale(mdhd: Uint8Array): number {
  const { version, reader } = openFullBox(mdhd, "mdhd");
  reader.skip(version === 1 ? 16 : 8);
  const timescale = reader.u32();
  if (timescale === 0) throw new Mp4Error("malformed", "A track has a timescale of 0");
  return timescale;
}

const VISUAL_ENTRY_BYTES = 78;
const AUDIO_ENTRY_BYTES = 28;

function readVisual({ type, content }: Mp4Box): Track {
  const reader = mp4Reader(content, `The sample entry ${type}`);
  reader.skip(24);
  const [width, height] = [reader.u16(), reader.u16()];
  const boxes = boxesBehind(content, VISUAL_ENTRY_BYTES);
  return { kind: "video", id: 0, ...codecOf(type, boxes), width, height };
}

function readAudio({ type, content }: Mp4Box): Track {
  const reader = mp4Reader(content, `The sample entry ${type}`);
  reader.skip(16);
  const channels = reader.u16();
  reader.skip(6);
  const sampleRate = reader.u16();
  const sound = { kind: "audio", id: 0, channels, sampleRate } as const;
  const boxes = boxesBehind(content, AUDIO_ENTRY_BYTES);
  return { ...sound, ...codecOf(type, boxes) };
}

/** The codec of a sample entry, and its configuration in the form that `Track` has it. */
function codecOf(type: string, boxes: readonly Mp4Box[]): Pick<Track, "codec" | "config"> {
  const descriptors = findBox(boxes, "esds")?.content;
  if (descriptors !== undefined) {
    const { objectType, config } = readEsds(descriptors);
    return { codec: codecOfDescription(type, objectType), config };
  }
  const entry = entryOfType(type);
  if (entry === undefined) return { codec: undefined, config: undefined };
  const { codec, form: { configType, configOf } } = entry;
  const content = configType && findBox(boxes, configType)?.content;
  if (!content) return { codec, config: undefined };
  try {
    return { codec, config: configOf?.(content) ?? content };
  } catch (error) {
    if (!(error instanceof MediaError)) throw error;
    const message = `The configuration of ${type} cannot be read`;
    throw new Mp4Error("malformed", message, { cause: error });
  }
}

function boxesBehind(content: Uint8Array, bytes: number): Mp4Box[] {
  return splitBoxes(content.subarray(bytes));
}

/** Reads the box `esds` (ISO/IEC 14496-1, 7.2.6). */
function readEsds(
  content: Uint8Array,
): { readonly objectType: number; readonly config: Uint8Array | undefined } {
  const { reader } = openFullBox(content, "esds");
  const stream = readDescriptor(reader.rest(), DescriptorTag.elementaryStream);
  const inner = mp4Reader(stream, "A descriptor");
  inner.skip(2); // ES_ID
  const flags = inner.u8();
  if (flags & 0x80) inner.skip(2);
  if (flags & 0x40) inner.skip(inner.u8());
  if (flags & 0x20) inner.skip(2);
  const decoder = readDescriptor(inner.rest(), DescriptorTag.decoderConfig);
  const objectType = mp4Reader(decoder, "A descriptor").u8();
  const rest = decoder.subarray(13);
  const config = rest.length === 0
    ? undefined
    : readDescriptor(rest, DescriptorTag.decoderSpecificInfo);
  return { objectType, config };
}

/** The content of the first descriptor, which must have that tag. */
function readDescriptor(bytes: Uint8Array, tag: number): Uint8Array {
  const reader = mp4Reader(bytes, "A descriptor");
  const found = reader.u8();
  if (found !== tag) {
    throw new Mp4Error("malformed", `A descriptor has the tag ${found} in place of ${tag}`);
  }
  let size = 0;
  for (let at = 0; at < 4; at++) {
    const byte = reader.u8();
    size = size * 128 + (byte & 0x7f);
    if ((byte & 0x80) === 0) break;
  }
  return reader.view(size);
}
