import { systemClock } from "../../../transport/mod.ts";

/** Resolves when `work` has ended, or after `ms`, whichever comes first. */
export async function withinMs(work: Promise<unknown>, ms: number): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = systemClock.setTimer(resolve, ms);
  try {
    await Promise.race([work, late]);
  } finally {
    timer.cancel();
  }
}
