import { timestampDistance } from "./serial.ts";

/**
 * Ticks of a clock of `clockRate` a second, in the nearest whole microseconds. Exact for any safe
 * integer: whole seconds and the rest are converted apart, so that nothing adds up over a long time.
 *
 * @example
 * ```ts
 * import { ticksFromUs, usFromTicks } from "@weir/server/rtp";
 *
 * console.log(usFromTicks(3003, 90000), ticksFromUs(33367, 90000)); // 33367 3003
 * ```
 */
export function usFromTicks(ticks: number, clockRate: number): number {
  return rescale(ticks, clockRate, 1_000_000);
}

/** Microseconds as the nearest whole tick of a clock of `clockRate` a second; see {@linkcode usFromTicks}. */
export function ticksFromUs(us: number, clockRate: number): number {
  return rescale(us, 1_000_000, clockRate);
}

function rescale(value: number, from: number, to: number): number {
  const whole = Math.floor(value / from);
  const rest = value - whole * from;
  return whole * to + Math.round((rest * to) / from);
}

/**
 * Makes of a track's 32-bit RTP timestamps numbers that do not wrap.
 *
 * Each timestamp is taken to lie within 2^31 ticks of the one before, earlier or later, so that
 * pictures out of presentation order, lost packets and the wrap at 2^32 all come out right.
 *
 * @example
 * ```ts
 * import { RtpTimestampUnwrapper } from "@weir/server/rtp";
 *
 * const unwrapper = new RtpTimestampUnwrapper();
 * console.log(unwrapper.unwrap(0xffffffff), unwrapper.unwrap(2999)); // 4294967295 4294970295
 * ```
 */
export class RtpTimestampUnwrapper {
  #last: number | undefined;
  #value = 0;

  /** Takes the next timestamp, 0 to 2^32 - 1; the first one comes back as it is. */
  unwrap(timestamp: number): number {
    this.#value = this.peek(timestamp);
    this.#last = timestamp;
    return this.#value;
  }

  /** What {@linkcode unwrap} would return, without taking the timestamp as the next one. */
  peek(timestamp: number): number {
    if (this.#last === undefined) return timestamp;
    return this.#value + timestampDistance(this.#last, timestamp);
  }

  /** Forgets all: the next timestamp is the first again, as after a change of the source. */
  reset(): void {
    this.#last = undefined;
    this.#value = 0;
  }
}
