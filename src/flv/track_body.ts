import {
  AacPacketType,
  AudioPacketType,
  AvcPacketType,
  MultitrackType,
  VideoPacketType,
} from "./constants.ts";
import { buildAudioBody, parseAudioBody } from "./audio_body.ts";
import { codecOfAudio, codecOfVideo, fourCcOfCodec } from "./codec_ids.ts";
import { buildVideoBody, parseVideoBody } from "./video_body.ts";

/**
 * Turns a plain video body into the multitrack body of one track (Enhanced RTMP v2, `OneTrack`): what
 * {@linkcode plainVideoBody} undoes. `undefined` where its codec has no FourCC, or it has several tracks.
 *
 * @throws {FlvError} if the body is malformed
 *
 * @example
 * ```ts
 * import { parseVideoBody, trackVideoBody } from "@weir/server/flv";
 *
 * const body = trackVideoBody(new Uint8Array([0x27, 1, 0, 0, 40, 0, 0, 0, 1, 0x41]), 3);
 * const parsed = parseVideoBody(body!);
 * console.log(parsed.form === "enhanced" && parsed.tracks[0]?.trackId); // 3
 * ```
 */
export function trackVideoBody(body: Uint8Array, trackId: number): Uint8Array | undefined {
  const parsed = parseVideoBody(body);
  const multitrack = MultitrackType.OneTrack;
  if (parsed.form === "enhanced") {
    const [only] = parsed.tracks;
    if (parsed.tracks.length !== 1) return undefined;
    return buildVideoBody({ ...parsed, multitrack, tracks: [{ ...only!, trackId }] });
  }
  if (parsed.form !== "legacy") return undefined;
  const { codecId, packetType, frameType, compositionTimeMs, data } = parsed;
  const codec = codecOfVideo(codecId);
  const fourCc = codec && fourCcOfCodec(codec);
  if (fourCc === undefined) return undefined;
  return buildVideoBody({
    ...{ form: "enhanced", frameType, modEx: [], multitrack },
    packetType: packetType === AvcPacketType.SequenceHeader
      ? VideoPacketType.SequenceStart
      : packetType === AvcPacketType.EndOfSequence
      ? VideoPacketType.SequenceEnd
      : VideoPacketType.CodedFrames,
    tracks: [{ trackId, fourCc, compositionTimeMs, data }],
  });
}

/**
 * Turns a plain audio body into the multitrack body of one track (Enhanced RTMP v2, `OneTrack`): what
 * {@linkcode plainAudioBody} undoes. `undefined` where its codec has no FourCC (G.711), or it has several tracks.
 *
 * @throws {FlvError} if the body is malformed
 */
export function trackAudioBody(body: Uint8Array, trackId: number): Uint8Array | undefined {
  const parsed = parseAudioBody(body);
  const multitrack = MultitrackType.OneTrack;
  if (parsed.form === "enhanced") {
    const [only] = parsed.tracks;
    if (parsed.tracks.length !== 1) return undefined;
    return buildAudioBody({ ...parsed, multitrack, tracks: [{ ...only!, trackId }] });
  }
  if (parsed.form !== "legacy") return undefined;
  const { soundFormat, packetType, data } = parsed;
  const codec = codecOfAudio(soundFormat);
  const fourCc = codec && fourCcOfCodec(codec);
  if (fourCc === undefined) return undefined;
  return buildAudioBody({
    ...{ form: "enhanced", modEx: [], multitrack },
    packetType: packetType === AacPacketType.SequenceHeader
      ? AudioPacketType.SequenceStart
      : AudioPacketType.CodedFrames,
    tracks: [{ trackId, fourCc, data }],
  });
}
