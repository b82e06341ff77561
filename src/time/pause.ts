import type { Clock } from "./clock.ts";

/**
 * Resolves after so many milliseconds of a clock, or when the signal aborts; it never rejects.
 *
 * @example
 * ```ts
 * import { pause } from "@weir/server/hub";
 *
 * const clock = { now: () => 0, setTimer: (due: () => void) => (due(), { cancel: () => {} }) };
 * await pause(60_000, { clock }); // this clock is fast
 * ```
 */
export function pause(
  ms: number,
  { clock, signal }: { readonly clock: Clock; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = clock.setTimer(resolve, ms);
  const stop = (): void => {
    timer.cancel();
    resolve();
  };
  signal?.addEventListener("abort", stop, { once: true });
  return promise.finally(() => signal?.removeEventListener("abort", stop));
}
