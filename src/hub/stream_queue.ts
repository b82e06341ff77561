import type { TrackKind } from "../media/mod.ts";
import type { Publication } from "./publication.ts";
import type { Stream } from "./stream.ts";
import { UnitQueue } from "./unit_queue.ts";

/** Options of a reader of a stream's units. */
export interface StreamQueueOptions {
  /** Bytes that may wait; by default as many as a reader of the hub may lag. */
  readonly maxLagBytes?: number;
  /** Time that may wait, milliseconds; by default as much as a reader of the hub may lag. */
  readonly maxLagMs?: number;
  /** Whether that is the time in which units came, which is the default, or the one that their media takes. */
  readonly timeBy?: "arrival" | "media";
  /** Kinds of tracks that are wanted; all by default. */
  readonly kinds?: readonly TrackKind[];
  /** Called once when the stream has ended; not after `close`. */
  readonly onEnd?: () => void;
}

/** A stream's units that wait for one reader. */
export interface StreamQueue {
  /** The units, each with who has published it; it ends with the stream. */
  readonly queue: UnitQueue<Publication>;
  /** Leaves the stream: nothing more comes. Harmless when repeated. */
  close(): void;
}

/**
 * Opens a queue of a stream's units: headers, the units that are kept since the newest start, and all that
 * comes from now on, each with its publication. It waits for a publisher, and stays when one returns in time.
 *
 * @throws {HubError} `closed` when the stream has ended
 * @throws {RangeError} if a bound is negative or not a number
 */
export function openStreamQueue(stream: Stream, options: StreamQueueOptions = {}): StreamQueue {
  const { kinds, timeBy = "arrival", onEnd } = options;
  const { maxLagBytes, maxLagMs } = { ...stream.settings, ...options };
  const queue = new UnitQueue<Publication>({ maxLagBytes, maxLagMs });
  // Where no video is wanted, its key frames are no starts.
  const hasVideo = kinds?.includes("video") ?? true;
  let isKept = true;
  const untap = stream.tap((unit, startPoint) => {
    if (kinds !== undefined && !kinds.includes(unit.kind)) return;
    const { publication, headers } = stream;
    queue.push(unit, {
      startPoint: hasVideo ? startPoint : unit.role === "media",
      isKept,
      // Those that belong to what is kept may have changed since.
      ...(isKept ? {} : { headers }),
      // What a header says of time may be of any age.
      ...(unit.role === "media"
        ? { timeMs: timeBy === "arrival" ? stream.lastUnitAt : unit.dtsUs / 1000 }
        : {}),
      ...(publication === undefined ? {} : { tag: publication }),
    });
  }, () => {
    queue.end();
    onEnd?.();
  });
  isKept = false;
  return {
    queue,
    close: () => {
      untap();
      queue.end();
    },
  };
}
