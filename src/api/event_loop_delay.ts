import type { MetricSample } from "./metrics_text.ts";

/** How often it is looked, milliseconds. */
const EACH_MS = 50;

/** Upper ends of the buckets, seconds. */
const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1];

/** Measures how late timers are: for so long everybody waits who wants anything of the server. */
export class EventLoopDelay {
  readonly #counts = new Array<number>(BOUNDS.length + 1).fill(0);
  #sum = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** Starts to measure, unless it does already. It does not keep the program from ending. */
  start(): void {
    if (this.#timer !== undefined) return;
    let due = performance.now() + EACH_MS;
    this.#timer = setInterval(() => {
      const now = performance.now();
      this.#add(Math.max(0, now - due) / 1000);
      due = now + EACH_MS;
    }, EACH_MS);
    Deno.unrefTimer(this.#timer);
  }

  /** Measures no longer. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** The samples of a histogram. */
  get samples(): MetricSample[] {
    let count = 0;
    const buckets = this.#counts.map((own, index): MetricSample => {
      count += own;
      return { suffix: "_bucket", labels: { le: BOUNDS[index] ?? "+Inf" }, value: count };
    });
    return [
      ...buckets,
      { suffix: "_sum", value: this.#sum },
      { suffix: "_count", value: count },
    ];
  }

  #add(seconds: number): void {
    const index = BOUNDS.findIndex((bound) => seconds <= bound);
    this.#counts[index < 0 ? BOUNDS.length : index]!++;
    this.#sum += seconds;
  }
}
