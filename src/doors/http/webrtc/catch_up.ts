/** A player that is so far behind the live end is brought there at once, milliseconds. */
const LEAST_LAG_MS = 100;

/** Audio from so long before the live end on is sent, milliseconds. */
const AUDIO_MS = 60;

/** The pictures before the live end are shown so many times faster. */
const FACTOR = 512;

/** Ticks a millisecond of the clock of video. */
const TICKS_PER_MS = 90;

/**
 * Brings a player from a kept key frame to the live end: the pictures in between are sent with timestamps as if they
 * had been taken in an instant. With their own, a browser would show them as slowly as they were taken, and stay that far
 * behind.
 */
export class CatchUp {
  #untilMs = -Infinity;
  #audioFromMs = -Infinity;
  #lagMs = 0;
  #isBeginning = false;
  /** Where the pictures in between begin: their own time, and the one that they are sent with. */
  #firstTicks = 0;
  #baseTicks = 0;
  #sentTicks: number | undefined;
  #lastOwn: number | undefined;
  #isCatching = false;

  /** The player is to go on at a message that came at `arrivedMs`, `lagMs` before the newest. */
  begin({ arrivedMs, lagMs }: { readonly arrivedMs: number; readonly lagMs: number }): void {
    if (lagMs < LEAST_LAG_MS) return;
    this.#untilMs = arrivedMs + lagMs;
    this.#audioFromMs = Math.max(this.#audioFromMs, arrivedMs + lagMs - AUDIO_MS);
    this.#lagMs = lagMs;
    this.#isBeginning = true;
    this.#isCatching = true;
  }

  /** Whether audio that came then is too old to be heard, or was sent before. */
  skipsAudio(arrivedMs: number): boolean {
    return arrivedMs < this.#audioFromMs;
  }

  /** The timestamp that a packet of a picture is sent with; `ticks` is its own. */
  timestampOf(ticks: number, arrivedMs: number): number {
    if (ticks === this.#lastOwn && this.#sentTicks !== undefined) return this.#sentTicks;
    this.#lastOwn = ticks;
    const sent = this.#isCatching ? this.#catchingUp(ticks, arrivedMs) : ticks;
    this.#sentTicks = sent;
    return sent;
  }

  #catchingUp(ticks: number, arrivedMs: number): number {
    const last = this.#sentTicks;
    if (arrivedMs <= this.#untilMs) {
      if (this.#isBeginning) {
        this.#isBeginning = false;
        this.#firstTicks = ticks;
        const live = ticks + this.#lagMs * TICKS_PER_MS;
        this.#baseTicks = last === undefined
          ? Math.round(live - this.#lagMs * TICKS_PER_MS / FACTOR)
          : last + 1;
      }
      return (this.#baseTicks + Math.round(((ticks - this.#firstTicks) | 0) / FACTOR)) >>> 0;
    }
    // The first live pictures may be older than what was just sent.
    if (last !== undefined && ((ticks - last) | 0) <= 0) return (last + 1) >>> 0;
    this.#isCatching = false;
    return ticks;
  }
}
