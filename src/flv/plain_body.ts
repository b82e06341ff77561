import type { CodecName } from "../media/mod.ts";
import {
  type AudioBody,
  buildAudioBody,
  type EnhancedAudioBody,
  parseAudioBody,
} from "./audio_body.ts";
import { codecOfAudio, codecOfVideo, plainIdOfCodec } from "./codec_ids.ts";
import {
  AacPacketType,
  AudioPacketType,
  AvcPacketType,
  SoundFormat,
  VideoPacketType,
} from "./constants.ts";
import {
  buildVideoBody,
  type EnhancedVideoBody,
  parseVideoBody,
  type VideoBody,
} from "./video_body.ts";

/** The choice of a track of a multitrack body. */
export interface PlainBodyOptions {
  /** The track; 0, the default one by the specification ("Track Ordering"), where not given. */
  readonly trackId?: number;
}

/** The facts about a body that are not in its bytes. */
export interface BareBodyOptions extends PlainBodyOptions {
  /** Frame type where the body has none, which players of plain RTMP know nothing of. */
  readonly frameType?: number;
}

/**
 * Turns a multitrack video body into the plain body of one track, for players that know no
 * multitrack. Other bodies are returned as they are; `undefined` means that the track is not in it.
 *
 * @throws {FlvError} if the body is malformed
 */
export function plainVideoBody(
  body: Uint8Array,
  { trackId = 0 }: PlainBodyOptions = {},
): Uint8Array | undefined {
  if (!isExVideo(body)) return body;
  const parsed = parseVideoBody(body);
  const plain = oneTrack(parsed, trackId);
  if (plain === undefined) return undefined;
  return plain === parsed ? body : buildVideoBody(plain);
}

/**
 * Turns a multitrack audio body into the plain body of one track, for players that know no
 * multitrack. Other bodies are returned as they are; `undefined` means that the track is not in it.
 *
 * @throws {FlvError} if the body is malformed
 */
export function plainAudioBody(
  body: Uint8Array,
  { trackId = 0 }: PlainBodyOptions = {},
): Uint8Array | undefined {
  if (!isExAudio(body)) return body;
  const parsed = parseAudioBody(body);
  const plain = oneTrack(parsed, trackId);
  if (plain === undefined) return undefined;
  return plain === parsed ? body : buildAudioBody(plain);
}

/**
 * Takes the `ModEx` entries off a video body, for players of Enhanced RTMP v1. A body that has none
 * is returned as it is.
 *
 * @throws {FlvError} if the body is malformed
 */
export function stripVideoModEx(body: Uint8Array): Uint8Array {
  if (!isExVideo(body) || (body[0]! & 0x0f) !== VideoPacketType.ModEx) return body;
  const parsed = parseVideoBody(body);
  return parsed.form === "enhanced" ? buildVideoBody({ ...parsed, modEx: [] }) : body;
}

/**
 * Takes the `ModEx` entries off an audio body, for players of Enhanced RTMP v1. A body that has none
 * is returned as it is.
 *
 * @throws {FlvError} if the body is malformed
 */
export function stripAudioModEx(body: Uint8Array): Uint8Array {
  if (!isExAudio(body) || (body[0]! & 0x0f) !== AudioPacketType.ModEx) return body;
  const parsed = parseAudioBody(body);
  return parsed.form === "enhanced" ? buildAudioBody({ ...parsed, modEx: [] }) : body;
}

/**
 * Turns an enhanced body of H.264 (`avc1`) into the legacy one with codec id 7, for players that
 * know no FourCC; `ModEx` is lost. Returns `undefined` where no legacy form exists: another codec,
 * metadata, several tracks. Legacy bodies are returned as they are.
 *
 * @throws {FlvError} if the body is malformed
 */
export function legacyVideoBody(body: Uint8Array): Uint8Array | undefined {
  if (!isExVideo(body)) return body;
  const parsed = parseVideoBody(body);
  if (parsed.form !== "enhanced" || parsed.tracks.length > 1) return undefined;
  return legacyVideo(parsed);
}

/**
 * Turns a video body into the one for players that know nothing of Enhanced RTMP: of one track, without
 * `ModEx`, with the codec id of FLV 10.1 where its codec has one, else with the FourCC, which some that do
 * not say so can take. Returns `undefined` for what they can do without: another track, metadata. Legacy
 * bodies are returned as they are.
 *
 * @throws {FlvError} if the body is malformed
 */
