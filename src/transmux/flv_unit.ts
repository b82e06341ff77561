import { AmfError, decodeAmf0 } from "../amf/mod.ts";
import {
  AudioPacketType,
  AvcPacketType,
  type BodyClass,
  buildAudioBody,
  buildVideoBody,
  classifyAudio,
  classifyVideo,
  FlvError,
  MultitrackType,
  parseAudioBody,
  parseVideoBody,
  SoundFormat,
  VideoCodecId,
  VideoPacketType,
} from "../flv/mod.ts";
import type { MediaUnit, UnitRole } from "../media/mod.ts";
import { frameTypeFacts, isKeyBody } from "./key_frame.ts";
import { readableMetadata } from "./track_metadata.ts";

/** An audio, video or data body as RTMP messages and FLV tags carry it, with its time. */
export interface FlvBody {
  /** What kind of message or tag it is. */
  readonly kind: "audio" | "video" | "data";
  /** Decoding time in microseconds; wraps are the caller's to undo. */
  readonly dtsUs: number;
  /** The body. */
  readonly body: Uint8Array;
}

const textDecoder = new TextDecoder();

/** AMF0 markers that a data message can begin with. */
const NUMBER_MARKER = 0x00;
const STRING_MARKER = 0x02;
const NUMBER_BYTES = 9;
/**
 * Numbers that may stand before the name of a data message: Uniview cameras put two there, and no known device more.
 */
const MOST_STRAY_NUMBERS = 2;

/**
 * Makes a unit of an FLV body, looking at no more than its first bytes, unless these do not say whether a
 * picture is a key frame. `undefined` when there is nothing in it to forward: an empty body, or data that
 * takes metadata back.
 *
 * Data loses its `@setDataFrame`, which is meant for the server alone. Metadata that cannot be read, or
 * says nothing, becomes `EMPTY_METADATA`, and other data that cannot be read is nothing: `onUnreadable` is
 * told of both.
 *
 * @example
 * ```ts
 * import { unitOfFlv } from "@weir/server/transmux";
 *
 * const body = new Uint8Array([0x17, 1, 0, 0, 40, 0, 0, 0, 1, 0x65]);
 * const unit = unitOfFlv({ kind: "video", dtsUs: 1_000_000, body });
 * console.log(unit?.keyFrame, unit?.ptsUs); // true 1040000
 * ```
 */
export function unitOfFlv(
  flv: FlvBody,
  { onUnreadable }: { readonly onUnreadable?: () => void } = {},
): MediaUnit | undefined {
  switch (flv.kind) {
    case "video":
      return mediaUnit(flv, classifyVideo(flv.body));
    case "audio":
      return mediaUnit(flv, classifyAudio(flv.body));
    case "data":
      return dataUnit(flv, onUnreadable);
  }
}

/**
 * The units of an FLV body: that of {@linkcode unitOfFlv}, or for one that holds several tracks a unit for each, whose
 * body holds that track alone, since players choose tracks, and headers are kept by track.
 */
export function unitsOfFlv(
  flv: FlvBody,
  options: { readonly onUnreadable?: () => void } = {},
): MediaUnit[] {
  if (!mayHoldTracks(flv)) return listOf(unitOfFlv(flv, options));
  return bodiesByTrack(flv).flatMap((body) => listOf(unitOfFlv({ ...flv, body }, options)));
}

function listOf(unit: MediaUnit | undefined): MediaUnit[] {
  return unit === undefined ? [] : [unit];
}

function bodiesByTrack({ kind, body }: FlvBody): Uint8Array[] {
  const multitrack = MultitrackType.OneTrack;
  try {
    if (kind === "video") {
      const parsed = parseVideoBody(body);
      if (parsed.form !== "enhanced" || parsed.tracks.length < 2) return [body];
      return parsed.tracks.map((track) =>
        buildVideoBody({ ...parsed, multitrack, tracks: [track] })
      );
    }
    const parsed = parseAudioBody(body);
    if (parsed.form !== "enhanced" || parsed.tracks.length < 2) return [body];
    return parsed.tracks.map((track) => buildAudioBody({ ...parsed, multitrack, tracks: [track] }));
  } catch (error) {
    if (error instanceof FlvError) return [body];
    throw error;
  }
}

function mediaUnit(flv: FlvBody, bodyClass: BodyClass): MediaUnit | undefined {
  const { kind, dtsUs, body } = flv;
  if (bodyClass.role === "empty") return undefined;
  // A packet of an unknown type is passed on as media at which decoding cannot start.
  const role: UnitRole = bodyClass.role === "unknown" ? "media" : bodyClass.role;
  const offsetMs = kind === "video" && role === "media" ? compositionTimeMs(body) : 0;
  return {
    kind,
    role,
    track: trackOf(flv),
    dtsUs,
    ptsUs: dtsUs + offsetMs * 1000,
    keyFrame: bodyClass.keyFrame ||
      (bodyClass.role === "media" && saysNothing(flv) && isKeyBody(body)),
    discardable: bodyClass.discardable,
    payload: { format: "flv", body },
  };
}

/** Whether the frame type of a body says neither key nor inter. */
function saysNothing({ kind, body }: FlvBody): boolean {
  return kind === "video" && frameTypeFacts((body[0]! >> 4) & 7) === undefined;
}

