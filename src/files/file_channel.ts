import { type Clock, pause } from "../hub/mod.ts";
import { reasonOf, type ServerLog } from "../log/mod.ts";
import type { MediaUnit } from "../media/mod.ts";
import { fileUnits } from "./file_source.ts";
import { checkReadable } from "./media_file.ts";

/** Files that are published as one stream, one behind the other, at their own pace. */
export interface FileChannelOptions {
  /** Name of the stream. */
  readonly name: string;
  /** The files, in order: FLV, MP4, MOV, Matroska, WebM, MPEG-TS and others. */
  readonly files: readonly string[];
  /** Whether it begins again when the last file has ended. Default true. */
  readonly loop?: boolean;
}

/** What a channel needs of the server. */
export interface FileChannelContext {
  /** Time. */
  readonly clock: Clock;
  /** Where lines go. */
  readonly log: ServerLog;
  /** Publishes units until they end or the signal aborts; rejects when the server refuses. */
  readonly publish: (
    name: string,
    units: ReadableStream<MediaUnit>,
    options: { readonly signal: AbortSignal },
  ) => Promise<void>;
}

/** The wait before the next attempt, after a failure or when another publisher has the name, milliseconds. */
const RETRY_MS = 5000;

/** Publishes files as a stream, again after each failure, until it is stopped. */
export class FileChannel {
  readonly #options: FileChannelOptions;
  readonly #context: FileChannelContext;
  readonly #stop = new AbortController();
  #running: Promise<void> | undefined;
  #isFailing = false;

  /**
   * Makes a channel that does nothing yet.
   *
   * @throws {TypeError} if there is no file
   */
  constructor(options: FileChannelOptions, context: FileChannelContext) {
    if (options.files.length === 0) throw new TypeError("Cannot publish files as there is none");
    this.#options = options;
    this.#context = context;
  }

  /**
   * Looks whether its files may be read.
   *
   * @throws {MediaFileError} (rejects) with the flag to add, or what is wrong with a file
   */
  async check(): Promise<void> {
    for (const path of this.#options.files) await checkReadable(path);
  }

  /** Starts to publish; does nothing when it has started. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Ends its stream; resolves when that is done. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { name, files, loop = true } = this.#options;
    const { clock, log, publish } = this.#context;
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        await publish(name, fileUnits(files, { loop, clock, signal }), { signal });
        this.#isFailing = false;
        if (signal.aborted || !loop) {
          log.info("files ended", { stream: name });
          return;
        }
      } catch (error) {
        // Once for each spell of failures.
        log[this.#isFailing ? "debug" : "warn"]("files cannot be published", {
          stream: name,
          reason: reasonOf(error),
          retryMs: RETRY_MS,
        });
        this.#isFailing = true;
      }
      await pause(RETRY_MS, { clock, signal });
    }
  }
}
