/** A player that is so far behind the live end is brought there at once, microseconds of the stream's time. */
const LEAST_LAG_US = 100_000;

/** One that seems further behind is not: the publisher's time has jumped. */
const MOST_LAG_US = 60_000_000;

/** Audio from so long before the live end on is sent, microseconds. */
const AUDIO_US = 60_000;

/** The pictures before the live end are shown so many times faster. */
const FACTOR = 512;

/** Ticks a microsecond of the clock of video. */
const TICKS_PER_US = 0.09;

/**
 * Brings a player from a kept key frame to the live end: the pictures in between are sent with timestamps as if they
 * had been taken in an instant. With their own, a browser would show them as slowly as they were taken, and stay that far
 * behind.
 */
export class CatchUp {
  #untilUs = -Infinity;
  #audioFromUs = -Infinity;
  #lagUs = 0;
  #isBeginning = false;
  /** Where the pictures in between begin: their own time, and the one that they are sent with. */
  #firstTicks = 0;
  #baseTicks = 0;
  #sentTicks: number | undefined;
  #lastOwn: number | undefined;
  #isCatching = false;

  /** The player is to go on at a message of the time `fromUs`, and the newest has `headUs`. */
  begin({ fromUs, headUs }: { readonly fromUs: number; readonly headUs: number }): void {
    const lagUs = headUs - fromUs;
    const isAgain = this.#sentTicks !== undefined;
    if (!isAgain && !(lagUs >= LEAST_LAG_US && lagUs <= MOST_LAG_US)) return;
    this.#untilUs = headUs;
    this.#audioFromUs = isAgain ? headUs + 1 : headUs - AUDIO_US;
    this.#lagUs = lagUs;
    this.#isBeginning = true;
    this.#isCatching = true;
    this.#lastOwn = undefined;
  }

  /** Whether audio of that time is too old to be heard, or was sent before. */
  skipsAudio(timeUs: number): boolean {
    return this.#isCatching && timeUs < this.#audioFromUs;
  }

  /** The timestamp that a packet of a picture is sent with; `ticks` is its own, and `timeUs` when it is decoded. */
  timestampOf(ticks: number, timeUs: number): number {
    if (ticks === this.#lastOwn && this.#sentTicks !== undefined) return this.#sentTicks;
    this.#lastOwn = ticks;
    const sent = this.#isCatching ? this.#catchingUp(ticks, timeUs) : ticks;
    this.#sentTicks = sent;
    return sent;
  }

  #catchingUp(ticks: number, timeUs: number): number {
    const last = this.#sentTicks;
    if (timeUs <= this.#untilUs) {
      if (this.#isBeginning) {
        this.#isBeginning = false;
        this.#firstTicks = ticks;
        const lagTicks = this.#lagUs * TICKS_PER_US;
        this.#baseTicks = last === undefined
          ? ticks + Math.round(lagTicks - lagTicks / FACTOR)
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
