import type { MediaUnit } from "../media/mod.ts";
import { adviceOf, type HealthAdvice, type HealthMeasures } from "./advice.ts";
import { SlidingWindow } from "./sliding_window.ts";
import { TrackMeter, WINDOW_SECONDS } from "./track_health.ts";

/** The health of what one publisher sends, over the last ten seconds where nothing else is said. */
export interface StreamHealthReport extends HealthMeasures {
  /** What should be changed at the encoder, in words; empty where all is well. */
  readonly advice: readonly HealthAdvice[];
}

/** Before this a publisher's first burst stands in all rates, milliseconds. */
const SETTLED_MS = 5000;

/** The first media of a publisher, or of a stream that is joined, may come at once, milliseconds. */
const BURST_MS = 1000;

/** The offset of sound is first believed after this, milliseconds. */
const DRIFT_FROM_MS = 10_000;

/** Tracks of one publisher that are measured. */
const MOST_TRACKS = 16;

/**
 * Measures what a publisher sends, from its units alone: rates, key frames, gaps, jumps, the offset of sound and
 * picture, and whether it keeps up with real time. A unit costs about a microsecond.
 *
 * @example
 * ```ts
 * import { StreamHealth } from "@weir/server/health";
 *
 * const health = new StreamHealth();
 * for (let index = 0; index < 250; index++) {
 *   health.take({
 *     kind: "video",
 *     role: "media",
 *     track: 0,
 *     dtsUs: index * 40_000,
 *     ptsUs: index * 40_000,
 *     keyFrame: index === 0,
 *     discardable: false,
 *     payload: { format: "access-unit", data: new Uint8Array(1000) },
 *   }, index * 40);
 * }
 * const { tracks, advice } = health.report(10_000);
 * console.log(tracks[0]?.frameRate); // 25
 * console.log(advice[0]?.code); // key-interval
 * ```
 */
export class StreamHealth {
  readonly #tracks = new Map<string, TrackMeter>();
  readonly #offsets = new SlidingWindow(WINDOW_SECONDS);
  /** Real and media time of each second of the window. */
  readonly #pace: { readonly atMs: number; readonly dtsUs: number }[] = [];
  #firstAtMs: number | undefined;
  #firstOffsetMs: number | undefined;
  #newestUs: number | undefined;

  /** Takes a unit that came at a time, in milliseconds on a clock that does not go back. */
  take(unit: MediaUnit, nowMs: number): void {
    const { kind } = unit;
    if (kind === "data") return;
    this.#firstAtMs ??= nowMs;
    const meter = this.#meter(kind, unit.track);
    if (meter === undefined) return;
    meter.take(unit, nowMs);
    if (unit.role !== "media") return;
    this.#takeOffset(nowMs);
    this.#takePace(unit.dtsUs, nowMs);
  }

  /** The health at a time, on the clock of the units. */
  report(nowMs: number): StreamHealthReport {
    const tracks = Array.from(this.#tracks.values(), (meter) => meter.report(nowMs));
    const ageMs = nowMs - (this.#firstAtMs ?? nowMs);
    const offsets = this.#offsets.at(nowMs);
    const avOffsetMs = offsets.count > 0 ? offsets.sum / offsets.count : undefined;
    const measured = {
      tracks,
      ageMs,
      bitrate: tracks.reduce((sum, { bitrate }) => sum + bitrate, 0),
      avOffsetMs,
      avDriftMs: avOffsetMs === undefined || this.#firstOffsetMs === undefined
        ? undefined
        : avOffsetMs - this.#firstOffsetMs,
      speed: this.#speed(nowMs, ageMs),
    };
    return { ...measured, advice: ageMs < SETTLED_MS ? [] : adviceOf(measured) };
  }

  #meter(kind: "video" | "audio", track: number): TrackMeter | undefined {
    const key = `${kind} ${track}`;
    const known = this.#tracks.get(key);
    if (known !== undefined || this.#tracks.size >= MOST_TRACKS) return known;
    const meter = new TrackMeter(kind, track);
    this.#tracks.set(key, meter);
    return meter;
  }

  /** Sound and picture that come together belong together: their times are compared as they come. */
  #takeOffset(nowMs: number): void {
    const videoUs = this.#tracks.get("video 0")?.lastDtsUs;
    const audioUs = this.#tracks.get("audio 0")?.lastDtsUs;
    if (videoUs === undefined || audioUs === undefined) return;
    this.#offsets.add((audioUs - videoUs) / 1000, nowMs);
    if (this.#firstOffsetMs === undefined && nowMs - this.#firstAtMs! >= DRIFT_FROM_MS) {
      const { sum, count } = this.#offsets.at(nowMs);
      this.#firstOffsetMs = sum / count;
    }
  }

  #takePace(dtsUs: number, nowMs: number): void {
    this.#newestUs = Math.max(this.#newestUs ?? dtsUs, dtsUs);
    // What was kept for whoever comes arrives at once.
    if (nowMs - this.#firstAtMs! < BURST_MS) return;
    const last = this.#pace.at(-1);
    if (last !== undefined && dtsUs < last.dtsUs - 1_000_000) {
      // The publisher's clock has begun anew.
      this.#pace.length = 0;
      this.#newestUs = dtsUs;
    }
    if (this.#pace.length > 0 && nowMs - this.#pace.at(-1)!.atMs < 1000) return;
    this.#pace.push({ atMs: nowMs, dtsUs: this.#newestUs });
    if (this.#pace.length > WINDOW_SECONDS) this.#pace.shift();
  }

  #speed(nowMs: number, ageMs: number): number | undefined {
    const [first] = this.#pace;
    if (first === undefined || ageMs < SETTLED_MS || nowMs - first.atMs < 3000) return undefined;
    return (this.#newestUs! - first.dtsUs) / 1000 / (nowMs - first.atMs);
  }
}
