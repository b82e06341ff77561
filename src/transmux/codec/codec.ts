import type { CodecName, RtpMapping, Track } from "../../media/mod.ts";
import type { SdpFormat } from "../../sdp/mod.ts";
import type { WebRtcEncoding } from "../../webrtc/mod.ts";
import type { CodedFrame } from "../coded_frame.ts";
import type { FrameLayout } from "./frame_layout.ts";
import type { NalRules } from "./nal_rules.ts";

/**
 * What this library knows of one codec beside parsing it: a row of the table. Who adds a codec copies the
 * smallest file beside this one and fills what applies; what is left out does not apply.
 *
 * What reads a peer's bytes throws a `MediaError` where they are malformed.
 */
export interface Codec {
  /** Its name in this library. */
  readonly name: CodecName;
  /** The kind of media that it codes. */
  readonly kind: "video" | "audio";
  /** Its decoder configuration, where it has one. */
  readonly config?: CodecConfig;
  /** Its NAL units, where it is made of such. */
  readonly nal?: NalRules;
  /** Splits the bytes of one frame into parts; without it the frame is one part. */
  readonly split?: (data: Uint8Array, layout: FrameLayout) => Uint8Array[];
  /** Joins the parts of one frame to its bytes; without it they follow each other. */
  readonly join?: (parts: readonly Uint8Array[]) => Uint8Array;
  /** Reads from a frame what it tells of its track: for video from a key frame, for audio from any frame. */
  readonly frameFacts?: (parts: readonly Uint8Array[]) => FrameFacts;
  /** Audio: how long a frame lasts, microseconds, not rounded; `undefined` where it does not tell. */
  readonly durationUs?: (frame: Uint8Array, track: Track) => number | undefined;
  /**
   * Audio: splits what an encoder hands out into frames, each with its configuration: of the stream, or of
   * its own headers. Without it, that is one frame.
   *
   * @throws {TypeError} if the configuration is told by neither
   */
  readonly ofEncoder?: (data: Uint8Array, config: Uint8Array | undefined) => EncodedFrame[];
  /** How FLV carries it, or why it does not, for a log line. */
  readonly flv: FlvForm | string;
  /** How RTP carries it; without it there is no name for it in a session description here. */
  readonly rtp?: RtpForm;
  /**
   * Its name in `codecs` of MP4, HLS and browsers (RFC 6381); it has none by default, and `undefined` stands for one
   * whose configuration is not known.
   */
  readonly codecString?: (track: CodecStringFacts) => string | undefined;
  /** How players of HLS take it; without it they do not. */
  readonly hls?: HlsForm;
  /** How WebRTC carries it; without it browsers have no name for it there. */
  readonly webRtc?: WebRtcForm;
  /** What readers of container files call it; its name by default. */
  readonly nameInFiles?: string;
}

/** The facts of a track that the name of its codec is made of. */
export type CodecStringFacts = Pick<Track, "codec" | "config" | "width" | "height">;

/** How players of HLS take a codec. */
export interface HlsForm {
  /** Whether only some browsers play it in MP4, so that sound beside a picture needs a playlist of its own. */
  readonly isRare?: true;
  /** Whether its segments are bare frames instead of MP4, and so it needs a playlist of its own too. */
  readonly isPacked?: true;
}

/** How WebRTC carries a codec: see `WebRtcEncoding`, whose name is the encoding of RTP. */
export interface WebRtcForm extends Omit<WebRtcEncoding, "name"> {
  /** Whether pictures may be sent in another order than they are shown in, which browsers cannot play. */
  readonly reordering?: WebRtcReordering;
}

/** How to tell that pictures are sent in another order than they are shown in. */
export interface WebRtcReordering {
  /** Whether the configuration says so. */
  readonly isStated: (config: Uint8Array) => boolean;
  /** Whether other pictures are made from the one that this payload of RTP belongs to. */
  readonly isReference: (payload: Uint8Array) => boolean;
}

/** What a codec's configuration says of a track. */
export interface ConfigFacts {
  /** Picture width in pixels. */
  readonly width?: number;
  /** Picture height in pixels. */
  readonly height?: number;
  /** Frames a second. */
  readonly frameRate?: number;
  /** How many pictures may precede another in coding order and follow it in display order. */
  readonly reorderDepth?: number;
  /** Samples a second. */
  readonly sampleRate?: number;
  /** Number of channels. */
  readonly channels?: number;
}

/** What a frame tells of its track. */
export type FrameFacts = Partial<
  Pick<Track, "config" | "width" | "height" | "sampleRate" | "channels">
>;

