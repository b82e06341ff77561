import {
  AacPacketType,
  AudioPacketType,
  AvcPacketType,
  buildAudioBody,
  buildVideoBody,
  fourCcOfCodec,
  SoundFormat,
  VideoCodecId,
  VideoFrameType,
  VideoPacketType,
} from "../flv/mod.ts";
import {
  buildVpxConfig,
  type CodecName,
  G711_SAMPLE_RATE,
  joinLengthPrefixed,
  parseMp3Header,
  parseVpxConfig,
  type Track,
} from "../media/mod.ts";
import type { CodedFrame } from "./coded_frame.ts";
import { joinObuParts, joinParts } from "./frame_parts.ts";
import { isNalCodec, isParameterSet, type NalCodec } from "./nal_codec.ts";

/** Codecs that players cannot begin to decode without a sequence header. */
const NEEDS_HEADER: ReadonlySet<CodecName> = new Set([
  "h264",
  "h265",
  "av1",
  "vp8",
  "vp9",
  "aac",
  "opus",
  "flac",
]);

/** Whether FLV announces this codec with a sequence header, before which no frame can go. */
export function needsSequenceHeader(codec: CodecName): boolean {
  return NEEDS_HEADER.has(codec);
}

/** Why FLV cannot carry a track, or `undefined` where it can. */
export function whyNotInFlv({ kind, codec, sampleRate, channels }: Track): string | undefined {
  if (kind === "data") return "FLV has no place for its data";
  if (codec === undefined) return "its codec is not known";
  if (codec === "mpeg4" || codec === "lpcm") return `FLV has no codec id for ${codec} here`;
  if (codec !== "pcma" && codec !== "pcmu") return undefined;
  if ((sampleRate ?? G711_SAMPLE_RATE) !== G711_SAMPLE_RATE) {
    return `G.711 has 8000 samples a second in FLV: it has ${sampleRate}`;
  }
  return (channels ?? 1) > 2 ? `G.711 has two channels in FLV: it has ${channels}` : undefined;
}

/** The body that announces the configuration of a track, in the codec's ISO form. */
export function sequenceHeaderBody(codec: CodecName, config: Uint8Array): Uint8Array {
  switch (codec) {
    case "h264":
      return buildVideoBody({
        form: "legacy",
        frameType: VideoFrameType.Key,
        codecId: VideoCodecId.Avc,
        packetType: AvcPacketType.SequenceHeader,
        compositionTimeMs: 0,
        data: config,
      });
    case "aac":
      return aacBody(AacPacketType.SequenceHeader, config);
    case "opus":
      return enhancedAudio(codec, AudioPacketType.SequenceStart, config);
    case "flac":
      return enhancedAudio(codec, AudioPacketType.SequenceStart, flacStart(config));
    case "vp8":
    case "vp9":
      // FFmpeg writes and reads version and flags, as in the box.
      return enhancedVideo(codec, {
        frameType: VideoFrameType.Key,
        packetType: VideoPacketType.SequenceStart,
        data: buildVpxConfig(parseVpxConfig(config), { boxed: true }),
      });
    default:
      return enhancedVideo(codec, {
        frameType: VideoFrameType.Key,
        packetType: VideoPacketType.SequenceStart,
        data: config,
      });
  }
}

/** The body that says that a track of video has ended. */
export function sequenceEndBody(codec: NalCodec): Uint8Array {
  if (codec === "h264") {
    return buildVideoBody({
      form: "legacy",
      frameType: VideoFrameType.Key,
      codecId: VideoCodecId.Avc,
      packetType: AvcPacketType.EndOfSequence,
      compositionTimeMs: 0,
      data: new Uint8Array(0),
    });
  }
  return enhancedVideo(codec, {
    frameType: VideoFrameType.Key,
    packetType: VideoPacketType.SequenceEnd,
    data: new Uint8Array(0),
  });
}

/** `fLaC` and STREAMINFO as the last metadata block (Enhanced RTMP v2, `FlacSequenceStart`). */
function flacStart(streamInfo: Uint8Array): Uint8Array {
  const head = new Uint8Array([0x66, 0x4c, 0x61, 0x43, 0x80, 0, 0, streamInfo.length]);
  return joinParts([head, streamInfo]);
}

