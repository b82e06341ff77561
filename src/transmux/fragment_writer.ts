import {
  buildFragment,
  buildInitSegment,
  type FragmentSample,
  type FragmentTrack,
  type Mp4Track,
  mp4TracksOf,
  whyNotMp4,
} from "../mp4/mod.ts";
import type { Track } from "../media/mod.ts";
import type { CodedFrame } from "./coded_frame.ts";
import { frameBytes } from "./frame_bytes.ts";
import { frameDurationUs } from "./frame_duration.ts";
import type { UnsupportedTrack } from "./unsupported_track.ts";

/** A fragment that was cut. */
export interface CutFragment {
  /** `moof` and `mdat`. */
  readonly bytes: Uint8Array;
  /** Decoding time of the first sample of its main track, microseconds on the stream's clock. */
  readonly startUs: number;
  /** How long the samples of its main track last, microseconds. */
  readonly durationUs: number;
  /** Whether decoding can start at its first sample of the main track. */
  readonly keyFrame: boolean;
  /** Number of samples of all tracks. */
  readonly samples: number;
}

/** Options of a {@linkcode FragmentWriter}. */
export interface FragmentWriterOptions {
  /** Time of the stream that is time 0 of the file, microseconds; 0 by default. */
  readonly originUs?: number;
  /** `mfhd` of the first fragment; 1 by default. */
  readonly sequenceNumber?: number;
}

/** A sample that waits for the end of its fragment. */
interface PendingSample {
  readonly sample: Omit<FragmentSample, "duration">;
  /** Decoding time in ticks. */
  readonly time: number;
  duration: number | undefined;
}

/** One track of the file. */
interface TrackState {
  readonly mp4: Mp4Track;
  pending: PendingSample[];
  /** Where the sample before ends, in ticks: the next one begins there unless something is missing. */
  nextTime: number | undefined;
  /** Decoding time of the newest frame, in ticks, as its publisher has it. */
  lastTime: number | undefined;
  /** Duration of the newest sample in ticks, by its codec or by those before it. */
  usualDuration: number;
}

/** How long the first picture is assumed to last while no other follows it. */
const FIRST_PICTURE_US = 33_333;

/** A longer step between two frames is a gap: it does not tell how long the next frame lasts. */
const LONGEST_GUESS_US = 1_000_000;
/** Publishers that count milliseconds are off by one each way: audio within this is taken to be gapless. */
const AUDIO_TOLERANCE_US = 2500;
/** Where the duration of a picture was guessed, the next one is moved to its end, by so much at most. */
const VIDEO_TOLERANCE_US = 50_000;

/**
 * Makes fragments of MP4 of frames: what `FrameFeed` gives between two of its events `tracks`.
 *
 * Times of presentation are those of the frames. Decoding times of video, and audio, are made gapless where they are off
 * by what publishers round. The caller decides where a fragment ends: it calls `cut` with the frame that is to begin the
 * next one, before it adds that.
 *
 * @example
 * ```ts
 * import { FragmentWriter } from "@weir/server/transmux";
 *
 * const track = {
 *   ...{ kind: "audio", id: 0, codec: "pcma", config: undefined } as const,
 *   ...{ sampleRate: 8000, channels: 1 },
 * };
 * const writer = new FragmentWriter([track]);
 * writer.add({
 *   ...{ kind: "audio", track: 0, codec: "pcma", dtsUs: 0, ptsUs: 0 } as const,
 *   ...{ keyFrame: true, discardable: false, parts: [new Uint8Array(160)] },
 * });
 * console.log(writer.init.length > 0, writer.cut()?.durationUs); // true 20000
 * ```
 */
export class FragmentWriter {
  /** The tracks of the file; the first is the main one, which is video where there is some. */
  readonly tracks: readonly Mp4Track[];
  /** The tracks that MP4 cannot carry. */
  readonly leftOut: readonly UnsupportedTrack[];
  /** The initialization segment; empty where no track is left. */
  readonly init: Uint8Array;
  readonly #originUs: number;
  readonly #states: readonly TrackState[];
  #sequenceNumber: number;
  #pendingBytes = 0;

