import { equals } from "@std/bytes/equals";
import { buildOnMetaData, type OnMetaData } from "../flv/mod.ts";
import {
  type CodecName,
  isAnnexB,
  MediaError,
  type NalLengthSize,
  splitAnnexB,
  splitLengthPrefixed,
  type Track,
  type TrackKind,
} from "../media/mod.ts";
import type { CodedFrame } from "./coded_frame.ts";
import type { Codec, FlvForm } from "./codec/codec.ts";
import { isDelimiter, isParameterSet, type NalRules } from "./codec/nal_rules.ts";
import { ALL_CODECS, codecRow } from "./codec/table.ts";
import { ParameterSets } from "./parameter_sets.ts";
import { trackWithConfig } from "./track_config.ts";

/** An audio, video or data body with the time that RTMP messages and FLV tags carry. */
export interface FlvMessage {
  /** What kind of message or tag it is. */
  readonly kind: "audio" | "video" | "data";
  /** Decoding time in milliseconds, at least 0; beyond 2^32 the carrier wraps it. */
  readonly timestampMs: number;
  /** The body. */
  readonly body: Uint8Array;
}

/** The video that a writer is given. */
export interface FrameWriterVideo {
  /** Its codec: one of NAL units, H.264 or H.265. */
  readonly codec: CodecName;
  /**
   * How its access units are laid out: behind start codes (Annex B), or each NAL unit behind its length
   * (of as many bytes as `config` says, else 4). Looked for in the first access unit by default.
   */
  readonly format?: "annex-b" | "length-prefixed";
  /** avcC or hvcC; not needed where parameter sets come in band. */
  readonly config?: Uint8Array;
}

/** The audio that a writer is given. */
export interface FrameWriterAudio {
  /** Its codec: AAC or Opus, whose frames tell their configuration, or leave it to `config`. */
  readonly codec: CodecName;
  /** AudioSpecificConfig or OpusHead. Not needed for AAC with ADTS headers, nor for mono or stereo Opus. */
  readonly config?: Uint8Array;
}

/** Options of an {@linkcode FlvFrameWriter}. */
export interface FlvFrameWriterOptions {
  /** The video, where some is to come. */
  readonly video?: FrameWriterVideo;
  /** The audio, where some is to come. */
  readonly audio?: FrameWriterAudio;
  /** What else `onMetaData` is to say, such as the encoder's name and bit rates. */
  readonly metadata?: OnMetaData;
  /**
   * Longest span of audio that waits for video, microseconds. Default 5 000 000. After that the audio
   * goes alone, and video joins when it comes.
   */
  readonly maxWaitUs?: number;
}

/** One access unit of video. */
export interface VideoAccessUnit {
  /** The access unit, with or without its parameter sets. */
  readonly data: Uint8Array;
  /** Decoding time in microseconds, not going back. */
  readonly dtsUs: number;
  /** Presentation time in microseconds; the decoding time by default. */
  readonly ptsUs?: number;
  /** avcC or hvcC from here on, where it changes out of band. */
  readonly config?: Uint8Array;
}

/** One frame of audio; of AAC with ADTS headers, one or more. */
export interface AudioFrame {
  /** The frame; not changed until it was written out. */
  readonly data: Uint8Array;
  /** Presentation time in microseconds. */
  readonly ptsUs: number;
  /** AudioSpecificConfig or OpusHead from here on, where it changes. */
  readonly config?: Uint8Array;
}

/**
 * Audio frames that wait at most: a little more than `maxWaitUs` has by default of the shortest ones, 2.5 ms of Opus.
 */
const MOST_HELD_FRAMES = 2048;

interface HeldAudio {
  readonly ptsUs: number;
  readonly config: Uint8Array;
  readonly data: Uint8Array;
}

/**
 * Makes FLV bodies, for an RTMP publication or an FLV file, of coded pictures and sound: `onMetaData` and
 * sequence headers come before the first frame of each codec, and again when they change. It starts at
 * the first key frame of video; audio waits for that, and what is older is dropped. H.265 and Opus are
 * written as Enhanced RTMP has them (v2, "Enhanced Video", "Enhanced Audio").
 *
 * The first time that is written out becomes 0.
 *
 * @example
 * ```ts
 * import { FlvFrameWriter } from "@weir/server/transmux";
 *
 * const writer = new FlvFrameWriter({
 *   audio: { codec: "aac", config: new Uint8Array([0x12, 0x10]) },
 * });
 * const messages = writer.writeAudio({ data: new Uint8Array([0x21, 0x10]), ptsUs: 5_000_000 });
 * console.log(messages.map(({ kind }) => kind)); // [ "data", "audio", "audio" ]
 * console.log(messages[2]?.timestampMs); // 0
 * ```
 */