/**
 * The body of a frame of a track, of which FLV has a place.
 *
 * @throws {MediaError} if the frame's own header cannot be read
 * @throws {RangeError} if presentation and decoding time are over two hours apart
 */
export function frameBody(frame: CodedFrame, track: Track): Uint8Array {
  const { codec, parts } = frame;
  switch (codec) {
    case "h264":
      return buildVideoBody({
        form: "legacy",
        frameType: frameTypeOf(frame),
        codecId: VideoCodecId.Avc,
        packetType: AvcPacketType.Nalu,
        compositionTimeMs: compositionTimeOf(frame),
        data: nalData(frame),
      });
    case "h265":
    case "av1":
    case "vp8":
    case "vp9":
      return enhancedFrame(frame);
    case "aac":
      return aacBody(AacPacketType.Raw, joinParts(parts));
    case "mp3":
      return mp3Body(joinParts(parts));
    case "pcma":
    case "pcmu":
      return legacyAudio({
        soundFormat: codec === "pcma" ? SoundFormat.G711ALaw : SoundFormat.G711MuLaw,
        soundRate: 0,
        soundType: track.channels === 2 ? 1 : 0,
        data: joinParts(parts),
      });
    default:
      return enhancedAudio(codec, AudioPacketType.CodedFrames, joinParts(parts));
  }
}

function frameTypeOf({ keyFrame }: CodedFrame): number {
  return keyFrame ? VideoFrameType.Key : VideoFrameType.Inter;
}

/** Of times rounded apart, so that decoding time and difference add up to the presentation time. */
function compositionTimeOf({ dtsUs, ptsUs }: CodedFrame): number {
  return Math.round(ptsUs / 1000) - Math.round(dtsUs / 1000);
}

/** The sequence header has the parameter sets; players do not expect them among the NAL units. */
function nalData({ codec, parts }: CodedFrame): Uint8Array {
  const units = isNalCodec(codec) ? parts.filter((part) => !isParameterSet(codec, part)) : parts;
  return joinLengthPrefixed(units);
}

function enhancedFrame(frame: CodedFrame): Uint8Array {
  const { codec, parts } = frame;
  const compositionTimeMs = codec === "h265" ? compositionTimeOf(frame) : 0;
  // CodedFramesX leaves a composition time of 0 out.
  const isPlain = codec === "h265" && compositionTimeMs === 0;
  return enhancedVideo(codec, {
    frameType: frameTypeOf(frame),
    packetType: isPlain ? VideoPacketType.CodedFramesX : VideoPacketType.CodedFrames,
    compositionTimeMs,
    data: codec === "h265"
      ? nalData(frame)
      : codec === "av1"
      ? joinObuParts(parts)
      : joinParts(parts),
  });
}

function enhancedVideo(
  codec: CodecName,
  packet: {
    readonly frameType: number;
    readonly packetType: number;
    readonly compositionTimeMs?: number;
    readonly data: Uint8Array;
  },
): Uint8Array {
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

function enhancedAudio(codec: CodecName, packetType: number, data: Uint8Array): Uint8Array {
  return buildAudioBody({
    form: "enhanced",
    packetType,
    modEx: [],
    multitrack: undefined,
    tracks: [{ trackId: 0, fourCc: fourCcOfCodec(codec)!, data }],
  });
}

/** FLV 10.1, E.4.2.1: AAC always says 44 kHz and stereo, whatever it is. */
function aacBody(packetType: number, data: Uint8Array): Uint8Array {
  return legacyAudio({
    soundFormat: SoundFormat.Aac,
    soundRate: 3,
    soundType: 1,
    packetType,
    data,
  });
}

/** The header's two bits know four rates; decoders go by the frame. */
function mp3Body(data: Uint8Array): Uint8Array {
  const { sampleRate, channels } = parseMp3Header(data);
  const soundFormat = sampleRate === 8000 ? SoundFormat.Mp38k : SoundFormat.Mp3;
  const soundRate = sampleRate >= 32_000 ? 3 : sampleRate >= 16_000 ? 2 : 1;
  return legacyAudio({ soundFormat, soundRate, soundType: channels - 1, data });
}

function legacyAudio(
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