  /** Begins with `tracks`, of which those that MP4 has no name for are left out. */
  constructor(
    tracks: readonly Track[],
    { originUs = 0, sequenceNumber = 1 }: FragmentWriterOptions = {},
  ) {
    this.#originUs = originUs;
    this.#sequenceNumber = sequenceNumber;
    this.leftOut = tracks.flatMap((track) => {
      const reason = whyNotMp4(track);
      return reason === undefined ? [] : [{ track, reason }];
    });
    this.tracks = mp4TracksOf(tracks.filter((track) => whyNotMp4(track) === undefined));
    this.init = this.tracks.length === 0 ? new Uint8Array(0) : buildInitSegment(this.tracks);
    this.#states = this.tracks.map((mp4) => ({
      mp4,
      pending: [],
      nextTime: undefined,
      lastTime: undefined,
      usualDuration: Math.round((FIRST_PICTURE_US * mp4.timescale) / 1_000_000),
    }));
  }

  /** Whether a frame is of a track of the file. */
  carries(frame: Pick<CodedFrame, "kind" | "track">): boolean {
    return this.#stateOf(frame) !== undefined;
  }

  /** Bytes of the samples that wait. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** How long the samples of the main track that wait last, microseconds, the newest as long as that before it. */
  get pendingUs(): number {
    const state = this.#mainState();
    if (state === undefined) return 0;
    return usOf(spanOf(state, undefined), state);
  }

  /** Takes a frame; of a track that is left out it is passed over, which false tells. */
  add(frame: CodedFrame): boolean {
    const state = this.#stateOf(frame);
    if (state === undefined) return false;
    const { kind, keyFrame, discardable } = frame;
    const told = kind === "audio" ? frameDurationUs(frame, state.mp4.track) : undefined;
    const time = this.#place(frame, state);
    const last = state.pending.at(-1);
    if (last !== undefined) last.duration = Math.max(1, time - last.time);
    const ownTime = this.#ticks(frame.dtsUs, state);
    const since = ownTime - (state.lastTime ?? ownTime);
    state.lastTime = ownTime;
    if (since > 0 && since <= ticksOf(LONGEST_GUESS_US, state)) state.usualDuration = since;
    const duration = told === undefined ? undefined : Math.round(ticksOf(told, state));
    if (duration !== undefined) state.usualDuration = duration;
    const data = frameBytes(frame, { parameterSets: "leave-out" });
    const compositionOffset = kind === "video" ? this.#ticks(frame.ptsUs, state) - time : 0;
    state.pending.push({
      sample: { data, compositionOffset, keyFrame, discardable },
      time,
      duration: undefined,
    });
    state.nextTime = time + state.usualDuration;
    this.#pendingBytes += data.length;
    return true;
  }

  /**
   * Ends the fragment with all that was added; `undefined` where nothing was. `next`, where it is known, is the frame
   * that comes next: it tells how long the last one of its track lasts.
   */
  cut(next?: CodedFrame): CutFragment | undefined {
    const main = this.#mainState();
    if (main === undefined) return undefined;
    const startUs = this.#originUs + usOf(main.pending[0]!.time, main);
    const keyFrame = main.pending[0]!.sample.keyFrame;
    const durationUs = usOf(spanOf(main, this.#timeOfNext(main, next)), main);
    const tracks = this.#states.filter(({ pending }) => pending.length > 0)
      .map((state) => this.#take(state, this.#timeOfNext(state, next)));
    const bytes = buildFragment({ sequenceNumber: this.#sequenceNumber++, tracks });
    this.#pendingBytes = 0;
    const samples = tracks.reduce((sum, { samples }) => sum + samples.length, 0);
    return { bytes, startUs, durationUs, keyFrame, samples };
  }

  #stateOf({ kind, track }: Pick<CodedFrame, "kind" | "track">): TrackState | undefined {
    return this.#states.find(({ mp4 }) => mp4.track.kind === kind && mp4.track.id === track);
  }

  /** The first track of which something waits. */
  #mainState(): TrackState | undefined {
    return this.#states.find(({ pending }) => pending.length > 0);
  }

  /** The time of the next frame, where it is of that track. */
  #timeOfNext(state: TrackState, next: CodedFrame | undefined): number | undefined {
    if (next === undefined || this.#stateOf(next) !== state) return undefined;
    return this.#place(next, state);
  }

  #ticks(timeUs: number, state: TrackState): number {
    return Math.round(ticksOf(timeUs - this.#originUs, state));
  }

  /** Decoding time in ticks of a frame that comes behind what was added. */
  #place({ kind, dtsUs }: CodedFrame, state: TrackState): number {
    const { nextTime, pending } = state;
    const time = Math.max(0, this.#ticks(dtsUs, state));
    if (nextTime === undefined) return time;
    const last = pending.at(-1);
    // The duration of a picture that still waits is not written yet, and can be set to what its successor needs.
    const isFree = kind === "video" && last !== undefined;
    const toleranceUs = kind === "audio" ? AUDIO_TOLERANCE_US : VIDEO_TOLERANCE_US;
    const isNear = Math.abs(time - nextTime) <= ticksOf(toleranceUs, state);
    if (isNear && !isFree) return nextTime;
    return Math.max(time, last === undefined ? nextTime : last.time + 1);
  }

  #take(state: TrackState, timeOfNext: number | undefined): FragmentTrack {
    const { mp4: { trackId }, pending } = state;
    const last = pending.at(-1)!;
    last.duration = lastDuration(state, timeOfNext);
    state.nextTime = last.time + last.duration;
    state.pending = [];
    return {
      trackId,
      baseTime: pending[0]!.time,
      samples: pending.map(({ sample, duration }) => ({ ...sample, duration: duration! })),
    };
  }
}

/** Ticks between the first sample that waits and the end of the last. */
function spanOf(state: TrackState, timeOfNext: number | undefined): number {
  const last = state.pending.at(-1)!;
  return last.time + lastDuration(state, timeOfNext) - state.pending[0]!.time;
}

function lastDuration(state: TrackState, timeOfNext: number | undefined): number {
  const last = state.pending.at(-1)!;
  return timeOfNext === undefined
    ? Math.max(1, state.usualDuration)
    : Math.max(1, timeOfNext - last.time);
}

function ticksOf(us: number, { mp4 }: TrackState): number {
  return (us * mp4.timescale) / 1_000_000;
}

function usOf(ticks: number, { mp4 }: TrackState): number {
  return (ticks * 1_000_000) / mp4.timescale;
}
