/** Tells so often at most, milliseconds. */
const QUIET_MS = 1000;

/**
 * Returns a function that passes on what it is called with, once a second at most, since what happens for each
 * packet or connection would fill the log: the newest value, and how many calls there were since the last that
 * was passed on, itself among them.
 */
export function atMostEachSecond<T>(
  clock: { now(): number },
  tell: (value: T, count: number) => void,
): (value: T) => void {
  let quietUntilMs = -Infinity;
  let count = 0;
  return (value) => {
    count++;
    const nowMs = clock.now();
    if (nowMs < quietUntilMs) return;
    quietUntilMs = nowMs + QUIET_MS;
    const told = count;
    count = 0;
    tell(value, told);
  };
}
