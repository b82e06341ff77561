import {
  AacPacketType,
  AudioPacketType,
  AvcPacketType,
  SoundFormat,
  VideoCodecId,
  VideoFrameType,
  VideoPacketType,
} from "./constants.ts";
import { skipModEx } from "./mod_ex.ts";

/** The facts about an audio or video body that a server needs to forward it. */
export interface BodyClass {
  /**
   * What the body is for. Beside the roles of a `MediaUnit`: `empty` has no bytes at all (RTMP's
   * "silence" message), `unknown` is a seek command, a reserved packet type, or too short to tell.
   */
  readonly role: "media" | "config" | "metadata" | "end" | "empty" | "unknown";
  /** Whether decoding can start here; true for every audio frame. */
  readonly keyFrame: boolean;
  /** Whether no other unit depends on this one; true for every audio frame. */
  readonly discardable: boolean;
}

const KEY = bodyClass("media", true, false);
const INTER = bodyClass("media", false, false);
const DISPOSABLE = bodyClass("media", false, true);
const SOUND = bodyClass("media", true, true);
const CONFIG = bodyClass("config");
const METADATA = bodyClass("metadata");
const END = bodyClass("end");
const EMPTY = bodyClass("empty");
const UNKNOWN = bodyClass("unknown");

/** Bytes of a FourCC. */
const FOURCC = 4;

/**
 * Tells what the body of an RTMP video message or FLV video tag is for, from its first bytes
 * (FLV 10.1, E.4.3.1; Enhanced RTMP v2, "Enhanced Video"), whatever the codec.
 *
 * Nothing is allocated: equal answers are the same frozen object. It never throws. A multitrack body
 * is of the one packet type that all its tracks share. Sequence headers are no key frames, though
 * their frame type says so.
 *
 * @example
 * ```ts
 * import { classifyVideo } from "@weir/server/flv";
 *
 * const avcKeyFrame = new Uint8Array([0x17, 0x01, 0, 0, 0]);
 * console.log(classifyVideo(avcKeyFrame).keyFrame); // true
 * ```
 */
export function classifyVideo(body: Uint8Array): BodyClass {
  const length = body.length;
  if (length === 0) return EMPTY;
  const first = body[0]!;
  const frameType = (first >> 4) & 7;
  if (first & 0x80) return classifyExVideo(body, frameType);
  if (frameType === VideoFrameType.Command) return UNKNOWN;
  const codecId = first & 0x0f;
  if (codecId !== VideoCodecId.Avc && codecId !== VideoCodecId.Hevc) return frame(frameType);
  if (length < 2) return UNKNOWN;
  switch (body[1]) {
    case AvcPacketType.SequenceHeader:
      return CONFIG;
    case AvcPacketType.Nalu:
      return frame(frameType);
    case AvcPacketType.EndOfSequence:
      return END;
    default:
      return UNKNOWN;
  }
}

/**
 * Tells what the body of an RTMP audio message or FLV audio tag is for, from its first bytes
 * (FLV 10.1, E.4.2.1; Enhanced RTMP v2, "Enhanced Audio"), whatever the codec.
 *
 * Nothing is allocated: equal answers are the same frozen object. It never throws. A
 * `MultichannelConfig` is `metadata`, so that it takes no sequence header's place where one of each
 * role is kept.
 *
 * @example
 * ```ts
 * import { classifyAudio } from "@weir/server/flv";
 *
 * console.log(classifyAudio(new Uint8Array([0xaf, 0x00, 0x12, 0x10])).role); // "config"
 * ```
 */
export function classifyAudio(body: Uint8Array): BodyClass {
  const length = body.length;
  if (length === 0) return EMPTY;
  const soundFormat = body[0]! >> 4;
  if (soundFormat === SoundFormat.ExHeader) return classifyExAudio(body);
  if (soundFormat !== SoundFormat.Aac) return SOUND;
  if (length < 2) return UNKNOWN;
  if (body[1] === AacPacketType.SequenceHeader) return CONFIG;
  return body[1] === AacPacketType.Raw ? SOUND : UNKNOWN;
}

function classifyExVideo(body: Uint8Array, frameType: number): BodyClass {
  const after = skipModEx(body);
  if (after < 0) return UNKNOWN;
  let at = after >> 4;
  let type = after & 0x0f;
  // The frame type means nothing for metadata; of any other packet type, a command frame has no packet behind it.
  if (frameType === VideoFrameType.Command && type !== VideoPacketType.Metadata) return UNKNOWN;
  if (type === VideoPacketType.Multitrack) {
    type = at < body.length ? body[at++]! & 0x0f : VideoPacketType.Multitrack;
  }
  if (at + FOURCC > body.length) return UNKNOWN;
  switch (type) {
    case VideoPacketType.CodedFrames:
    case VideoPacketType.CodedFramesX:
      return frame(frameType);
    case VideoPacketType.SequenceStart:
    case VideoPacketType.Mpeg2TsSequenceStart:
      return CONFIG;
    case VideoPacketType.SequenceEnd:
      return END;
    case VideoPacketType.Metadata:
      return METADATA;
    default:
      return UNKNOWN;
  }
}

function classifyExAudio(body: Uint8Array): BodyClass {
  const after = skipModEx(body);
  if (after < 0) return UNKNOWN;
  let at = after >> 4;
  let type = after & 0x0f;
  if (type === AudioPacketType.Multitrack) {
    type = at < body.length ? body[at++]! & 0x0f : AudioPacketType.Multitrack;
  }
  if (at + FOURCC > body.length) return UNKNOWN;
  switch (type) {
    case AudioPacketType.CodedFrames:
      return SOUND;
    case AudioPacketType.SequenceStart:
      return CONFIG;
    case AudioPacketType.SequenceEnd:
      return END;
    case AudioPacketType.MultichannelConfig:
      return METADATA;
    default:
      return UNKNOWN;
  }
}

function frame(frameType: number): BodyClass {
  switch (frameType) {
    case VideoFrameType.Key:
    case VideoFrameType.GeneratedKey:
      return KEY;
    case VideoFrameType.DisposableInter:
      return DISPOSABLE;
    default:
      return INTER;
  }
}

function bodyClass(role: BodyClass["role"], keyFrame = false, discardable = false): BodyClass {
  return Object.freeze({ role, keyFrame, discardable });
}
