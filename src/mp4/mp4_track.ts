import { presumedSound, type Track } from "../media/mod.ts";

/** A track as an MP4 file has it. */
export interface Mp4Track {
  /** `track_ID`, at least 1, unique in the file. */
  readonly trackId: number;
  /** Ticks a second in which its times are counted. */
  readonly timescale: number;
  /** Its codec, configuration, picture size and sound. */
  readonly track: Track;
}

/** Ticks a second of video, as of RTP and MPEG-TS. */
export const MP4_VIDEO_TIMESCALE = 90_000;

/**
 * The tracks of a file that is to hold `tracks`: their ids count from 1, video has 90 000 ticks a second, and audio as
 * many as it has samples, so that the duration of its frames is a whole number.
 *
 * @example
 * ```ts
 * import { mp4TracksOf } from "@weir/server/mp4";
 *
 * const audio = { kind: "audio", id: 0, codec: "mp3", config: undefined, sampleRate: 44_100 } as const;
 * console.log(mp4TracksOf([audio])[0]?.timescale); // 44100
 * ```
 */
export function mp4TracksOf(tracks: readonly Track[]): Mp4Track[] {
  return tracks.map((track, index) => ({
    trackId: index + 1,
    timescale: mp4TimescaleOf(track),
    track,
  }));
}

function mp4TimescaleOf(track: Track): number {
  return track.kind === "audio" ? presumedSound(track).sampleRate : MP4_VIDEO_TIMESCALE;
}