export function bareVideoBody(
  body: Uint8Array,
  { trackId = 0, frameType = 0 }: BareBodyOptions = {},
): Uint8Array | undefined {
  if (!isExVideo(body)) return body;
  const parsed = oneTrack(parseVideoBody(body), trackId);
  if (parsed?.form !== "enhanced" || parsed.packetType === VideoPacketType.Metadata) {
    return undefined;
  }
  if (plainIdOf(codecOfVideo(parsed.tracks[0]!.fourCc)) !== undefined) {
    return legacyVideo({ ...parsed, frameType: parsed.frameType || frameType });
  }
  const first = body[0]! & 0x0f;
  const isBare = first !== VideoPacketType.Multitrack && first !== VideoPacketType.ModEx;
  return isBare ? body : buildVideoBody({ ...parsed, modEx: [] });
}

/**
 * Turns an audio body into the one for players that know nothing of Enhanced RTMP, as
 * {@linkcode bareVideoBody} does; `MultichannelConfig` is what they can do without.
 *
 * @throws {FlvError} if the body is malformed
 */
export function bareAudioBody(
  body: Uint8Array,
  { trackId = 0 }: PlainBodyOptions = {},
): Uint8Array | undefined {
  if (!isExAudio(body)) return body;
  const parsed = oneTrack(parseAudioBody(body), trackId);
  if (parsed?.form !== "enhanced" || parsed.packetType === AudioPacketType.MultichannelConfig) {
    return undefined;
  }
  if (plainIdOf(codecOfAudio(parsed.tracks[0]!.fourCc)) !== undefined) return legacyAudio(parsed);
  const first = body[0]! & 0x0f;
  const isBare = first !== AudioPacketType.Multitrack && first !== AudioPacketType.ModEx;
  return isBare ? body : buildAudioBody({ ...parsed, modEx: [] });
}

function plainIdOf(codec: CodecName | undefined): number | undefined {
  return codec === undefined ? undefined : plainIdOfCodec(codec);
}

function legacyVideo({ frameType, ...parsed }: EnhancedVideoBody): Uint8Array | undefined {
  const { fourCc, compositionTimeMs, data } = parsed.tracks[0]!;
  const packetType = LEGACY_PACKET_TYPES.get(parsed.packetType);
  const codecId = plainIdOf(codecOfVideo(fourCc));
  if (codecId === undefined || packetType === undefined) return undefined;
  return buildVideoBody({
    form: "legacy",
    frameType,
    codecId,
    packetType,
    compositionTimeMs,
    data,
  });
}

/**
 * Makes the plain body. Its header states 44 kHz and stereo: AAC always does (FLV 10.1, E.4.2.1), and decoders of MP3
 * ask the frame.
 */
function legacyAudio({ packetType, tracks }: EnhancedAudioBody): Uint8Array | undefined {
  const { fourCc, data } = tracks[0]!;
  const soundFormat = plainIdOf(codecOfAudio(fourCc));
  const isStart = packetType === AudioPacketType.SequenceStart;
  const hasStart = soundFormat === SoundFormat.Aac;
  const isCarried = packetType === AudioPacketType.CodedFrames || (isStart && hasStart);
  if (soundFormat === undefined || !isCarried) return undefined;
  const aacType = isStart ? AacPacketType.SequenceHeader : AacPacketType.Raw;
  return buildAudioBody({
    form: "legacy",
    soundFormat,
    soundRate: 3,
    soundSize: 1,
    soundType: 1,
    packetType: hasStart ? aacType : undefined,
    data,
  });
}

const LEGACY_PACKET_TYPES = new Map<number, number>([
  [VideoPacketType.SequenceStart, AvcPacketType.SequenceHeader],
  [VideoPacketType.CodedFrames, AvcPacketType.Nalu],
  [VideoPacketType.CodedFramesX, AvcPacketType.Nalu],
  [VideoPacketType.SequenceEnd, AvcPacketType.EndOfSequence],
]);

function isExVideo(body: Uint8Array): boolean {
  return body.length > 0 && (body[0]! & 0x80) !== 0;
}

function isExAudio(body: Uint8Array): boolean {
  return body.length > 0 && body[0]! >> 4 === SoundFormat.ExHeader;
}

function oneTrack<T extends VideoBody | AudioBody>(body: T, trackId: number): T | undefined {
  if (body.form !== "enhanced" || body.multitrack === undefined) return body;
  const track = body.tracks.find((candidate) => candidate.trackId === trackId);
  return track && { ...body, multitrack: undefined, tracks: [{ ...track, trackId: 0 }] };
}
