import {
  type RecordedFiles,
  type RecorderRule,
  Recorders,
  type RecordersContext,
  RecordingError,
  type RuleRecorderStatistics,
  type SegmentShelf,
} from "../../record/mod.ts";
import { type ArchiveName, ARCHIVES, type PartRecorders } from "../server_part.ts";
import { TimeShift } from "../time_shift.ts";
import type {
  RecordingAsk,
  RecordingCalls,
  RecordingFailure,
  RecordingReply,
  RecordingStart,
} from "./recording_messages.ts";

/** What a worker records, and what its players see of what was recorded: the main thread has the files. */
export class RecordingClient {
  readonly #starts: Partial<Record<ArchiveName, RecordingStart>>;
  readonly #post: (ask: RecordingAsk, transfer: Transferable[]) => void;
  readonly #asked = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #recorders = new Map<ArchiveName, Recorders>();
  #next = 1;

  /** Asks by `post`. */
  constructor(
    starts: Partial<Record<ArchiveName, RecordingStart>>,
    post: (ask: RecordingAsk, transfer: Transferable[]) => void,
  ) {
    this.#starts = starts;
    this.#post = post;
  }

  /** Takes an answer. */
  receive(reply: RecordingReply): void {
    const asked = this.#asked.get(reply.ask);
    this.#asked.delete(reply.ask);
    if ("failure" in reply) asked?.reject(errorOf(reply.failure));
    else asked?.resolve(reply.value);
  }

  /** Makes what records the streams of the worker. */
  open(context: RecordersContext): PartRecorders {
    for (const archive of ARCHIVES) {
      const start = this.#starts[archive];
      if (start === undefined) continue;
      const shelf = this.#shelf(archive);
      this.#recorders.set(archive, new Recorders(context, { ...start, shelf }));
    }
    const all = [...this.#recorders.values()];
    const files = Array.from(this.#recorders.keys(), (archive) => this.#files(archive));
    return {
      past: files.length === 0 ? undefined : new TimeShift(context, files),
      start: () => all.forEach((recorders) => recorders.start()),
      stop: async () => void await Promise.all(all.map((recorders) => recorders.stop())),
    };
  }

  /** The state and counts of the recorders. */
  get statistics(): Partial<Record<ArchiveName, RuleRecorderStatistics[]>> {
    return Object.fromEntries(
      Array.from(this.#recorders, ([archive, { statistics }]) => [archive, statistics]),
    );
  }

  /** Goes by other rules; resolves when the files of those that are gone are done. */
  async follow(archive: ArchiveName, rules: readonly RecorderRule[]): Promise<void> {
    await this.#recorders.get(archive)?.follow(rules);
  }

  /** Records a stream, now or when it begins. */
  record(archive: ArchiveName, name: string): void {
    this.#recorders.get(archive)?.record(name);
  }

  /** Records a stream no more; resolves when its files are done. */
  async end(archive: ArchiveName, name: string): Promise<void> {
    await this.#recorders.get(archive)?.end(name);
  }

  #shelf(archive: ArchiveName): SegmentShelf {
    return {
      open: async (rule, place) => {
        const { file, path, mostBytes } = await this.#ask("open", archive, rule, place);
        let storedBytes: number | undefined;
        return {
          path,
          sink: {
            write: (bytes) => this.#write(file, bytes),
            close: async () => {
              const closed = await this.#ask("close", file);
              storedBytes = closed.storedBytes;
              if (closed.failure !== undefined) throw errorOf(closed.failure);
            },
            get storedBytes() {
              return storedBytes!;
            },
            ...(mostBytes === undefined ? {} : { mostBytes }),
          },
        };
      },
      written: (rule, file) => this.#tell("written", archive, rule, file),
      done: (rule, segment) => this.#tell("done", archive, rule, segment),
      lost: (rule, file) => this.#tell("lost", archive, rule, file),
    };
  }

  #files(archive: ArchiveName): RecordedFiles {
    return {
      find: (query = {}) => this.#ask("find", archive, query),
      segment: ({ rule, path }) => this.#ask("segment", archive, { rule, path }),
      read: ({ rule, path }, range) => this.#ask("read", archive, { rule, path }, range),
    };
  }

  /** A view takes all of its buffer along, so a copy of its own part crosses. */
  #write(file: number, bytes: Uint8Array): Promise<void> {
    const own = new Uint8Array(bytes);
    return this.#send("write", [file, own], [own.buffer]);
  }

  #ask<M extends keyof RecordingCalls>(
    method: M,
    ...args: Parameters<RecordingCalls[M]>
  ): Promise<Awaited<ReturnType<RecordingCalls[M]>>> {
    return this.#send(method, args, []);
  }

  #tell<M extends keyof RecordingCalls>(method: M, ...args: Parameters<RecordingCalls[M]>): void {
    this.#post({ ask: 0, method, args }, []);
  }

  #send<M extends keyof RecordingCalls>(
    method: M,
    args: readonly unknown[],
    transfer: Transferable[],
  ): Promise<Awaited<ReturnType<RecordingCalls[M]>>> {
    const ask = this.#next++;
    const asked = Promise.withResolvers<unknown>();
    this.#asked.set(ask, asked);
    this.#post({ ask, method, args }, transfer);
    return asked.promise as Promise<Awaited<ReturnType<RecordingCalls[M]>>>;
  }
}

function errorOf({ code, message }: RecordingFailure): Error {
  return code === undefined ? new Error(message) : new RecordingError(code, message);
}
