import type { TrackKind } from "./unit.ts";

/** Names of codecs, as this library writes them. */
export type CodecName =
  | "h264"
  | "h265"
  | "av1"
  | "vp8"
  | "vp9"
  | "mpeg4"
  | "aac"
  | "opus"
  | "mp3"
  | "pcma"
  | "pcmu"
  | "ac3"
  | "eac3"
  | "flac"
  | "lpcm";

/** How a publisher's RTP packets carry a track: one payload type of its session description. */
export interface RtpMapping {
  /** RTP payload type, 0 to 127. */
  readonly payloadType: number;
  /** Encoding name of `a=rtpmap`, as written; `""` where nothing tells it. */
  readonly encodingName: string;
  /** Ticks a second of the RTP clock. */
  readonly clockRate: number;
  /** Audio: the number of channels of `a=rtpmap`, where it has one. */
  readonly channels?: number;
  /** Parameters of `a=fmtp`, names in lower case; `""` for one without a value. */
  readonly parameters: Readonly<Record<string, string>>;
  /** What a receiver may ask its sender for by RTCP, where it says so: values of `a=rtcp-fb` (RFC 4585). */
  readonly feedback?: readonly string[];
}

/** One track of a stream: what a player must know before its first unit. */
export interface Track {
  /** What the track carries. */
  readonly kind: TrackKind;
  /** Track id, unique within `kind` for a stream. */
  readonly id: number;
  /** Codec, or `undefined` where it is not known to this library. */
  readonly codec: CodecName | undefined;
  /**
   * Decoder configuration in the codec's ISO form, or `undefined` when the codec has none or it is
   * not known yet: `avcC` for H.264, `hvcC` for H.265, `av1C` for AV1, `vpcC` for VP8 and VP9,
   * AudioSpecificConfig for AAC, `OpusHead` for Opus, STREAMINFO for FLAC, the content of `dac3` and
   * `dec3` for AC-3 and E-AC-3, and for MPEG-4 video the headers before its first VOP.
   */
  readonly config: Uint8Array | undefined;
  /** Audio: samples a second. */
  readonly sampleRate?: number;
  /** Audio: number of channels. */
  readonly channels?: number;
  /** Video: picture width in pixels. */
  readonly width?: number;
  /** Video: picture height in pixels. */
  readonly height?: number;
  /** How its packets carry it, where the publisher sends RTP. */
  readonly rtp?: RtpMapping;
}
