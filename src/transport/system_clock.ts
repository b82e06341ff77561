import { setImmediate } from "node:timers";
import type { Clock } from "../hub/mod.ts";

/** The machine's clock and timers. */
export const systemClock: Clock = {
  now: () => performance.now(),
  setTimer(callback, delayMs) {
    const id = setTimeout(callback, delayMs);
    return { cancel: () => clearTimeout(id) };
  },
  nextRound: (callback) => void setImmediate(callback),
};
