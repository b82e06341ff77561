import type { Track } from "../media/mod.ts";

/** A track that a format leaves out. */
export interface UnsupportedTrack {
  /** The track. */
  readonly track: Track;
  /** Why it is left out, for a log line: "RTP has no payload format for flac here". */
  readonly reason: string;
}
