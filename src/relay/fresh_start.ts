import type { MediaUnit } from "../media/mod.ts";
import { Interruption } from "../time/mod.ts";

/** How {@linkcode freshStart} waits. */
export interface FreshStartOptions {
  /** The time of now, milliseconds. */
  readonly now: () => number;
  /** Settles when there is nothing else any more: what has come by then is what it begins with. */
  readonly hurry: Promise<unknown>;
}

/** A group of pictures is taken for one that comes as it is made when it has done so for so long, milliseconds. */
const PACED_MS = 100;

/** A stream that has shown no picture for so long is one of sound, milliseconds. */
const SOUND_ALONE_MS = 500;

/** Units that are held at most: what has longer groups begins where it does. */
const MOST_UNITS = 10_000;

/**
 * Reads a stream up to a key frame that comes as it is made, and not in the burst of what its server has kept: who has
 * the same stream from elsewhere has seen that, and goes on from here. Resolves with the units to begin with; the stream
 * is not locked then, and has what follows.
 */
export async function freshStart(
  units: ReadableStream<MediaUnit>,
  { now, hurry }: FreshStartOptions,
): Promise<readonly MediaUnit[]> {
  const over = new Interruption<undefined>();
  const onHurry = (): void => over.happen(undefined);
  hurry.then(onHurry, onHurry);
  const reader = units.getReader();
  /** What comes before media, and of what a group began with. */
  const headers: MediaUnit[] = [];
  let group: MediaUnit[] = [];
  let keyAtMs = 0;
  let soundSinceMs: number | undefined;
  try {
    for (;;) {
      const read = await over.orResultOf(reader.read());
      if (read === undefined || read.done) break;
      const unit = read.value;
      const nowMs = now();
      if (unit.role !== "media" && group.length === 0) headers.push(unit);
      else if (isKeyFrame(unit)) {
        headers.push(...group.filter(({ role }) => role !== "media"));
        group = [unit];
        keyAtMs = nowMs;
      } else if (group.length > 0) group.push(unit);
      else if (unit.kind === "audio") {
        soundSinceMs ??= nowMs;
        if (nowMs - soundSinceMs >= SOUND_ALONE_MS) return [...headers, unit];
      }
      const [key] = group;
      if (key === undefined) continue;
      const shownMs = (unit.dtsUs - key.dtsUs) / 1000;
      const takenMs = nowMs - keyAtMs;
      if (takenMs >= PACED_MS && shownMs - takenMs < PACED_MS) break;
      if (group.length >= MOST_UNITS) break;
    }
    return [...headers, ...group];
  } finally {
    reader.releaseLock();
  }
}

function isKeyFrame({ kind, role, keyFrame }: MediaUnit): boolean {
  return kind === "video" && role === "media" && keyFrame;
}
