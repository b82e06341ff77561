import { payloadPieces, unitBytes } from "../hub/mod.ts";
import type { MediaUnit } from "../media/mod.ts";
import { SlidingWindow } from "./sliding_window.ts";

/** The health of one track, over the last ten seconds where nothing else is said. */
export interface TrackHealth {
  /** What the track carries. */
  readonly kind: "video" | "audio";
  /** Track id, unique within `kind`. */
  readonly track: number;
  /** Frames since the publisher began. */
  readonly frames: number;
  /** Bits of payload a second. */
  readonly bitrate: number;
  /** Frames a second, by their own times; `undefined` before there are two. */
  readonly frameRate: number | undefined;
  /** How much later, against their own times, some frames of a second arrive than others, milliseconds. */
  readonly jitterMs: number;
  /** Video: time between the two newest key frames, milliseconds; `undefined` before there are two. */
  readonly keyIntervalMs: number | undefined;
  /** Video: media time since the newest key frame, or since the first picture where there was none, milliseconds. */
  readonly sinceKeyMs: number | undefined;
  /** Video: whether pictures are shown in another order than they are decoded in. */
  readonly hasBFrames: boolean;
  /** Times at which nothing of the track came for longer than usual, since the publisher began. */
  readonly gaps: number;
  /** The longest of them, milliseconds. */
  readonly longestGapMs: number;
  /** Times at which the track's clock went back, or forward by more than 10 s, since the publisher began. */
  readonly timeJumps: number;
  /** Changes of the decoder's configuration, since the publisher began. */
  readonly configChanges: number;
  /** Whether media came before the decoder's configuration, where the codec has one outside its frames. */
  readonly isHeaderMissing: boolean;
}

/** Seconds that rates are measured over. */
export const WINDOW_SECONDS = 10;

/** A step of the clock is no gap any more but a jump, microseconds. */
const LEAST_JUMP_US = 10_000_000;

/** A gap is at least so long, microseconds, and three frames: audio and low frame rates have long steps. */
const LEAST_GAP_US = 500_000;

/** Measures one track. */
export class TrackMeter {
  readonly #kind: "video" | "audio";
  readonly #track: number;
  readonly #bytes = new SlidingWindow(WINDOW_SECONDS);
  readonly #steps = new SlidingWindow(WINDOW_SECONDS);
  readonly #lateness = new SlidingWindow(WINDOW_SECONDS);
  #firstAtMs: number | undefined;
  #firstDtsUs: number | undefined;
  #lastDtsUs: number | undefined;
  #usualStepUs = 0;
  #frames = 0;
  #keyIntervalMs: number | undefined;
  #lastKeyUs: number | undefined;
  #hasBFrames = false;
  #gaps = 0;
  #longestGapUs = 0;
  #timeJumps = 0;
  #config: string | undefined;
  #configChanges = 0;
  #isHeaderMissing = false;

  /** Makes a meter that has seen nothing. */
  constructor(kind: "video" | "audio", track: number) {
    this.#kind = kind;
    this.#track = track;
  }

  /** The newest decoding time, microseconds. */
  get lastDtsUs(): number | undefined {
    return this.#lastDtsUs;
  }

  /** Takes a unit of the track. */
  take(unit: MediaUnit, nowMs: number): void {
    if (unit.role === "config") this.#takeConfig(unit);
    if (unit.role !== "media") return;
    this.#frames++;
    this.#firstAtMs ??= nowMs;
    this.#firstDtsUs ??= unit.dtsUs;
    this.#bytes.add(unitBytes(unit), nowMs);
    if (this.#config === undefined && needsHeader(unit)) this.#isHeaderMissing = true;
    if (unit.ptsUs !== unit.dtsUs && this.#kind === "video") this.#hasBFrames = true;
    this.#takeStep(unit.dtsUs, nowMs);
    if (unit.keyFrame && this.#kind === "video") {
      const intervalUs = unit.dtsUs - (this.#lastKeyUs ?? unit.dtsUs);
      // Several slices or layers of one picture are one key frame.
      if (intervalUs > 0) this.#keyIntervalMs = intervalUs / 1000;
      this.#lastKeyUs = unit.dtsUs;
    }
    this.#lastDtsUs = unit.dtsUs;
  }

  /** The track's health at a time. */
  report(nowMs: number): TrackHealth {
    const { sum: bytes } = this.#bytes.at(nowMs);
    const steps = this.#steps.at(nowMs);
    const spanMs = Math.min(WINDOW_SECONDS * 1000, nowMs - (this.#firstAtMs ?? nowMs));
    const sinceKeyUs = this.#lastDtsUs === undefined || this.#kind !== "video"
      ? undefined
      : this.#lastDtsUs - (this.#lastKeyUs ?? this.#firstDtsUs!);
    return {
      kind: this.#kind,
      track: this.#track,
      frames: this.#frames,
      bitrate: spanMs > 0 ? bytes * 8000 / spanMs : 0,
      frameRate: steps.sum > 0 ? steps.count * 1e6 / steps.sum : undefined,
      jitterMs: this.#lateness.at(nowMs).spread,
      keyIntervalMs: this.#keyIntervalMs,
      sinceKeyMs: sinceKeyUs === undefined ? undefined : sinceKeyUs / 1000,
      hasBFrames: this.#hasBFrames,
      gaps: this.#gaps,
      longestGapMs: this.#longestGapUs / 1000,
      timeJumps: this.#timeJumps,
      configChanges: this.#configChanges,
      isHeaderMissing: this.#isHeaderMissing,
    };
  }

  #takeStep(dtsUs: number, nowMs: number): void {
    if (this.#lastDtsUs === undefined) return;
    const stepUs = dtsUs - this.#lastDtsUs;
    if (stepUs < 0 || stepUs >= LEAST_JUMP_US) {
      this.#timeJumps++;
      // The key frame before the jump is on another clock.
      this.#lastKeyUs = undefined;
      this.#firstDtsUs = dtsUs;
      return;
    }
    if (stepUs === 0) return;
    if (stepUs > Math.max(LEAST_GAP_US, 3 * this.#usualStepUs) && this.#usualStepUs > 0) {
      this.#gaps++;
      this.#longestGapUs = Math.max(this.#longestGapUs, stepUs);
    } else {
      this.#usualStepUs += (stepUs - this.#usualStepUs) / (this.#usualStepUs === 0 ? 1 : 16);
    }
    this.#steps.add(stepUs, nowMs);
    this.#lateness.add(nowMs - dtsUs / 1000, nowMs);
  }

  #takeConfig(unit: MediaUnit): void {
    const config = configKey(unit);
    // A track whose description tells none: the first that comes is no change.
    if (config === "") return;
    if (this.#config !== undefined && this.#config !== config) this.#configChanges++;
    this.#config = config;
  }
}

/** What tells one configuration from another: they are short. */
function configKey(unit: MediaUnit): string {
  return payloadPieces(unit).map((piece) => piece.join()).join(";");
}

/** H.264, and whatever Enhanced RTMP carries, in the first byte of a video body. */
const AVC = 7;
const ENHANCED = 0x80;
/** AAC in the high half of the first byte of an audio body. */
const AAC = 10;

/** Whether a frame cannot be decoded without a header before it: bodies of FLV tell; RTP has other ways. */
function needsHeader({ kind, payload }: MediaUnit): boolean {
  if (payload.format !== "flv") return false;
  const first = payload.body[0] ?? 0;
  if (kind === "audio") return first >> 4 === AAC;
  return (first & ENHANCED) !== 0 || (first & 0x0f) === AVC;
}