/**
 * The track of a body, the first of several: headers are kept apart by it, and readers start at key frames
 * of the main one. Only a body that says so is of another track than 0; `ModEx` may stand before that.
 */
function trackOf({ kind, body, dtsUs }: FlvBody): number {
  if (!mayHoldTracks({ kind, body, dtsUs })) return 0;
  try {
    const parsed = kind === "video" ? parseVideoBody(body) : parseAudioBody(body);
    return parsed.form === "enhanced" ? parsed.tracks[0]?.trackId ?? 0 : 0;
  } catch (error) {
    if (error instanceof FlvError) return 0;
    throw error;
  }
}

/** Whether the first byte of a body lets it say of which tracks it is: `ModEx` may stand before that. */
function mayHoldTracks({ kind, body }: FlvBody): boolean {
  const first = body[0] ?? 0;
  const type = first & 0x0f;
  if (kind === "data") return false;
  return kind === "video"
    ? (first & 0x80) !== 0 &&
      (type === VideoPacketType.Multitrack || type === VideoPacketType.ModEx)
    : first >> 4 === SoundFormat.ExHeader &&
      (type === AudioPacketType.Multitrack || type === AudioPacketType.ModEx);
}

/**
 * The unit at other times, microseconds. The body of an FLV picture tells how long after its decoding it is shown, and is
 * written anew where that differs.
 */
export function unitAt(
  unit: MediaUnit,
  { dtsUs, ptsUs }: { readonly dtsUs: number; readonly ptsUs: number },
): MediaUnit {
  const moved = { ...unit, dtsUs, ptsUs };
  const { payload } = unit;
  if (payload.format !== "flv" || unit.kind !== "video" || unit.role !== "media") return moved;
  const offsetMs = Math.round((ptsUs - dtsUs) / 1000);
  if (compositionTimeMs(payload.body) === offsetMs) return moved;
  try {
    const parsed = parseVideoBody(payload.body);
    const body = parsed.form === "enhanced"
      ? {
        ...parsed,
        tracks: parsed.tracks.map((track) => ({ ...track, compositionTimeMs: offsetMs })),
      }
      : { ...parsed, compositionTimeMs: offsetMs };
    return { ...moved, payload: { format: "flv", body: buildVideoBody(body) } };
  } catch (error) {
    if (error instanceof FlvError) return moved;
    throw error;
  }
}

function compositionTimeMs(body: Uint8Array): number {
  const first = body[0]!;
  if (first & 0x80) return enhancedCompositionTimeMs(body, first & 0x0f);
  const codecId = first & 0x0f;
  const hasTime = (codecId === VideoCodecId.Avc || codecId === VideoCodecId.Hevc) &&
    body[1] === AvcPacketType.Nalu && body.length >= 5;
  return hasTime ? int24(body, 2) : 0;
}

function enhancedCompositionTimeMs(body: Uint8Array, packetType: number): number {
  if (packetType !== VideoPacketType.CodedFrames && packetType < VideoPacketType.Multitrack) {
    return 0;
  }
  try {
    const parsed = parseVideoBody(body);
    return parsed.form === "enhanced" ? parsed.tracks[0]?.compositionTimeMs ?? 0 : 0;
  } catch (error) {
    if (error instanceof FlvError) return 0;
    throw error;
  }
}

function int24(body: Uint8Array, at: number): number {
  return ((body[at]! << 24) | (body[at + 1]! << 16) | (body[at + 2]! << 8)) >> 8;
}

function dataUnit(
  { dtsUs, body }: FlvBody,
  onUnreadable: (() => void) | undefined,
): MediaUnit | undefined {
  let start = 0;
  for (let stray = 0; stray < MOST_STRAY_NUMBERS; stray++) {
    if (body[start] === NUMBER_MARKER) start += NUMBER_BYTES;
  }
  let name = stringAt(body, start);
  if (name === "@clearDataFrame") return undefined;
  if (name === "@setDataFrame") {
    start += 3 + name.length;
    name = stringAt(body, start);
  }
  // Without a name it is not for players.
  if (name === undefined) return undefined;
  const isMetadata = name === "onMetaData";
  const data = body.subarray(start);
  const readable = isMetadata ? readableMetadata(data) : isAmf0(data) ? data : undefined;
  if (readable !== data) onUnreadable?.();
  if (readable === undefined) return undefined;
  return {
    kind: "data",
    role: isMetadata ? "metadata" : "media",
    track: 0,
    dtsUs,
    ptsUs: dtsUs,
    keyFrame: false,
    discardable: true,
    payload: { format: "flv", body: readable },
  };
}

function isAmf0(body: Uint8Array): boolean {
  try {
    decodeAmf0(body);
    return true;
  } catch (error) {
    if (error instanceof AmfError) return false;
    throw error;
  }
}

/** The AMF0 string at `at`, `undefined` where there is none. */
function stringAt(body: Uint8Array, at: number): string | undefined {
  if (body[at] !== STRING_MARKER || at + 3 > body.length) return undefined;
  const end = at + 3 + (body[at + 1]! << 8 | body[at + 2]!);
  return end > body.length ? undefined : textDecoder.decode(body.subarray(at + 3, end));
}
