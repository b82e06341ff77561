import { ByteReader, type ByteWriter } from "../bytes/mod.ts";
import { MultitrackType } from "./constants.ts";
import { FlvError } from "./errors.ts";
import { fourCcFromNumber, fourCcToNumber } from "./fourcc.ts";
import { MAX_MOD_EX, modExDataOffset, modExDataSize } from "./mod_ex.ts";

/** Kinds of `ModEx` (Enhanced RTMP v2, `VideoPacketModExType` and `AudioPacketModExType`). */
export const ModExType = { TimestampOffsetNano: 0 } as const;

/** A modifier in front of a packet (Enhanced RTMP v2, "ExVideoTagHeader", `ModEx`). */
export interface ModEx {
  /** One of {@linkcode ModExType}, or a reserved number up to 15. */
  readonly type: number;
  /** 1 to 65536 bytes. */
  readonly data: Uint8Array;
}

/** One track of a body: as it stands on the wire behind its FourCC, id and size. */
export interface RawTrack {
  readonly trackId: number;
  readonly fourCc: string;
  readonly data: Uint8Array;
}

/** The part that video and audio have in common behind the first byte of an extended header. */
export interface RawEnhanced {
  readonly packetType: number;
  readonly modEx: readonly ModEx[];
  readonly multitrack: number | undefined;
  readonly tracks: readonly RawTrack[];
}

/** Track ids have 8 bits: a body with more entries than there are ids is nonsense. */
const MAX_TRACKS = 256;

/** Largest `ModEx` data: 16 bits hold the size minus 1. */
const MAX_MOD_EX_DATA = 0x10000;

/** Makes a reader whose short reads are {@linkcode FlvError}s. */
export function flvReader(bytes: Uint8Array): ByteReader {
  return new ByteReader(bytes, {
    onShort: (wanted, remaining) =>
      new FlvError("truncated", `FLV data wants ${wanted} bytes where ${remaining} remain`),
  });
}

/** Reads the `ModEx` entries; the reader is behind the first byte, whose low nibble is `type`. */
export function readModEx(
  reader: ByteReader,
  type: number,
  MOD_EX: number,
): { modEx: ModEx[]; packetType: number } {
  const modEx: ModEx[] = [];
  let packetType = type;
  while (packetType === MOD_EX) {
    if (modEx.length === MAX_MOD_EX) {
      throw new FlvError("too-many-mod-ex", `Over ${MAX_MOD_EX} ModEx entries precede a packet`);
    }
    const size = modExDataSize(reader.bytes, reader.offset);
    reader.skip(modExDataOffset(reader.bytes, reader.offset) - reader.offset);
    const data = reader.view(size);
    const types = reader.u8();
    modEx.push({ type: types >> 4, data });
    packetType = types & 0x0f;
  }
  return { modEx, packetType };
}

/** Writes `modEx` and at last the nibble `packetType`; `high` is the first byte's upper nibble. */
export function writeModEx(
  writer: ByteWriter,
  { high, modEx, packetType, MOD_EX }: {
    high: number;
    modEx: readonly ModEx[];
    packetType: number;
    MOD_EX: number;
  },
): void {
  writer.u8((high << 4) | (modEx.length > 0 ? MOD_EX : packetType));
  modEx.forEach(({ type, data }, index) => {
    if (data.length === 0 || data.length > MAX_MOD_EX_DATA) {
      throw new RangeError(
        `Cannot build a ModEx as its data must have 1 to ${MAX_MOD_EX_DATA} bytes: ` +
          `current value is ${data.length}`,
      );
    }
    if (data.length < 256) writer.u8(data.length - 1);
    else writer.u8(255).u16(data.length - 1);
    const next = index + 1 < modEx.length ? MOD_EX : packetType;
    writer.bytes(data).u8((type << 4) | next);
  });
}

