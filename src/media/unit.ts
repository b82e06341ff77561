/** What a track carries. */
export type TrackKind = "video" | "audio" | "data";

/**
 * What a unit is for: media to present; a codec's configuration (sequence header), needed before
 * the media that follows; metadata of the stream; the end of a track's sequence.
 */
export type UnitRole = "media" | "config" | "metadata" | "end";

/**
 * The bytes of a unit, as its publisher sent them.
 *
 * - `flv`: the body of an RTMP audio, video or data message, which is that of an FLV tag.
 * - `rtp`: the RTP packets of one access unit, in order, each with its header.
 * - `access-unit`: one coded picture (NAL units each behind a 4-byte length; temporal unit; frame)
 *   or one audio frame, without any container.
 */
export type UnitPayload =
  | { readonly format: "flv"; readonly body: Uint8Array }
  | { readonly format: "rtp"; readonly packets: readonly Uint8Array[] }
  | { readonly format: "access-unit"; readonly data: Uint8Array };

/**
 * One piece of a stream, parsed as little as forwarding it needs. Its bytes may be shared with other
 * readers of the stream: they are read-only by contract.
 */
export interface MediaUnit {
  /** What the unit's track carries. */
  readonly kind: TrackKind;
  /** What the unit is for. */
  readonly role: UnitRole;
  /** Track id, unique within `kind` for a stream; 0 where a publisher has one track of the kind. */
  readonly track: number;
  /** Decoding time in integer microseconds on the stream's own clock. */
  readonly dtsUs: number;
  /** Presentation time in integer microseconds on the stream's own clock. */
  readonly ptsUs: number;
  /** Whether decoding can start here. */
  readonly keyFrame: boolean;
  /** Whether no other unit depends on this one. */
  readonly discardable: boolean;
  /** The bytes. */
  readonly payload: UnitPayload;
}
