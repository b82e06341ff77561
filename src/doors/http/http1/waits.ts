/** A head that has begun must be whole in so long, and the first begin with the connection, milliseconds. */
export const HEAD_MS = 10_000;

/** So long a client may keep its connection without a request, milliseconds: players ask every few seconds. */
export const IDLE_MS = 60_000;

/**
 * Connections without a request that a port keeps: those that have come just now, and those whose clients may ask for
 * more. The oldest goes for one more, so that clients that never finish a request are bounded by number too, and hold
 * nobody up.
 */
export const MOST_WAITING = 1000;

/** Closes the oldest of connections that wait, until those are no more than may. */
export function limitWaiting(
  connections: Iterable<{ readonly isWaiting: boolean; close(): void }>,
  most: number = MOST_WAITING,
): void {
  const waiting = [...connections].filter(({ isWaiting }) => isWaiting);
  for (const connection of waiting.slice(0, Math.max(0, waiting.length - most))) {
    connection.close();
  }
}
