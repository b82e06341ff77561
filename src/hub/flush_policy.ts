import type { Timer } from "../time/mod.ts";
import type { HubSettings } from "./options.ts";

/** Audio that rides along with video is not held longer than this, milliseconds. */
const AUDIO_WAIT_MS = 40;

/**
 * The share of the time that waking readers may take, before frames are gathered: fewer and larger writes cost less. It
 * is a small one, since Deno begins no more than 128 writes while it wakes them, and the others thereafter.
 */
const WAKING_SHARE = 1 / 8;

/** The most that gathering frames may add to the latency, in milliseconds. */
const LONGEST_REST_MS = 100;

/** When the readers of a stream are woken: as its setting `flush` says, and less often where that takes long. */
export class FlushPolicy {
  readonly #settings: () => HubSettings;
  readonly #wake: () => void;
  readonly #gathers: boolean;
  #timer: Timer | undefined;
  /** Before this no frame wakes the readers: they are so many that waking them takes long. */
  #restUntil = 0;
  #pending: "nothing" | "audio" | "video" = "nothing";

  /** `wake` wakes the readers; `gathers` is whether fewer and larger writes cost less, which is so by default. */
  constructor(
    settings: () => HubSettings,
    wake: () => void,
    { gathers = true }: { readonly gathers?: boolean } = {},
  ) {
    this.#settings = settings;
    this.#wake = wake;
    this.#gathers = gathers;
  }

  /** Something has come for the readers. */
  note(isPicture: boolean): void {
    if (isPicture) this.#pending = "video";
    else if (this.#pending === "nothing") this.#pending = "audio";
  }

  /** A batch is at its end: wakes readers now or in a while. */
  commit({ hasVideo }: { readonly hasVideo: boolean }): void {
    if (this.#pending === "nothing") return;
    const { flush, clock } = this.#settings();
    if (typeof flush === "number" && flush > 0) this.#within(flush);
    else if (flush === "frame" && this.#pending === "audio" && hasVideo) {
      this.#within(AUDIO_WAIT_MS);
    } else if (flush === "frame" && clock.now() < this.#restUntil) this.#within(LONGEST_REST_MS);
    else this.flush();
  }

  /** Wakes readers now. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#pending = "nothing";
    if (!this.#gathers) return this.#wake();
    const { clock } = this.#settings();
    const startedAt = clock.now();
    this.#wake();
    const tookMs = clock.now() - startedAt;
    this.#restUntil = startedAt + Math.min(tookMs / WAKING_SHARE, LONGEST_REST_MS);
  }

  #within(delayMs: number): void {
    this.#timer ??= this.#settings().clock.setTimer(() => this.flush(), delayMs);
  }
}
