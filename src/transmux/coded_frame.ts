import type { CodecName, TrackKind } from "../media/mod.ts";

/** One coded picture or one audio frame, free of any container. */
export interface CodedFrame {
  /** What it is. */
  readonly kind: TrackKind;
  /** Id of its track, unique within `kind`. */
  readonly track: number;
  /** Its codec. */
  readonly codec: CodecName;
  /** Decoding time in integer microseconds on the stream's own clock. */
  readonly dtsUs: number;
  /** Presentation time in integer microseconds on the stream's own clock. */
  readonly ptsUs: number;
  /** Whether decoding can start here; true for all audio. */
  readonly keyFrame: boolean;
  /** Whether no other frame depends on it. */
  readonly discardable: boolean;
  /**
   * Its parts: NAL units without length and start code (H.264, H.265), OBUs without size field and
   * without temporal delimiters (AV1), else the frame. Views of the unit where they can be; read-only by
   * contract.
   */
  readonly parts: readonly Uint8Array[];
  /** Set where packets of the frame were lost, which the decoder is left to conceal. */
  readonly isIncomplete?: true;
}

/** When a frame is decoded and shown, and what it is for its decoder. */
export interface FrameTiming {
  /** Decoding time in microseconds. */
  readonly dtsUs: number;
  /** Presentation time in microseconds. */
  readonly ptsUs: number;
  /** Whether decoding can start here, as far as its carrier tells. */
  readonly keyFrame: boolean;
  /** Whether no other frame depends on it, as far as its carrier tells. */
  readonly discardable: boolean;
}
