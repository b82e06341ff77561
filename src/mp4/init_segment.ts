import { concat } from "@std/bytes/concat";
import { ByteWriter } from "../bytes/mod.ts";
import { box, fullBox } from "./box_writing.ts";
import type { Mp4Track } from "./mp4_track.ts";
import { buildSampleEntry } from "./sample_entry.ts";

/** What of a file's start can be chosen. */
export interface InitSegmentOptions {
  /**
   * Wall-clock time of the movie's creation, seconds since 1970; not told by default, so that equal tracks make equal
   * bytes.
   */
  readonly createdUnixS?: number;
}

/** Ticks a second of the movie as a whole, which a fragmented file does not use. */
const MOVIE_TIMESCALE = 1000;
/** Seconds from the epoch of MP4 (1904) to that of Unix (1970). */
const EPOCH_SECONDS = 2_082_844_800;
const IDENTITY_MATRIX: readonly number[] = [0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x4000_0000];
/** `und`: three letters of five bits, counted from 0x60 (8.4.2). */
const LANGUAGE_UNDETERMINED = 0x55c4;
const TRACK_ENABLED_IN_MOVIE = 3;
const SELF_CONTAINED = 1;
const FULL_VOLUME = 0x0100;

/**
 * Builds the initialization segment of a fragmented file: `ftyp` and `moov`, without a sample (ISO/IEC 14496-12; CMAF,
 * ISO/IEC 23000-19, where there is one track).
 *
 * @throws {Mp4Error} `unsupported` if MP4 cannot carry a track: see `whyNotMp4`
 *
 * @example
 * ```ts
 * import { buildInitSegment, mp4TracksOf } from "@weir/server/mp4";
 *
 * const track = {
 *   ...{ kind: "audio", id: 0, codec: "aac", config: new Uint8Array([0x12, 0x10]) } as const,
 *   ...{ sampleRate: 44_100, channels: 2 },
 * };
 * const bytes = buildInitSegment(mp4TracksOf([track]));
 * console.log(new TextDecoder().decode(bytes.subarray(4, 12))); // ftypiso6
 * ```
 */
export function buildInitSegment(
  tracks: readonly Mp4Track[],
  { createdUnixS }: InitSegmentOptions = {},
): Uint8Array {
  const created = createdUnixS === undefined ? 0 : Math.floor(createdUnixS) + EPOCH_SECONDS;
  return concat([
    fileType(tracks.length === 1 ? ["iso6", "cmfc", "mp41"] : ["iso6", "mp41"]),
    box(
      "moov",
      movieHeader(tracks, created),
      ...tracks.map((track) => trackBox(track, created)),
      box("mvex", ...tracks.map(({ trackId }) => trackExtends(trackId))),
    ),
  ]);
}

function fileType(brands: readonly string[]): Uint8Array {
  return box("ftyp", new ByteWriter(32).utf8("iso6").u32(0x200).utf8(brands.join("")).finish());
}

/**
 * Builds the box `styp` that may stand in front of a media segment (ISO/IEC 14496-12, 8.16.2).
 */
export function buildSegmentType(): Uint8Array {
  return box("styp", new ByteWriter(32).utf8("msdh").u32(0).utf8("msdhmsixcmfs").finish());
}

/** 8.2.2. */
function movieHeader(tracks: readonly Mp4Track[], created: number): Uint8Array {
  const nextTrackId = Math.max(0, ...tracks.map(({ trackId }) => trackId)) + 1;
  const writer = new ByteWriter(128).u32(created).u32(created).u32(MOVIE_TIMESCALE).u32(0)
    .u32(0x10000).u16(FULL_VOLUME).u16(0).u32(0).u32(0);
  for (const number of IDENTITY_MATRIX) writer.u32(number);
  for (let at = 0; at < 6; at++) writer.u32(0);
  return fullBox("mvhd", {}, writer.u32(nextTrackId).finish());
}

function trackBox(track: Mp4Track, created: number): Uint8Array {
  return box("trak", trackHeader(track, created), mediaBox(track, created));
}

/** 8.3.2. */
function trackHeader({ trackId, track }: Mp4Track, created: number): Uint8Array {
  const isVideo = track.kind === "video";
  const writer = new ByteWriter(96).u32(created).u32(created).u32(trackId).u32(0).u32(0)
    .u32(0).u32(0).u16(0).u16(isVideo ? 0 : 1).u16(isVideo ? 0 : FULL_VOLUME).u16(0);
  for (const number of IDENTITY_MATRIX) writer.u32(number);
  const [width, height] = isVideo ? [track.width ?? 0, track.height ?? 0] : [0, 0];
  writer.u16(width).u16(0).u16(height).u16(0);
  return fullBox("tkhd", { flags: TRACK_ENABLED_IN_MOVIE }, writer.finish());
}

function mediaBox(track: Mp4Track, created: number): Uint8Array {
  const isVideo = track.track.kind === "video";
  const header = new ByteWriter(32).u32(created).u32(created).u32(track.timescale).u32(0)
    .u16(LANGUAGE_UNDETERMINED).u16(0).finish();
  const handler = new ByteWriter(32).u32(0).utf8(isVideo ? "vide" : "soun").u32(0).u32(0).u32(0)
    .utf8(isVideo ? "VideoHandler" : "SoundHandler").u8(0).finish();
  const mediaHeader = isVideo
    ? fullBox("vmhd", { flags: 1 }, new Uint8Array(8))
    : fullBox("smhd", {}, new Uint8Array(4));
  const reference = fullBox("dref", {}, u32(1), fullBox("url ", { flags: SELF_CONTAINED }));
  return box(
    "mdia",
    fullBox("mdhd", {}, header),
    fullBox("hdlr", {}, handler),
    box("minf", mediaHeader, box("dinf", reference), sampleTable(track)),
  );
}

/** Without samples, which are in the fragments. */
function sampleTable({ track }: Mp4Track): Uint8Array {
  return box(
    "stbl",
    fullBox("stsd", {}, u32(1), buildSampleEntry(track)),
    fullBox("stts", {}, u32(0)),
    fullBox("stsc", {}, u32(0)),
    fullBox("stsz", {}, u32(0), u32(0)),
    fullBox("stco", {}, u32(0)),
  );
}

/** 8.8.3: fragments say all by themselves. */
function trackExtends(trackId: number): Uint8Array {
  return fullBox(
    "trex",
    {},
    new ByteWriter(32).u32(trackId).u32(1).u32(0).u32(0).u32(0).finish(),
  );
}

function u32(value: number): Uint8Array {
  return new ByteWriter(16).u32(value).finish();
}
