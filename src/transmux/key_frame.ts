import {
  codecOfVideo,
  FlvError,
  parseVideoBody,
  VideoFrameType,
  VideoPacketType,
} from "../flv/mod.ts";
import { type CodecName, MediaError } from "../media/mod.ts";
import { codecRow } from "./codec/table.ts";

/** What the header of a video body says of its picture. */
export interface FrameTypeFacts {
  /** Whether decoding can start here. */
  readonly keyFrame: boolean;
  /** Whether no other picture depends on it. */
  readonly discardable: boolean;
}

/**
 * Reads a frame type, `undefined` where it says neither: MediaMTX, and what else is built on gortmplib, sets
 * none on enhanced video.
 */
export function frameTypeFacts(frameType: number): FrameTypeFacts | undefined {
  switch (frameType) {
    case VideoFrameType.Key:
    case VideoFrameType.GeneratedKey:
      return { keyFrame: true, discardable: false };
    case VideoFrameType.Inter:
      return { keyFrame: false, discardable: false };
    case VideoFrameType.DisposableInter:
      return { keyFrame: false, discardable: true };
    default:
      return undefined;
  }
}

/**
 * Whether decoding can start at a picture, by its own bytes: NAL units behind lengths of four bytes, or a
 * frame that tells its track's configuration, as key frames alone do. False for what cannot be read; of a
 * codec that is not known here, each picture is as good a start as the other.
 */
export function isKeyFrame(codec: CodecName | undefined, data: Uint8Array): boolean {
  const row = codecRow(codec);
  if (row === undefined) return true;
  if (data.length === 0) return false;
  try {
    const parts = row.split?.(data, { lengthSize: 4 }) ?? [data];
    if (row.nal !== undefined) return row.nal.inspect(parts).keyFrame;
    return row.frameFacts === undefined || row.frameFacts(parts).config !== undefined;
  } catch (error) {
    if (error instanceof MediaError) return false;
    throw error;
  }
}

/** Whether decoding can start at a video body, of several tracks the first, whatever its frame type. */
export function isKeyBody(body: Uint8Array): boolean {
  try {
    const parsed = parseVideoBody(body);
    if (parsed.form === "legacy") return isKeyFrame(codecOfVideo(parsed.codecId), parsed.data);
    if (parsed.form !== "enhanced") return false;
    const isFrame = parsed.packetType === VideoPacketType.CodedFrames ||
      parsed.packetType === VideoPacketType.CodedFramesX;
    const [first] = parsed.tracks;
    return isFrame && first !== undefined && isKeyFrame(codecOfVideo(first.fourCc), first.data);
  } catch (error) {
    if (error instanceof FlvError) return false;
    throw error;
  }
}