/** A codec's configuration, in its ISO form: see `Track.config`. */
export interface CodecConfig {
  /** Whether players cannot begin without one: its frames do not tell it, or not the first ones. */
  readonly isNeeded: boolean;
  /** Whether the configuration in a key frame replaces the one that the publisher sent. */
  readonly isInFrames?: true;
  /** Reads what the configuration says of the track. */
  readonly facts?: (config: Uint8Array) => ConfigFacts;
  /** Finds the ISO form in what a sequence header carries; without it they are the same. */
  readonly ofHeader?: (data: Uint8Array) => Uint8Array;
}

/** One of several frames that came together. */
export interface TimedFrame {
  /** The frame. */
  readonly data: Uint8Array;
  /** Microseconds after the time of the first. */
  readonly offsetUs: number;
}

/** One of the frames that an encoder handed out together. */
export interface EncodedFrame extends TimedFrame {
  /** Its configuration, in the codec's ISO form. */
  readonly config: Uint8Array;
}

/** What the first byte of a plain audio body says beside the codec (FLV 10.1, E.4.2.1). */
export interface SoundHeader {
  /** 0 to 3: 5.5, 11, 22 and 44 kHz. */
  readonly soundRate: number;
  /** 0: samples of 8 bits, 1: of 16. */
  readonly soundSize: number;
  /** 0: mono, 1: stereo. */
  readonly soundType: number;
}

/** How FLV carries a codec. */
export interface FlvForm {
  /** Why this track cannot be carried; all can by default. */
  readonly whyNotTrack?: (track: Track) => string | undefined;
  /** Why the track of this frame cannot be carried; all can by default. */
  readonly whyNotFrame?: (frame: CodedFrame) => string | undefined;
  /** Makes the body that announces a configuration, before which no frame can go. */
  readonly sequenceHeader?: (config: Uint8Array) => Uint8Array;
  /** Makes the body that says that a track has ended. */
  readonly sequenceEnd?: () => Uint8Array;
  /**
   * Makes the body of a frame.
   *
   * @throws {RangeError} if presentation and decoding time are over two hours apart
   */
  readonly frame: (frame: CodedFrame, track: Track) => Uint8Array;
  /** Splits a message that may hold several frames; without it, it is one. */
  readonly split?: (data: Uint8Array) => TimedFrame[];
  /** What the header of a plain body says of the sound. */
  readonly soundOfHeader?: (header: SoundHeader) => FrameFacts;
}

/** The parameters of `a=fmtp`, by name. */
export type Parameters = Readonly<Record<string, string>>;

/** The fields of a payload type, as a session description has it, that a configuration is read from. */
export type FormatParameters = Pick<SdpFormat, "encoding" | "clockRate" | "channels" | "fmtp">;

/** How RTP is to carry a track: its mapping, whose payload type is a dynamic one where it has none. */
export type NewMapping = Omit<RtpMapping, "payloadType"> & { readonly payloadType?: number };

/** How RTP carries a codec. The payload formats are those of `rtp`, by the encoding's name. */
export interface RtpForm {
  /** Names of its encodings in `a=rtpmap`, in upper case. */
  readonly encodings: readonly string[];
  /** Whether a payload type of such a name is of this codec; all are by default. */
  readonly isOfCodec?: (format: SdpFormat) => boolean;
  /** Ticks a second where a description gives none; 90000 for video and 8000 for audio by default. */
  readonly defaultClockRate?: (config: Uint8Array | undefined) => number | undefined;
  /** Whether the clock is the sampling rate, so that `a=rtpmap` tells the sound. */
  readonly clockIsSampleRate?: true;
  /** Makes the configuration, in the codec's ISO form, from the parameters of a format. */
  readonly configOf?: (format: FormatParameters) => Uint8Array | undefined;
  /**
   * Makes the parameters that describe a configuration, for codecs whose publishers may change it after they announced
   * it.
   */
  readonly parametersOf?: (config: Uint8Array) => Parameters;
  /** How RTP carries a track that did not come by RTP, or why it cannot; never by default. */
  readonly mapping?: (track: Track) => NewMapping | string;
  /**
   * Whether a payload begins a picture at which decoding can start; what `randomAccessTestOf` knows by
   * default.
   */
  readonly startsKeyFrame?: (payload: Uint8Array) => boolean;
}

/** Ticks a second of the RTP clock of video. */
export const VIDEO_CLOCK_RATE = 90_000;

/** The mapping of video by an encoding's name and its parameters. */
export function videoMapping(encodingName: string, parameters: Parameters = {}): NewMapping {
  return { encodingName, clockRate: VIDEO_CLOCK_RATE, parameters };
}
