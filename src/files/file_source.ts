import { type Clock, pause } from "../hub/mod.ts";
import type { MediaUnit } from "../media/mod.ts";
import { type FlvBody, unitOfFlv } from "../transmux/mod.ts";
import { MediaFileError, readMediaFile } from "./media_file.ts";

/** Options of {@linkcode fileUnits}. */
export interface FileUnitsOptions {
  /** Begins again with the first file when the last has ended. Off by default. */
  readonly loop?: boolean;
  /** Gives the media at the pace that it is shown at, by this clock; at once by default. */
  readonly clock?: Clock;
  /** Ends the units. */
  readonly signal?: AbortSignal;
}

/** A source that has fallen behind by more goes on from where it is, instead of making up for it, milliseconds. */
const MOST_BEHIND_MS = 1000;

/** What a frame lasts where the file tells nothing, microseconds. */
const USUAL_FRAME_US = 40_000;

/**
 * The media of files, one behind the other, as the units of one publisher: time goes on from file to file, and each
 * file's headers come before its media.
 *
 * @throws {MediaFileError} (the stream fails) when a file cannot be read, or has nothing to publish
 * @throws {TypeError} if there is no file
 *
 * @example
 * ```ts ignore
 * import { Server, systemClock } from "@weir/server";
 * import { fileUnits } from "@weir/server/files";
 *
 * await using server = new Server({ rtmp: { port: 1935 } });
 * await server.listen();
 * await server.publish("live/channel", fileUnits(["a.mp4", "b.flv"], { loop: true }));
 * ```
 */
export function fileUnits(
  files: readonly string[],
  options: FileUnitsOptions = {},
): ReadableStream<MediaUnit> {
  if (files.length === 0) throw new TypeError("Cannot publish files as there is none");
  const units = pacedUnits(files, options);
  return new ReadableStream<MediaUnit>({
    async pull(controller) {
      const { value, done } = await units.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    cancel: async () => void await units.return(undefined),
  }, { highWaterMark: 0 });
}

async function* pacedUnits(
  files: readonly string[],
  { loop = false, clock, signal }: FileUnitsOptions,
): AsyncGenerator<MediaUnit> {
  const timeline = new FileTimeline();
  let startedAtMs: number | undefined;
  do {
    for (const path of files) {
      timeline.nextFile();
      let media = 0;
      for await (const body of readMediaFile(path)) {
        if (signal?.aborted) return;
        const unit = unitOfFlv({ ...body, dtsUs: timeline.place(body) });
        if (unit === undefined) continue;
        if (unit.role === "media") media++;
        if (clock !== undefined) {
          startedAtMs ??= clock.now() - unit.dtsUs / 1000;
          const aheadMs = unit.dtsUs / 1000 - (clock.now() - startedAtMs);
          if (aheadMs > 0) await pause(aheadMs, { clock, signal });
          else if (aheadMs < -MOST_BEHIND_MS) startedAtMs -= aheadMs;
        }
        yield unit;
      }
      // Else a loop would turn for ever without giving anything.
      if (media === 0) throw new MediaFileError(`Cannot publish ${path}: it has no media`);
    }
  } while (loop && !signal?.aborted);
}

/** Puts the times of files one behind the other. */
class FileTimeline {
  /** What is added to the file's own times; unknown before its first media. */
  #offsetUs: number | undefined;
  #baseUs = 0;
  #endUs = 0;
  readonly #last = new Map<FlvBody["kind"], number>();

  nextFile(): void {
    this.#baseUs = this.#endUs;
    this.#offsetUs = undefined;
    this.#last.clear();
  }

  place({ kind, dtsUs }: FlvBody): number {
    // Metadata and headers often have the time 0 where the media begins later.
    if (kind !== "data") this.#offsetUs ??= this.#baseUs - dtsUs;
    const placedUs = Math.max(this.#baseUs, dtsUs + (this.#offsetUs ?? this.#baseUs - dtsUs));
    if (kind === "data") return placedUs;
    const frameUs = placedUs - (this.#last.get(kind) ?? placedUs);
    this.#last.set(kind, placedUs);
    this.#endUs = Math.max(this.#endUs, placedUs + (frameUs > 0 ? frameUs : USUAL_FRAME_US));
    return placedUs;
  }
}
