import {
  type FileSink,
  RecordingError,
  type RecordingStore,
  type StoredFile,
} from "./recording_store.ts";

interface MemoryFile {
  readonly pieces: Uint8Array[];
  bytes: number;
  modifiedUnixMs: number;
}

/**
 * Recordings in memory: the last minute of a stream. What rules with it keep is bounded by `keepMs` and `keepBytes`; it
 * is gone with the program.
 *
 * @example
 * ```ts
 * import { MemoryStore } from "@weir/server/record";
 *
 * const store = new MemoryStore({ nowUnixMs: () => 0 });
 * const file = await store.create("live/cam.mp4");
 * await file!.write(new Uint8Array(10));
 * console.log((await store.read("live/cam.mp4", { offset: 8, length: 8 })).length); // 2
 * ```
 */
export class MemoryStore implements RecordingStore {
  /** What log lines call it. */
  readonly target = "memory";
  readonly #files = new Map<string, MemoryFile>();
  readonly #nowUnixMs: () => number;

  /** Makes an empty one; `nowUnixMs` gives the time of the day, milliseconds since 1970. */
  constructor({ nowUnixMs }: { readonly nowUnixMs: () => number }) {
    this.#nowUnixMs = nowUnixMs;
  }

  /** Bytes of all files. */
  get bytes(): number {
    let sum = 0;
    for (const { bytes } of this.#files.values()) sum += bytes;
    return sum;
  }

  /** See {@linkcode RecordingStore.check}: there is always memory. */
  check(): Promise<void> {
    return Promise.resolve();
  }

  /** See {@linkcode RecordingStore.create}. */
  create(path: string): Promise<FileSink | undefined> {
    if (this.#files.has(path)) return Promise.resolve(undefined);
    const file: MemoryFile = { pieces: [], bytes: 0, modifiedUnixMs: this.#nowUnixMs() };
    this.#files.set(path, file);
    return Promise.resolve({
      write: (bytes) => {
        file.pieces.push(bytes);
        file.bytes += bytes.length;
        file.modifiedUnixMs = this.#nowUnixMs();
        return Promise.resolve();
      },
      close: () => Promise.resolve(),
    });
  }

  /** See {@linkcode RecordingStore.list}. */
  async *list(): AsyncIterable<StoredFile> {
    for (const [path, { bytes, modifiedUnixMs }] of this.#files) {
      yield { path, bytes, modifiedUnixMs };
    }
  }

  /** See {@linkcode RecordingStore.read}. */
  read(
    path: string,
    { offset, length }: { readonly offset: number; readonly length: number },
  ): Promise<Uint8Array> {
    const file = this.#files.get(path);
    if (file === undefined) {
      return Promise.reject(new RecordingError("absent", `There is no recording ${path}`));
    }
    const bytes = new Uint8Array(Math.max(0, Math.min(length, file.bytes - offset)));
    let at = 0;
    for (const piece of file.pieces) {
      const [from, to] = [Math.max(offset, at), Math.min(offset + bytes.length, at + piece.length)];
      if (from < to) bytes.set(piece.subarray(from - at, to - at), from - offset);
      at += piece.length;
      if (at >= offset + bytes.length) break;
    }
    return Promise.resolve(bytes);
  }

  /** See {@linkcode RecordingStore.remove}. */
  remove(path: string): Promise<void> {
    this.#files.delete(path);
    return Promise.resolve();
  }
}
