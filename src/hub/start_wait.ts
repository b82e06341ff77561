import type { MediaUnit } from "../media/mod.ts";

/** Media time after which who waits for a start gets the audio without it, microseconds. */
export const MAX_START_WAIT_US = 2_000_000;

/**
 * The wait of one reader for a start. It is bounded by media time, whatever the cause that no start comes:
 * then the audio goes on alone, until a picture that decoding can start at joins it.
 */
export class StartWait {
  #sinceUs: number | undefined;

  /** Whether the wait is over at `unit`, which is audio then. */
  isOverAt({ role, kind, dtsUs }: MediaUnit): boolean {
    if (role !== "media") return false;
    this.#sinceUs ??= dtsUs;
    return kind === "audio" && dtsUs - this.#sinceUs >= MAX_START_WAIT_US;
  }

  /** Begins again at the next unit, as with another publisher. */
  restart(): void {
    this.#sinceUs = undefined;
  }
}

/** Whether `unit` is a picture: what a reader that goes on with audio alone is not given. */
export function isPicture({ kind, role }: Pick<MediaUnit, "kind" | "role">): boolean {
  return kind === "video" && role === "media";
}
