/** A file of a recording, as a store lists it. */
export interface StoredFile {
  /** Its path in the store, with `/` between folders. */
  readonly path: string;
  /** Its length. */
  readonly bytes: number;
  /** When it was written to last, milliseconds since 1970. */
  readonly modifiedUnixMs: number;
}

/** A file that is being written. */
export interface FileSink {
  /** Writes bytes behind what was written; resolves when there is room for the next. */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends the file; what was written stays. */
  close(): Promise<void>;
}

/** Where recordings are kept: a folder, or object storage. */
export interface RecordingStore {
  /** What log lines call it, without secrets. */
  readonly target: string;
  /**
   * Looks whether it can be used.
   *
   * @throws {RecordingError} (rejects) `permission`, with the flag to add, or `store`
   */
  check(): Promise<void>;
  /**
   * Makes a file, and the folders that it is in; resolves to `undefined` where there is one of the name.
   *
   * @throws {RecordingError} (rejects) `store`
   */
  create(path: string): Promise<FileSink | undefined>;
  /** Lists all files. */
  list(): AsyncIterable<StoredFile>;
  /**
   * Reads a part of a file: `length` bytes from `offset` on, fewer at its end.
   *
   * @throws {RecordingError} (rejects) `absent` or `store`
   */
  read(
    path: string,
    range: { readonly offset: number; readonly length: number },
  ): Promise<Uint8Array>;
  /** Removes a file, and the folders that are empty then; harmless where there is none. */
  remove(path: string): Promise<void>;
  /** How much may still be written, where that is known. */
  freeBytes?(): Promise<number>;
}

/** What went wrong with a recording. */
export type RecordingErrorCode = "permission" | "store" | "absent" | "format";

/** A recording cannot be written or read; the message says why. */
export class RecordingError extends Error {
  /** Name of the class. */
  override readonly name = "RecordingError";
  /** What went wrong. */
  readonly code: RecordingErrorCode;

  /** Made with the code first. */
  constructor(code: RecordingErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
