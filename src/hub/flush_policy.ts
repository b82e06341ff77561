import type { Timer } from "../time/mod.ts";
import type { HubSettings } from "./options.ts";

/** Audio that rides along with video is not held longer than this, milliseconds. */
const AUDIO_WAIT_MS = 40;

/** The share of the time that waking readers may take, before frames are gathered: fewer and larger writes cost less. */
const WAKING_SHARE = 1 / 4;

/** From one time that readers are woken to the next it is so long on average, at most, for that reason; in milliseconds. */
const LONGEST_REST_MS = 50;

/** Where no picture comes that would take them along, frames wait for so long at most, milliseconds. */
const LONGEST_WAIT_MS = 100;

/** When the readers of a stream are woken: as its setting `flush` says, and less often where that takes long. */
export class FlushPolicy {
  readonly #settings: () => HubSettings;
  readonly #wake: (whenWoken: () => void) => void;
  readonly #gathers: boolean;
  #timer: Timer | undefined;
  /**
   * Before this no frame wakes the readers: they are so many that waking them takes long. Where the next picture comes later
   * than that, the rest after it is so much shorter.
   */
  #restUntil = 0;
  /** How long it took last to wake them all. */
  #tookMs = 0;
  /** How often they are to be woken, and are not all awake yet. */
  #waking = 0;
  #isPending = false;
  /** Whether there is a picture in the batch. */
  #hasPicture = false;
  /** When the newest picture came before it: the next is expected as long after. */
  #pictureAt = NaN;
  /** When the timer wakes the readers. */
  #dueAt = 0;

  /** `wake` wakes the readers, and calls back once it has; `gathers` is whether fewer and larger writes cost less, which is so by default. */
  constructor(
    settings: () => HubSettings,
    wake: (whenWoken: () => void) => void,
    { gathers = true }: { readonly gathers?: boolean } = {},
  ) {
    this.#settings = settings;
    this.#wake = wake;
    this.#gathers = gathers;
  }

  /** Something has come for the readers. */
  note(isPicture: boolean): void {
    this.#isPending = true;
    if (isPicture) this.#hasPicture = true;
  }

  /** A batch is at its end: wakes readers now or in a while. */
  commit({ hasVideo }: { readonly hasVideo: boolean }): void {
    if (!this.#isPending) return;
    const { flush, clock } = this.#settings();
    const hasPicture = this.#hasPicture;
    this.#hasPicture = false;
    const nowMs = clock.now();
    if (typeof flush === "number" && flush > 0) {
      // Waking the readers is part of the time, but for a half of it.
      this.#within(Math.max(flush - this.#tookMs, flush / 2));
      const isLastInTime = hasPicture && 2 * nowMs - this.#pictureAt > this.#dueAt;
      if (isLastInTime) this.flush();
    } else if (flush !== "frame") this.flush();
    else if (this.#waking > 0 || nowMs < this.#restUntil) this.#within(LONGEST_WAIT_MS);
    else if (hasPicture || !hasVideo) this.flush();
    else this.#within(AUDIO_WAIT_MS);
    if (hasPicture) this.#pictureAt = nowMs;
  }

  /** Wakes readers now. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#isPending = false;
    if (!this.#gathers) return this.#wake(() => {});
    const { clock } = this.#settings();
    const startedAt = clock.now();
    this.#waking++;
    this.#wake(() => {
      this.#waking--;
      this.#tookMs = clock.now() - startedAt;
      const restMs = Math.min(this.#tookMs / WAKING_SHARE, LONGEST_REST_MS);
      this.#restUntil = Math.max(this.#restUntil, startedAt - LONGEST_REST_MS) + restMs;
    });
  }

  #within(delayMs: number): void {
    if (this.#timer !== undefined) return;
    const { clock } = this.#settings();
    this.#dueAt = clock.now() + delayMs;
    this.#timer = clock.setTimer(() => this.flush(), delayMs);
  }
}
