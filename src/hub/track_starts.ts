import type { MediaUnit, TrackKind } from "../media/mod.ts";

/** Whether a wire form has bytes for a track. */
export type Carries = (kind: TrackKind, track: number) => boolean;

/** Tracks of a kind that are told apart: ids have 8 bits in Enhanced RTMP, and RTSP has fewer tracks. */
const MAX_TRACKS = 256;

/**
 * What a publisher has sent so far, or said that it will, and at which of its units readers can start: that
 * differs by what of it reaches them.
 */
export class TrackStarts {
  /** Ids of video tracks, the lowest first. */
  #video: readonly number[];
  #audio: readonly number[] = [];

  /** `video` are the ids of video tracks that were announced. */
  constructor(video: readonly number[] = []) {
    this.#video = [...video].sort((a, b) => a - b);
  }

  /** Whether there is video, whoever it reaches. */
  get hasVideo(): boolean {
    return this.#video.length > 0;
  }

  /** Notes the track of a unit. */
  see({ kind, role, track }: MediaUnit): void {
    if (kind === "video" && role !== "metadata") this.#video = withTrack(this.#video, track);
    if (kind === "audio" && role === "media") this.#audio = withTrack(this.#audio, track);
  }

  /**
   * Whether readers that are sent what `carries` says can start at `unit`.
   *
   * Of several video tracks, whose key frames need not be at the same times, the first is the one that all
   * players show. Where there is no video, every audio unit is a start; where there is neither, all data is.
   */
  isStart({ kind, role, track, keyFrame }: MediaUnit, carries: Carries): boolean {
    if (role !== "media") return false;
    const shown = this.#video.find((id) => carries("video", id));
    if (kind === "video") return keyFrame && track === shown;
    if (shown !== undefined) return false;
    return kind === "audio" || !this.#audio.some((id) => carries("audio", id));
  }
}

function withTrack(tracks: readonly number[], track: number): readonly number[] {
  if (tracks.includes(track) || tracks.length === MAX_TRACKS) return tracks;
  return [...tracks, track].sort((a, b) => a - b);
}