export class FlvFrameWriter {
  readonly #video: FrameWriterVideo | undefined;
  readonly #audio: FrameWriterAudio | undefined;
  readonly #rules: NalRules | undefined;
  readonly #ofEncoder: Codec["ofEncoder"];
  readonly #metadata: OnMetaData;
  readonly #maxWaitUs: number;
  readonly #sets: ParameterSets | undefined;
  #format: "annex-b" | "length-prefixed" | undefined;
  #lengthSize: NalLengthSize = 4;
  #audioConfig: Uint8Array | undefined;
  #originUs: number | undefined;
  #startedVideo = false;
  #startedAudio = false;
  #sentVideoConfig: Uint8Array | undefined;
  #sentAudioConfig: Uint8Array | undefined;
  #sentMetadata: Uint8Array | undefined;
  #held: HeldAudio[] = [];
  #lastUs = 0;
  #droppedVideo = 0;
  #droppedAudio = 0;

  /**
   * Makes a writer of one video track, one audio track, or both.
   *
   * @throws {TypeError} if there is neither, or a codec is none that a writer knows
   * @throws {MediaError} if the video's configuration is malformed
   */
  constructor(options: FlvFrameWriterOptions) {
    const { video, audio, metadata = {}, maxWaitUs = 5_000_000 } = options;
    if (video === undefined && audio === undefined) {
      throw new TypeError(
        "Cannot write frames as there must be video or audio: current value is none",
      );
    }
    this.#video = video;
    this.#audio = audio;
    this.#metadata = metadata;
    this.#maxWaitUs = maxWaitUs;
    this.#format = video?.format;
    this.#audioConfig = audio?.config;
    if (audio !== undefined) {
      this.#ofEncoder = codecRow(audio.codec)?.ofEncoder;
      if (this.#ofEncoder === undefined) throw unknown("audio", audio.codec);
    }
    if (video !== undefined) {
      this.#rules = codecRow(video.codec)?.nal;
      if (this.#rules === undefined) throw unknown("video", video.codec);
      this.#sets = new ParameterSets(this.#rules);
      if (video.config !== undefined) this.#takeVideoConfig(video.config);
    }
  }

  /** Access units that were dropped: before the first key frame, or without parameter sets. */
  get droppedVideo(): number {
    return this.#droppedVideo;
  }

  /** Audio frames that were dropped: older than the first key frame. */
  get droppedAudio(): number {
    return this.#droppedAudio;
  }

  /**
   * Takes an access unit, and returns what is to be written now.
   *
   * @throws {TypeError} if the writer was made without video
   * @throws {RangeError} if a time is no finite number, or the two are over 8388 s apart
   * @throws {MediaError} if the access unit is malformed
   */
  writeVideo(unit: VideoAccessUnit): FlvMessage[] {
    const rules = this.#rules;
    if (this.#video === undefined || rules === undefined) throw missing("video");
    const { codec } = this.#video;
    const { dtsUs, ptsUs = dtsUs } = unit;
    checkTime("dtsUs", dtsUs);
    checkTime("ptsUs", ptsUs);
    if (unit.config !== undefined) this.#takeVideoConfig(unit.config);
    const units = this.#split(unit.data);
    for (const nal of units) if (isParameterSet(rules, nal)) this.#sets!.take(nal);
    const { keyFrame, hasPicture } = rules.inspect(units);
    if (!hasPicture) return [];
    const config = this.#sets!.config;
    if (config === undefined || (!this.#startedVideo && !keyFrame)) {
      this.#droppedVideo++;
      return [];
    }
    const messages: FlvMessage[] = [];
    const startsHere = !this.#startedVideo;
    this.#startedVideo = true;
    this.#originUs ??= dtsUs;
    const timestampMs = this.#timestampMs(dtsUs);
    this.#addHeaders(messages, { timestampMs, videoConfig: config });
    const frame: CodedFrame = {
      ...{ kind: "video", track: 0, codec, keyFrame, discardable: false },
      dtsUs: dtsUs - this.#originUs,
      ptsUs: ptsUs - this.#originUs,
      parts: units.filter((nal) => !isDelimiter(rules, nal)),
    };
    messages.push({
      kind: "video",
      timestampMs,
      body: formOf(codec).frame(frame, trackOf("video", codec, undefined)),
    });
    if (startsHere) this.#releaseAudio(messages, dtsUs);
    return messages;
  }

  /**
   * Takes a frame of audio, and returns what is to be written now.
   *
   * @throws {TypeError} if the writer was made without audio, or AAC comes without configuration
   * @throws {RangeError} if the time is no finite number
   * @throws {MediaError} if an ADTS header is malformed
   */
  writeAudio(frame: AudioFrame): FlvMessage[] {
    if (this.#audio === undefined) throw missing("audio");
    checkTime("ptsUs", frame.ptsUs);
    if (frame.config !== undefined) this.#audioConfig = frame.config;
    if (frame.data.length === 0) return [];
    const messages: FlvMessage[] = [];
    for (const held of this.#framesOf(frame)) {
      if (this.#waitsForVideo) this.#hold(held, messages);
      else this.#addAudio(held, messages);
    }
    return messages;
  }

  /** Says that no more comes: returns the audio that still waits, and the end of the video's sequence. */
  end(): FlvMessage[] {
    const messages: FlvMessage[] = [];
    if (this.#waitsForVideo) this.#releaseAudio(messages, -Infinity);
    if (this.#startedVideo) {
      const body = formOf(this.#video!.codec).sequenceEnd!();
      messages.push({ kind: "video", timestampMs: this.#timestampMs(this.#lastUs), body });
    }
    return messages;
  }

  get #waitsForVideo(): boolean {
    return this.#video !== undefined && !this.#startedVideo && !this.#startedAudio;
  }

  #takeVideoConfig(config: Uint8Array): void {
    const { lengthSize } = this.#rules!.parseConfig(config);
    this.#sets!.replace(config);
    this.#lengthSize = lengthSize;
  }

  #split(data: Uint8Array): Uint8Array[] {
    this.#format ??= formatOf(data, this.#lengthSize);
    return this.#format === "annex-b"
      ? splitAnnexB(data)
      : splitLengthPrefixed(data, { lengthSize: this.#lengthSize });
  }

  #framesOf({ data, ptsUs }: AudioFrame): HeldAudio[] {
    const frames = this.#ofEncoder!(data, this.#audioConfig);
    this.#audioConfig ??= frames[0]?.config;
    return frames.map(({ offsetUs, ...frame }) => ({ ...frame, ptsUs: ptsUs + offsetUs }));
  }

  #hold(frame: HeldAudio, messages: FlvMessage[]): void {
    this.#held.push(frame);
    if (frame.ptsUs - this.#held[0]!.ptsUs > this.#maxWaitUs) {
      this.#releaseAudio(messages, -Infinity);
    } else if (this.#held.length > MOST_HELD_FRAMES) {
      this.#held.shift();
      this.#droppedAudio++;
    }
  }

  /** Writes the audio that has waited, from `fromUs` on. */
  #releaseAudio(messages: FlvMessage[], fromUs: number): void {
    const held = this.#held;
    this.#held = [];
    for (const frame of held) {
      if (frame.ptsUs >= fromUs) this.#addAudio(frame, messages);
      else this.#droppedAudio++;
    }
  }

  #addAudio({ data, config, ptsUs }: HeldAudio, messages: FlvMessage[]): void {
    if (this.#startedVideo && !this.#startedAudio && ptsUs < this.#originUs!) {
      this.#droppedAudio++;
      return;
    }
    this.#startedAudio = true;
    this.#originUs ??= ptsUs;
    const timestampMs = this.#timestampMs(ptsUs);
    this.#addHeaders(messages, { timestampMs, audioConfig: config });
    const { codec } = this.#audio!;
    const frame: CodedFrame = {
      ...{ kind: "audio", track: 0, codec, keyFrame: true, discardable: false },
      dtsUs: ptsUs,
      ptsUs,
      parts: [data],
    };
    const body = formOf(codec).frame(frame, trackOf("audio", codec, undefined));
    messages.push({ kind: "audio", timestampMs, body });
  }

  /** Puts what is new before a frame: metadata, then the sequence header of its codec. */
  #addHeaders(
    messages: FlvMessage[],
    header: { timestampMs: number; videoConfig?: Uint8Array; audioConfig?: Uint8Array },
  ): void {
    const { timestampMs, videoConfig, audioConfig } = header;
    const newVideo = videoConfig !== undefined && isNew(videoConfig, this.#sentVideoConfig);
    const newAudio = audioConfig !== undefined && isNew(audioConfig, this.#sentAudioConfig);
    if (!newVideo && !newAudio) return;
    this.#sentVideoConfig = videoConfig ?? this.#sentVideoConfig;
    this.#sentAudioConfig = audioConfig ?? this.#sentAudioConfig;
    const metadata = this.#onMetaData();
    if (this.#sentMetadata === undefined || !equals(metadata, this.#sentMetadata)) {
      this.#sentMetadata = metadata;
      messages.push({ kind: "data", timestampMs, body: metadata });
    }
    if (newVideo) {
      const body = formOf(this.#video!.codec).sequenceHeader!(videoConfig);
      messages.push({ kind: "video", timestampMs, body });
    }
    if (newAudio) {
      const body = formOf(this.#audio!.codec).sequenceHeader!(audioConfig);
      messages.push({ kind: "audio", timestampMs, body });
    }
  }

  #onMetaData(): Uint8Array {
    const video = this.#video;
    const audio = this.#audio;
    return buildOnMetaData({
      ...(video === undefined ? {} : {
        videoCodec: video.codec,
        ...sizeOf(video, this.#sentVideoConfig ?? this.#sets!.config),
      }),
      ...(audio === undefined ? {} : {
        audioCodec: audio.codec,
        ...soundOf(audio, this.#sentAudioConfig ?? this.#audioConfig),
      }),
      ...this.#metadata,
    });
  }

  #timestampMs(timeUs: number): number {
    this.#lastUs = Math.max(this.#lastUs, timeUs);
    return Math.max(0, Math.round((timeUs - this.#originUs!) / 1000));
  }
}

function isNew(config: Uint8Array, sent: Uint8Array | undefined): boolean {
  return sent === undefined || (config !== sent && !equals(config, sent));
}

/**
 * How an access unit is laid out. Four bytes of length may look like a start code of three bytes (of 256
 * to 511 bytes): where all lengths fit exactly, they are lengths; a unit of one byte comes never first.
 */
function formatOf(data: Uint8Array, lengthSize: NalLengthSize): "annex-b" | "length-prefixed" {
  if (!isAnnexB(data) || lengthSize < 4) return "length-prefixed";
  if (data[2] === 0) return "annex-b";
  try {
    splitLengthPrefixed(data, { lengthSize });
    return "length-prefixed";
  } catch (error) {
    if (error instanceof MediaError) return "annex-b";
    throw error;
  }
}

function sizeOf(video: FrameWriterVideo, config: Uint8Array | undefined): OnMetaData {
  const { width, height } = trackOf("video", video.codec, config);
  return width === undefined || height === undefined ? {} : { width, height };
}

function soundOf(audio: FrameWriterAudio, config: Uint8Array | undefined): OnMetaData {
  const { sampleRate, channels } = trackOf("audio", audio.codec, config);
  return {
    ...(sampleRate === undefined ? {} : { sampleRate }),
    ...(channels === undefined ? {} : { channels }),
  };
}

function trackOf(
  kind: "audio" | "video",
  codec: CodecName,
  config: Uint8Array | undefined,
): Track {
  const track: Track = { kind, id: 0, codec, config: undefined };
  return config === undefined ? track : trackWithConfig(track, config);
}

/** How FLV carries a codec that the constructor has accepted: all of those have a form in FLV. */
function formOf(codec: CodecName): FlvForm {
  return codecRow(codec)!.flv as FlvForm;
}

function unknown(kind: TrackKind, codec: CodecName): TypeError {
  const known = ALL_CODECS.filter((row) =>
    row.kind === kind && (row.nal !== undefined || row.ofEncoder !== undefined)
  );
  return new TypeError(
    `Cannot write ${kind} as its codec must be ${
      known.map(({ name }) => name).join(" or ")
    }: current value is ${codec}`,
  );
}

function checkTime(name: string, value: number): void {
  if (Number.isFinite(value)) return;
  throw new RangeError(
    `Cannot write a frame as '${name}' must be a finite number: current value is ${value}`,
  );
}

function missing(kind: string): TypeError {
  return new TypeError(
    `Cannot write ${kind} as the writer must be made with it: current value is none`,
  );
}
