import type { MediaUnit, Track, TrackKind } from "../media/mod.ts";

/** A track that a publisher has told of. */
export type AnnouncedTrack = Pick<Track, "kind" | "id">;

/** Whether a wire form has bytes for a track. */
export type Carries = (kind: TrackKind, track: number) => boolean;

/** Tracks of a kind that are told apart: ids have 8 bits in Enhanced RTMP, and RTSP has fewer tracks. */
const MAX_TRACKS = 256;

/** Media time of others after which a track that was announced counts as silent, microseconds. */
export const MAX_SILENT_TRACK_US = 2_000_000;

/**
 * What a publisher has sent so far, or said that it will, and at which of its units readers can start: that
 * differs by what of it reaches them.
 */
export class TrackStarts {
  /** Ids of video tracks, the lowest first. */
  #video: readonly number[];
  #audio: readonly number[] = [];
  readonly #announced: readonly AnnouncedTrack[];
  /** Tracks that have sent media. */
  readonly #come = new Set<string>();
  /** Time of the first media, and the newest. */
  #firstUs: number | undefined;
  #newestUs = 0;

  /** `announced` are the tracks that the publisher has told of. */
  constructor(announced: readonly AnnouncedTrack[] = []) {
    const video = announced.filter(({ kind }) => kind === "video").map(({ id }) => id);
    this.#video = video.sort((a, b) => a - b);
    this.#announced = announced.filter(({ kind }) => kind !== "data");
  }

  /** Whether there is video, whoever it reaches. */
  get hasVideo(): boolean {
    return this.#video.length > 0;
  }

  /** Notes the track of a unit. */
  see({ kind, role, track, dtsUs }: MediaUnit): void {
    if (kind === "video" && role !== "metadata") this.#video = withTrack(this.#video, track);
    if (kind === "audio" && role === "media") this.#audio = withTrack(this.#audio, track);
    if (role !== "media") return;
    this.#come.add(nameOf(kind, track));
    this.#firstUs ??= dtsUs;
    this.#newestUs = Math.max(this.#newestUs, dtsUs);
  }

  /** How many tracks have sent media. */
  get comeCount(): number {
    return this.#come.size;
  }

  /** Whether a track, or without `track` every one of its kind, has sent nothing, while others have for long enough. */
  isSilent(kind: TrackKind, track?: number): boolean {
    if (!this.#hasWaited) return false;
    if (track !== undefined) return !this.#come.has(nameOf(kind, track));
    return !this.#come.values().some((name) => name.startsWith(kind));
  }

  /**
   * Whether readers that are told beforehand what they will be sent are to wait with their start, since a track that
   * was announced may come any moment.
   */
  isAwaiting(carries: Carries): boolean {
    if (this.#hasWaited) return false;
    return this.#announced.some(({ kind, id }) =>
      !this.#come.has(nameOf(kind, id)) && carries(kind, id)
    );
  }

  get #hasWaited(): boolean {
    return this.#firstUs !== undefined && this.#newestUs - this.#firstUs >= MAX_SILENT_TRACK_US;
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

function nameOf(kind: TrackKind, track: number): string {
  return `${kind} ${track}`;
}

function withTrack(tracks: readonly number[], track: number): readonly number[] {
  if (tracks.includes(track) || tracks.length === MAX_TRACKS) return tracks;
  return [...tracks, track].sort((a, b) => a - b);
}
