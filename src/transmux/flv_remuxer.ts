import type { MediaUnit, Track } from "../media/mod.ts";
import type { FlvBody } from "./flv_unit.ts";
import type { UnsupportedTrack } from "./unsupported_track.ts";

/** Makes FLV bodies of units. */
export class FlvRemuxer {
  /** Tracks that FLV cannot carry. */
  get unsupported(): readonly UnsupportedTrack[] {
    throw new TypeError("not yet");
  }
  /** Says which tracks there are. */
  setTracks(_tracks: readonly Track[]): void {
    throw new TypeError("not yet");
  }
  /** What a player needs before its first body: `onMetaData` and sequence headers. */
  headers(_dtsUs: number): FlvBody[] {
    throw new TypeError("not yet");
  }
  /** Makes the bodies of one unit. */
  remux(_unit: MediaUnit): FlvBody[] {
    throw new TypeError("not yet");
  }
}
