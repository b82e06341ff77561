import type { PathTemplate, SegmentPlace } from "./path_template.ts";
import type { RecordingStore, StoredFile } from "./recording_store.ts";
import type { KeptFile } from "./retention.ts";

/** A file of a recording. */
export interface RecordedSegment extends SegmentPlace, KeptFile {
  /** Its path in the store. */
  readonly path: string;
  /** How long its media is, milliseconds; `undefined` where it was there before the server was. */
  readonly durationMs: number | undefined;
}

/** What is asked of an index. */
export interface SegmentQuery {
  /** Name of the stream; all by default. */
  readonly name?: string;
  /** Files that end after this, milliseconds since 1970. */
  readonly fromUnixMs?: number;
  /** Files that begin before this, milliseconds since 1970. */
  readonly toUnixMs?: number;
}

/** A file whose length still changes. */
type IndexedSegment = Omit<RecordedSegment, "bytes"> & { bytes: number };

/** The files of a rule, by stream and time, so that nobody has to look into folders. */
export class RecordingIndex {
  readonly #byPath = new Map<string, IndexedSegment>();
  readonly #byName = new Map<string, IndexedSegment[]>();

  /** All files, in no order. */
  get all(): RecordedSegment[] {
    return [...this.#byPath.values()];
  }

  /** The names of streams that have files, in alphabetical order. */
  get names(): string[] {
    return [...this.#byName.keys()].sort();
  }

  /** A file by its path. */
  get(path: string): RecordedSegment | undefined {
    return this.#byPath.get(path);
  }

  /** Takes in a file that a store has listed; one that the template does not make is no recording. */
  found(
    file: StoredFile,
    { template, extension, store, segmentMs }: {
      readonly template: PathTemplate;
      readonly extension: string;
      readonly store: Pick<RecordingStore, "showsOpenFiles">;
      readonly segmentMs: number;
    },
  ): void {
    if (!file.path.endsWith(extension)) return;
    const place = template.placeOf(file.path.slice(0, -extension.length));
    if (place === undefined || this.#byPath.has(file.path)) return;
    this.set({
      ...place,
      path: file.path,
      bytes: file.bytes,
      // Object storage gives the time at which the first bytes came.
      endUnixMs: store.showsOpenFiles === false
        ? Math.max(file.modifiedUnixMs, Math.min(Date.now(), place.startUnixMs + segmentMs))
        : file.modifiedUnixMs,
      durationMs: undefined,
      isOpen: false,
    });
  }

  /** Adds a file, or replaces what is known of it. */
  set(given: RecordedSegment): void {
    const segment = { ...given };
    this.delete(segment.path);
    this.#byPath.set(segment.path, segment);
    const files = this.#byName.get(segment.name) ?? [];
    this.#byName.set(segment.name, files);
    let at = files.length;
    while (at > 0 && files[at - 1]!.startUnixMs > segment.startUnixMs) at--;
    files.splice(at, 0, segment);
  }

  /** Says how long a file that is being written is by now. */
  grow(path: string, bytes: number): void {
    const segment = this.#byPath.get(path);
    if (segment !== undefined) segment.bytes = bytes;
  }

  /** Forgets a file. */
  delete(path: string): void {
    const segment = this.#byPath.get(path);
    if (segment === undefined) return;
    this.#byPath.delete(path);
    const files = this.#byName.get(segment.name)!;
    files.splice(files.indexOf(segment), 1);
    if (files.length === 0) this.#byName.delete(segment.name);
  }

  /** The files that a query is for, by name and then by time. */
  find({ name, fromUnixMs = -Infinity, toUnixMs = Infinity }: SegmentQuery): RecordedSegment[] {
    const names = name === undefined ? this.names : [name];
    return names.flatMap((each) => this.#byName.get(each) ?? [])
      .filter(({ startUnixMs, endUnixMs, isOpen }) =>
        startUnixMs < toUnixMs && (isOpen || endUnixMs > fromUnixMs)
      );
  }
}
