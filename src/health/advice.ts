import type { TrackHealth } from "./track_health.ts";

/** What an advice is about. */
export type HealthAdviceCode =
  | "key-interval"
  | "b-frames"
  | "slow"
  | "jitter"
  | "gaps"
  | "time-jumps"
  | "config-changes"
  | "header-missing"
  | "av-offset"
  | "av-drift"
  | "no-key-frame";

/** Something that should be changed at the encoder. */
export interface HealthAdvice {
  /** What it is about, for programs. */
  readonly code: HealthAdviceCode;
  /** What is wrong, what players see of it, and what to change, for people. */
  readonly message: string;
}

/** The measures past which something is said; each is told in the sentence. */
const BOUNDS = {
  keyIntervalMs: 5000,
  noKeyFrameMs: 12_000,
  leastSpeed: 0.97,
  jitterMs: 250,
  avOffsetMs: 500,
  avDriftMs: 150,
} as const;

/** What a publisher sends, as it is judged. */
export interface HealthMeasures {
  /** Each track of sound and picture, in the order in which they came. */
  readonly tracks: readonly TrackHealth[];
  /** Time since the publisher's first unit, milliseconds. */
  readonly ageMs: number;
  /** Bits of payload a second, of all tracks. */
  readonly bitrate: number;
  /**
   * How far the newest sound is ahead of the newest picture, by their times, as they arrive, milliseconds: negative
   * where the picture is ahead. `undefined` without both.
   */
  readonly avOffsetMs: number | undefined;
  /** How much that has changed since the publisher's tenth second, milliseconds. */
  readonly avDriftMs: number | undefined;
  /** Media time that came in a second of real time: 1 for a live source; `undefined` in the first seconds. */
  readonly speed: number | undefined;
}

/** Returns what should be changed, the worst first. */
export function adviceOf(report: HealthMeasures): HealthAdvice[] {
  const { tracks, speed, avOffsetMs, avDriftMs } = report;
  const all: HealthAdvice[] = [];
  const say = (code: HealthAdviceCode, message: string): void => void all.push({ code, message });
  if (speed !== undefined && speed < BOUNDS.leastSpeed) {
    say(
      "slow",
      `The publisher sends ${speed.toFixed(2)} s of media a second: players stall; lower its ` +
        "bit rate or its encoder's preset, or look at its upload",
    );
  }
  for (const track of tracks) adviseTrack(track, say);
  if (avOffsetMs !== undefined && Math.abs(avOffsetMs) > BOUNDS.avOffsetMs) {
    const [early, late] = avOffsetMs > 0 ? ["picture", "sound"] : ["sound", "picture"];
    say(
      "av-offset",
      `The ${late}'s times are ${seconds(Math.abs(avOffsetMs))} ahead of the ${early} that it ` +
        "comes with: players wait for the other; have the encoder send both as they are made",
    );
  }
  if (avDriftMs !== undefined && Math.abs(avDriftMs) > BOUNDS.avDriftMs) {
    say(
      "av-drift",
      `Sound and picture have drifted apart by ${seconds(Math.abs(avDriftMs))}: give the ` +
        "encoder one clock for both, and let it resample the sound",
    );
  }
  return all;
}

function adviseTrack(
  track: TrackHealth,
  say: (code: HealthAdviceCode, message: string) => void,
): void {
  const { keyIntervalMs, sinceKeyMs } = track;
  const name = track.kind === "video" ? "picture" : "sound";
  if (track.isHeaderMissing) {
    say(
      "header-missing",
      `Media of the ${name} came before its codec's header: players that join cannot decode ` +
        "it; restart the encoder, or have it send headers first",
    );
  }
  if (sinceKeyMs !== undefined && sinceKeyMs > BOUNDS.noKeyFrameMs) {
    say(
      "no-key-frame",
      `No key frame has come for ${seconds(sinceKeyMs)}: players that join ` +
        "wait; set the key-frame interval to 2 s",
    );
  } else if (keyIntervalMs !== undefined && keyIntervalMs > BOUNDS.keyIntervalMs) {
    say(
      "key-interval",
      `Key frames come every ${seconds(keyIntervalMs)}: players start late; set the key-frame ` +
        "interval to 2 s",
    );
  }
  if (track.hasBFrames) {
    say(
      "b-frames",
      "The picture has B frames: browsers are sent it over WebRTC without them, and it is later; turn " +
        "them off, or choose the encoder's zero-latency tuning",
    );
  }
  if (track.jitterMs > BOUNDS.jitterMs) {
    say(
      "jitter",
      `The ${name} arrives unevenly, by ${Math.round(track.jitterMs)} ms: players ` +
        "buffer more; look at the publisher's network, or send constant bit rate",
    );
  }
  if (track.gaps > 0) {
    say(
      "gaps",
      `The ${name} was missing ${times(track.gaps)}, for ${seconds(track.longestGapMs)} at ` +
        "most: look whether the encoder or its source drops frames",
    );
  }
  if (track.timeJumps > 0) {
    say(
      "time-jumps",
      `The ${name}'s clock has jumped ${times(track.timeJumps)}: players may stutter; have the ` +
        "encoder keep one clock over its sources",
    );
  }
  if (track.configChanges > 0) {
    say(
      "config-changes",
      `The ${name}'s codec settings have changed ${times(track.configChanges)}: some players ` +
        "stop at that; keep resolution, profile and sample rate of a stream",
    );
  }
}

function seconds(ms: number): string {
  return `${Number((ms / 1000).toFixed(ms < 10_000 ? 1 : 0))} s`;
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}
