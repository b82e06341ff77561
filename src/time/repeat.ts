import type { Clock, Timer } from "./clock.ts";

/**
 * Calls `look` each `ms` milliseconds, for the first time after as long, until it returns false or the timer that this
 * returns is cancelled.
 */
export function repeat(
  look: () => boolean,
  { clock, ms }: { readonly clock: Pick<Clock, "setTimer">; readonly ms: number },
): Timer {
  const due = (): void => {
    // What `look` calls may cancel it.
    if (look() && !isCancelled) timer = clock.setTimer(due, ms);
  };
  let isCancelled = false;
  let timer = clock.setTimer(due, ms);
  return {
    cancel: () => {
      isCancelled = true;
      timer.cancel();
    },
  };
}
