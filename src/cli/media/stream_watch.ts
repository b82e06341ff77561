import { StreamHealth, type StreamHealthReport } from "../../health/mod.ts";
import type { MediaUnit, Track } from "../../media/mod.ts";
import { FrameReader } from "../../transmux/mod.ts";
import type { RemoteStream } from "./remote_stream.ts";

/** What was seen of a stream. */
export class StreamWatch {
  readonly #health = new StreamHealth();
  readonly #frames = new FrameReader();
  readonly #seen = new Map<string, { readonly kind: "video" | "audio"; readonly id: number }>();
  readonly #now: () => number;
  #hasTracks = false;

  /** Makes a watch that has seen nothing; `now` gives milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** The tracks that have shown themselves, with what is known of each. */
  get tracks(): Track[] {
    return Array.from(
      this.#seen.values(),
      ({ kind, id }) =>
        this.#frames.track(kind, id) ?? { kind, id, codec: undefined, config: undefined },
    );
  }

  /** Rates, gaps and advice, as of now. */
  get report(): StreamHealthReport {
    return this.#health.report(this.#now());
  }

  /** Takes a unit as it was published. */
  take(unit: MediaUnit, announced: readonly Track[] | undefined): void {
    if (!this.#hasTracks && announced !== undefined) {
      this.#hasTracks = true;
      this.#frames.setTracks(announced);
    }
    this.#health.take(unit, this.#now());
    if (unit.kind === "data") return;
    const { kind, track: id } = unit;
    this.#seen.set(`${kind} ${id}`, { kind, id });
    this.#frames.read(unit);
  }
}

/** Reads a remote stream's units as they come, until it ends or the signal aborts. */
export async function* watchedUnits(
  remote: RemoteStream,
  { watch, signal }: { readonly watch: StreamWatch; readonly signal: AbortSignal },
): AsyncGenerator<MediaUnit> {
  for await (const unit of remote.local.units({ format: "as-published", signal })) {
    watch.take(unit, remote.local.tracks);
    yield unit;
  }
}