/** Reads what follows the packet type: the multitrack header, FourCC and tracks. */
export function readTracks(
  reader: ByteReader,
  packetType: number,
  MULTITRACK: number,
): Omit<RawEnhanced, "modEx"> | undefined {
  if (packetType !== MULTITRACK) {
    const fourCc = fourCcFromNumber(reader.u32());
    const track = { trackId: 0, fourCc, data: reader.rest() };
    return { packetType, multitrack: undefined, tracks: [track] };
  }
  const types = reader.u8();
  const multitrack = types >> 4;
  const inner = types & 0x0f;
  if (inner === MULTITRACK) {
    throw new FlvError("multitrack", "A multitrack body has a multitrack body in it");
  }
  if (multitrack > MultitrackType.ManyTracksManyCodecs) return undefined;
  return { packetType: inner, multitrack, tracks: readTrackList(reader, multitrack) };
}

function readTrackList(reader: ByteReader, multitrack: number): RawTrack[] {
  const manyCodecs = multitrack === MultitrackType.ManyTracksManyCodecs;
  const shared = manyCodecs ? "" : fourCcFromNumber(reader.u32());
  if (multitrack === MultitrackType.OneTrack) {
    return [{ trackId: reader.u8(), fourCc: shared, data: reader.rest() }];
  }
  const tracks: RawTrack[] = [];
  do {
    if (tracks.length === MAX_TRACKS) {
      throw new FlvError("too-many-tracks", `A multitrack body has over ${MAX_TRACKS} tracks`);
    }
    const fourCc = manyCodecs ? fourCcFromNumber(reader.u32()) : shared;
    const trackId = reader.u8();
    tracks.push({ trackId, fourCc, data: reader.view(reader.u24()) });
  } while (reader.remaining > 0);
  return tracks;
}

/** Writes what {@linkcode readTracks} reads, behind the packet type. */
export function writeTracks(writer: ByteWriter, body: Omit<RawEnhanced, "modEx">): void {
  const { packetType, multitrack, tracks } = body;
  const [first] = tracks;
  if (first === undefined) {
    throw new TypeError("Cannot build an enhanced body as it needs a track: current value is none");
  }
  if (multitrack !== undefined) writer.u8((multitrack << 4) | packetType);
  const manyCodecs = multitrack === MultitrackType.ManyTracksManyCodecs;
  const oneTrack = multitrack === undefined || multitrack === MultitrackType.OneTrack;
  if (oneTrack && tracks.length !== 1) {
    throw new TypeError(
      `Cannot build a body of one track as it has others: current value is ${tracks.length}`,
    );
  }
  if (!manyCodecs) writer.u32(fourCcToNumber(first.fourCc));
  for (const { trackId, fourCc, data } of tracks) {
    if (manyCodecs) writer.u32(fourCcToNumber(fourCc));
    if (multitrack !== undefined) writer.u8(trackId);
    if (!oneTrack) writer.u24(data.length);
    writer.bytes(data);
  }
}

/**
 * Returns the nanoseconds that a body's `ModEx` adds to its timestamp, 0 where it has none
 * (Enhanced RTMP v2, `TimestampOffsetNano`: below 1 000 000 by the specification).
 *
 * @throws {FlvError} `truncated` if the entry has less than its 3 bytes
 */
export function timestampOffsetNs(modEx: readonly ModEx[]): number {
  const entry = modEx.find(({ type }) => type === ModExType.TimestampOffsetNano);
  return entry === undefined ? 0 : flvReader(entry.data).u24();
}

/**
 * Makes the `ModEx` that adds `nanoseconds` (0 to 999 999) to a body's timestamp.
 *
 * @throws {RangeError} if `nanoseconds` is out of range
 */
export function timestampOffsetModEx(nanoseconds: number): ModEx {
  if (!Number.isInteger(nanoseconds) || nanoseconds < 0 || nanoseconds > 999_999) {
    throw new RangeError(
      `Cannot build a timestamp offset as it must be 0 to 999999 ns: current value is ${nanoseconds}`,
    );
  }
  const data = new Uint8Array([nanoseconds >> 16, nanoseconds >> 8, nanoseconds]);
  return { type: ModExType.TimestampOffsetNano, data };
}
