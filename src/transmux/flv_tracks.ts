import type { MediaUnit, Track } from "../media/mod.ts";

/** Learns the tracks of an RTMP stream from its units. */
export class FlvTrackProbe {
  /** The tracks so far: video first, by id. */
  get tracks(): Track[] {
    throw new TypeError("not yet");
  }
  /** Whether nothing more is expected. */
  get complete(): boolean {
    throw new TypeError("not yet");
  }
  /** Takes the stream's next unit. */
  take(_unit: MediaUnit): void {
    throw new TypeError("not yet");
  }
}
