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
  /** Ends the file; what was written stays, also where an earlier write failed. */
  close(): Promise<void>;
  /** How long a file may be; one ends at a key frame before. Unbounded by default. */
  readonly mostBytes?: number;
  /** Once it was closed: how much of it is in the store. All that was written by default; 0 where there is no file. */
  readonly storedBytes?: number;
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
  /** Whether a file can be read while it is written, and is listed with the time of its last byte. Default true. */
  readonly showsOpenFiles?: boolean;
  /** Finishes files that a program has left unfinished some minutes ago; yields those that are there then. */
  recover?(): AsyncIterable<StoredFile>;
  /** Is told why the store fails for now, and `undefined` when it works again. */
  onTrouble?: ((reason: string | undefined) => void) | undefined;
  /** No rule is for it any more: what fails is tried some seconds more, until `done` settles at the latest. */
  close?(done: Promise<unknown>): Promise<void>;
}

/** What went wrong with a recording. */
export type RecordingErrorCode =
  | "permission"
  | "store"
  | "unreachable"
  | "absent"
  | "format"
  | "busy"
  | "unset";

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
