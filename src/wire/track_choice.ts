import type { Track, TrackKind } from "../media/mod.ts";

/** The tracks of a stream that a player has chosen, by their ids: one of each kind. */
export interface TrackChoice {
  /** Id of the video track. */
  readonly video: number;
  /** Id of the audio track. */
  readonly audio: number;
}

/** Ids have 8 bits in Enhanced RTMP, and RTSP has fewer tracks. */
const MAX_TRACK_ID = 255;

/**
 * What the query of a player chooses: `?track=1` the video track 1, `?track=audio:1` the audio track 1, both
 * `?track=1,audio:1`; of a kind that is not named, track 0. `undefined` where it chooses nothing.
 */
export function trackChoiceOf(query: URLSearchParams): TrackChoice | undefined {
  const ids: { video?: number; audio?: number } = {};
  for (const text of query.getAll("track").flatMap((value) => value.split(","))) {
    const match = /^(?:(video|audio):)?(\d{1,3})$/.exec(text.trim());
    const id = Number(match?.[2]);
    if (match === null || id > MAX_TRACK_ID) continue;
    ids[match[1] === "audio" ? "audio" : "video"] ??= id;
  }
  const { video, audio } = ids;
  if (video === undefined && audio === undefined) return undefined;
  return { video: video ?? 0, audio: audio ?? 0 };
}

/** Whether a track is among those that were chosen; all are where nothing was. Data belongs to all. */
export function isChosen(
  choice: TrackChoice | undefined,
  { kind, id }: { readonly kind: TrackKind; readonly id: number },
): boolean {
  return choice === undefined || kind === "data" || choice[kind] === id;
}

/** The tracks that a player gets. */
export function chosenTracks<T extends Track>(
  tracks: readonly T[],
  choice: TrackChoice | undefined,
): readonly T[] {
  return choice === undefined ? tracks : tracks.filter((track) => isChosen(choice, track));
}

/** The choice in the name of a wire format: players of one choice share a log. */
export function nameOfChoice(choice: TrackChoice | undefined): string {
  return choice === undefined ? "" : `-v${choice.video}a${choice.audio}`;
}
