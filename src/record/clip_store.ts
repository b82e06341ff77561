import { PathTemplate } from "./path_template.ts";
import { storeOf } from "./recording_rule.ts";
import type { RecordingPlayback, RecordingWindow } from "./recording_playback.ts";
import { type FileSink, RecordingError, type RecordingStore } from "./recording_store.ts";
import type { S3Access } from "./s3_requests.ts";

/** Where clips of streams are written to when a program asks for one. */
export interface ClipStoreOptions {
  /** A folder, `s3://BUCKET/PREFIX`, or a store of one's own. */
  readonly to: string | RecordingStore;
  /** Where the bucket of `s3://…` is, and who asks. */
  readonly s3?: S3Access;
  /** The paths of clips there, see {@linkcode PathTemplate}. Default `{name}/{date}/{time}`; times are those of their start. */
  readonly path?: string;
}

/** A clip that was written. */
export interface SavedClip {
  /** The stream's name. */
  readonly name: string;
  /** Its path in the store. */
  readonly path: string;
  /** When its first picture was, milliseconds since 1970. */
  readonly startUnixMs: number;
  /** How long it is, milliseconds. */
  readonly durationMs: number;
  /** Its length. */
  readonly bytes: number;
}

/** Clips that may be written at once: each reads and writes as fast as stores let it. */
const MOST_AT_ONCE = 4;

/** Files of one name and time that are tried. */
const MOST_NAMES = 1000;

/** Clips are fragmented MP4. */
const EXTENSION = ".mp4";

/** Writes cuts of what was recorded, or is kept, to files of their own. */
export class ClipStore {
  readonly #store: RecordingStore;
  readonly #template: PathTemplate;
  readonly #sources: readonly RecordingPlayback[];
  #writing = 0;

  /**
   * Cuts from these recordings, of which the first that has the start of a window is taken, else the one that has most
   * of it.
   *
   * @throws {TypeError} if the path or the store is wrong
   */
  constructor(
    { to, s3, path = "{name}/{date}/{time}" }: ClipStoreOptions,
    sources: readonly RecordingPlayback[],
  ) {
    this.#store = storeOf(to, s3);
    this.#template = new PathTemplate(path);
    this.#sources = sources;
  }

  /**
   * Looks whether the store can be used. One that cannot be reached for now is no fault.
   *
   * @throws {RecordingError} (rejects) `permission`, with the flag to add, or `store`
   */
  async check(): Promise<void> {
    try {
      await this.#store.check();
      // Clips that a crash has cut off are files up to there.
      await Array.fromAsync(this.#store.recover?.() ?? []);
    } catch (error) {
      if (!(error instanceof RecordingError && error.code === "unreachable")) throw error;
    }
  }

  /**
   * Writes a clip of a stream, from the key frame before the start of the window on.
   *
   * @throws {RecordingError} (rejects) `absent` where nothing is there of that time, `busy` where too many are written
   * at once, `store` or `unreachable`, `format`
   */
  async save(name: string, window: RecordingWindow): Promise<SavedClip> {
    if (this.#writing >= MOST_AT_ONCE) {
      throw new RecordingError("busy", `${MOST_AT_ONCE} clips are being written: try again later`);
    }
    this.#writing++;
    try {
      return await this.#save(name, window);
    } finally {
      this.#writing--;
    }
  }

  async #save(name: string, window: RecordingWindow): Promise<SavedClip> {
    const { readable, bytes, startUnixMs, durationMs } = await this.#cut(name, window);
    const { sink, path } = await this.#create({ name, startUnixMs: Math.round(startUnixMs) });
    try {
      for await (const piece of readable) await sink.write(piece);
      await sink.close();
    } catch (error) {
      await sink.close().catch(() => {});
      await this.#store.remove(path).catch(() => {});
      throw error;
    }
    return { name, path, startUnixMs: Math.round(startUnixMs), durationMs, bytes };
  }

  async #cut(name: string, window: RecordingWindow) {
    let best: Awaited<ReturnType<RecordingPlayback["cut"]>> | undefined;
    let failure: unknown = new RecordingError("absent", `Nothing of ${name} is recorded or kept`);
    for (const source of this.#sources) {
      try {
        const cut = await source.cut(name, window);
        const isBetter = best === undefined || cut.durationMs > best.durationMs;
        const [kept, other] = isBetter ? [cut, best] : [best!, cut];
        best = kept;
        await other?.readable.cancel();
        if (best.startUnixMs <= window.fromUnixMs) return best;
      } catch (error) {
        failure = error;
      }
    }
    if (best === undefined) throw failure;
    return best;
  }

  /** Makes a file that was not there before. */
  async #create(
    place: { readonly name: string; readonly startUnixMs: number },
  ): Promise<{ readonly sink: FileSink; readonly path: string }> {
    for (let again = 0; again < MOST_NAMES; again++) {
      const path = this.#template.pathOf(place, again) + EXTENSION;
      const sink = await this.#store.create(path);
      if (sink !== undefined) return { sink, path };
    }
    throw new RecordingError("store", `There are ${MOST_NAMES} clips of ${place.name} of one time`);
  }
}
