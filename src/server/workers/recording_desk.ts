import type { FileSink, RecordingErrorCode, Recordings, SegmentPlace } from "../../record/mod.ts";
import { RecordingError } from "../../record/mod.ts";
import { reasonOf } from "../../log/mod.ts";
import type { ArchiveName } from "../server_part.ts";
import type { RecordingAsk, RecordingCalls, RecordingReply } from "./recording_messages.ts";

/** A file that a worker writes. */
interface WrittenFile {
  readonly archive: ArchiveName;
  readonly rule: number;
  readonly place: SegmentPlace;
  readonly path: string;
  readonly sink: FileSink;
  bytes: number;
}

/** Has the recorders of one worker write to the recordings of the main thread, and its players read those. */
export class RecordingDesk {
  readonly #archives: Partial<Record<ArchiveName, Recordings>>;
  readonly #post: (reply: RecordingReply, transfer: Transferable[]) => void;
  readonly #files = new Map<number, WrittenFile>();
  readonly #calls: RecordingCalls;
  #next = 1;

  /** Answers by `post`. */
  constructor(
    archives: Partial<Record<ArchiveName, Recordings>>,
    post: (reply: RecordingReply, transfer: Transferable[]) => void,
  ) {
    this.#archives = archives;
    this.#post = post;
    this.#calls = {
      open: (archive, rule, place) => this.#open(archive, { rule, place }),
      write: async (file, bytes) => {
        const written = this.#files.get(file)!;
        await written.sink.write(bytes);
        written.bytes += bytes.length;
      },
      close: async (file) => {
        const { sink } = this.#files.get(file)!;
        this.#files.delete(file);
        try {
          await sink.close();
        } catch (error) {
          return { failure: wordsOf(error), storedBytes: sink.storedBytes };
        }
        return { failure: undefined, storedBytes: sink.storedBytes };
      },
      written: (archive, rule, file) => this.#of(archive).shelf.written(rule, file),
      done: (archive, rule, segment) => this.#of(archive).shelf.done(rule, segment),
      lost: (archive, rule, file) => this.#of(archive).shelf.lost(rule, file),
      find: (archive, query) => this.#of(archive).find(query),
      segment: (archive, place) => this.#of(archive).segment(place),
      read: async (archive, place, range) =>
        new Uint8Array(await this.#of(archive).read(place, range)),
    };
  }

  /** Takes what the worker asks for. */
  async receive({ ask, method, args }: RecordingAsk): Promise<void> {
    try {
      const call = this.#calls[method] as (...args: readonly unknown[]) => unknown;
      const value = await call(...args);
      if (ask === 0) return;
      const transfer = value instanceof Uint8Array ? [value.buffer as ArrayBuffer] : [];
      this.#post({ ask, value }, transfer);
    } catch (error) {
      if (ask !== 0) this.#post({ ask, failure: wordsOf(error) }, []);
    }
  }

  /** The worker has died: the files that it wrote end with what they have. */
  close(): void {
    for (const { archive, rule, sink, path, bytes, place } of this.#files.values()) {
      const { shelf } = this.#of(archive);
      const nowUnixMs = Date.now();
      void sink.close().catch(() => {}).then(() => {
        const stored = sink.storedBytes ?? bytes;
        if (stored === 0) return shelf.lost(rule, { path });
        // How long the media is, the worker alone knew: it is written as it comes.
        const durationMs = Math.max(0, nowUnixMs - place.startUnixMs);
        shelf.done(rule, { ...place, path, durationMs, bytes: stored });
      });
    }
    this.#files.clear();
  }

  #of(archive: ArchiveName): Recordings {
    return this.#archives[archive]!;
  }

  async #open(
    archive: ArchiveName,
    { rule, place }: { readonly rule: number; readonly place: SegmentPlace },
  ): ReturnType<RecordingCalls["open"]> {
    const { sink, path } = await this.#of(archive).shelf.open(rule, place);
    const file = this.#next++;
    this.#files.set(file, { archive, rule, place, path, sink, bytes: 0 });
    return { file, path, mostBytes: sink.mostBytes };
  }
}

function wordsOf(
  error: unknown,
): { readonly code: RecordingErrorCode | undefined; readonly message: string } {
  return {
    code: error instanceof RecordingError ? error.code : undefined,
    message: reasonOf(error),
  };
}
