import { UnitQueue } from "../hub/mod.ts";

/** Bounds of the units that wait for a reader who does not read in time. */
export interface PlaybackBounds {
  /**
   * What happens when more waits than may: nothing more is read from the server until the reader has made room
   * (`hold`, the default), or what waits is dropped up to a key frame (`skip`), as it suits who shows a live stream.
   */
  readonly whenSlow?: "hold" | "skip";
  /** Bytes of units that may wait. Default 8 MiB. */
  readonly maxLagBytes?: number;
  /** Of `skip`: how long a unit may have waited when another comes, milliseconds. Default 4000. */
  readonly maxLagMs?: number;
}

/**
 * Checks bounds before a server is asked for a stream.
 *
 * @throws {RangeError} if one is negative or not a number
 */
export function checkPlaybackBounds({ maxLagBytes = 0, maxLagMs = 0 }: PlaybackBounds): void {
  for (const [name, value] of Object.entries({ maxLagBytes, maxLagMs })) {
    if (value >= 0) continue;
    throw new RangeError(`Cannot play as '${name}' must be at least 0: current value is ${value}`);
  }
}

/** Bytes of what was received that may wait for its reader. */
export const DEFAULT_MAX_LAG_BYTES: number = 8 * 1024 * 1024;

const DEFAULT_MAX_LAG_MS = 4000;

/** The queue of a playback; `canHold` where a server can be held back by not reading. */
export function playbackQueue(
  { whenSlow = "hold", maxLagBytes = DEFAULT_MAX_LAG_BYTES, maxLagMs }: PlaybackBounds,
  { canHold }: { readonly canHold: boolean },
): UnitQueue {
  // One read may bring more than the bound: it is kept where the server is held back.
  if (whenSlow === "hold" && canHold) {
    return new UnitQueue({ maxLagBytes: Infinity, maxLagMs: Infinity });
  }
  const defaultMs = whenSlow === "hold" ? Infinity : DEFAULT_MAX_LAG_MS;
  return new UnitQueue({ maxLagBytes, maxLagMs: maxLagMs ?? defaultMs });
}
