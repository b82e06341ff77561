import { concat } from "@std/bytes/concat";
import {
  AudioPacketType,
  buildAudioBody,
  buildVideoBody,
  fourCcOfCodec,
  VideoFrameType,
  VideoPacketType,
} from "../../flv/mod.ts";
import type { CodecName } from "../../media/mod.ts";
import type { CodedFrame } from "../coded_frame.ts";

/** The content of an enhanced video body of one track. */
export interface EnhancedVideoPacket {
  /** One of `VideoFrameType`. */
  readonly frameType: number;
  /** One of `VideoPacketType`. */
  readonly packetType: number;
  /** Presentation minus decoding time; 0 by default. */
  readonly compositionTimeMs?: number;
  /** What follows the header. */
  readonly data: Uint8Array;
}

/** The frame type of a picture. */
export function frameTypeOf({ keyFrame }: CodedFrame): number {
  return keyFrame ? VideoFrameType.Key : VideoFrameType.Inter;
}

/**
 * The composition time of a picture. Both times are rounded before they are subtracted, so that decoding time and
 * composition time add up to the rounded presentation time.
 */
export function compositionTimeOf({ dtsUs, ptsUs }: CodedFrame): number {
  return Math.round(ptsUs / 1000) - Math.round(dtsUs / 1000);
}

/** A video body with a FourCC. */
export function enhancedVideo(codec: CodecName, packet: EnhancedVideoPacket): Uint8Array {
  const { frameType, packetType, compositionTimeMs = 0, data } = packet;
  return buildVideoBody({
    form: "enhanced",
    frameType,
    packetType,
    modEx: [],
    multitrack: undefined,
    tracks: [{ trackId: 0, fourCc: fourCcOfCodec(codec)!, compositionTimeMs, data }],
  });
}

/** The body that announces a configuration of video by a FourCC. */
export function videoSequenceStart(codec: CodecName, data: Uint8Array): Uint8Array {
  const packetType = VideoPacketType.SequenceStart;
  return enhancedVideo(codec, { frameType: VideoFrameType.Key, packetType, data });
}

/** The body of a picture without composition time, by a FourCC. */
export function videoFrame(frame: CodedFrame, data: Uint8Array): Uint8Array {
  const packetType = VideoPacketType.CodedFrames;
  return enhancedVideo(frame.codec, { frameType: frameTypeOf(frame), packetType, data });
}

/** The body that announces a configuration of audio by a FourCC. */
export function audioSequenceStart(codec: CodecName, data: Uint8Array): Uint8Array {
  return enhancedAudio(codec, AudioPacketType.SequenceStart, data);
}

/** The body of a frame of audio by a FourCC. */
export function audioFrame({ codec, parts }: CodedFrame): Uint8Array {
  return enhancedAudio(codec, AudioPacketType.CodedFrames, joinParts(parts));
}

function enhancedAudio(codec: CodecName, packetType: number, data: Uint8Array): Uint8Array {
  return buildAudioBody({
    form: "enhanced",
    packetType,
    modEx: [],
    multitrack: undefined,
    tracks: [{ trackId: 0, fourCc: fourCcOfCodec(codec)!, data }],
  });
}

/** An audio body with a sound format of FLV 10.1; samples have 16 bits there. */
export function plainAudio(
  body: {
    readonly soundFormat: number;
    readonly soundRate: number;
    readonly soundType: number;
    readonly packetType?: number;
    readonly data: Uint8Array;
  },
): Uint8Array {
  return buildAudioBody({ form: "legacy", soundSize: 1, packetType: undefined, ...body });
}

/** Joins the parts of a frame without anything between them; a single part is returned as it is. */
export function joinParts(parts: readonly Uint8Array[]): Uint8Array {
  return parts.length === 1 ? parts[0]! : concat(parts);
}
