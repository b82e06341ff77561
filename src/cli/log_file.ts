/** How a {@linkcode LogFile} is kept. */
export interface LogFileOptions {
  /** A file that would be larger is put aside first, bytes. */
  readonly maxBytes: number;
  /** Files that were put aside are kept, as `PATH.1`, the newest, and so on. */
  readonly kept: number;
  /** Is told why a file could not be put aside: it is written on, and tried again when it has grown as much once more. */
  readonly onStuck?: (error: unknown) => void;
}

/**
 * A file that lines are written to, one after the other, and that is put aside when it is large. A line that cannot be
 * written is thrown to whoever writes, and nothing of it is left in the file; the next line tries anew.
 */
export class LogFile {
  readonly #path: string;
  readonly #options: LogFileOptions;
  #file: Deno.FsFile | undefined;
  #bytes = 0;
  /** Bytes that a file is put aside at. */
  #mostBytes: number;

  /** Opens nothing yet. */
  constructor(path: string, options: LogFileOptions) {
    this.#path = path;
    this.#options = options;
    this.#mostBytes = options.maxBytes;
  }

  /** Opens the file, which is made where there is none; what is in it stays. */
  open(): void {
    this.#opened();
  }

  /** Writes a line. */
  write(line: string): void {
    const bytes = new TextEncoder().encode(`${line}\n`);
    this.#opened();
    if (this.#bytes > 0 && this.#bytes + bytes.length > this.#mostBytes) this.#makeRoom();
    const file = this.#opened();
    let at = 0;
    try {
      while (at < bytes.length) at += file.writeSync(bytes.subarray(at));
    } catch (error) {
      // A disk may have had room for a part of it.
      if (at > 0) file.truncateSync(this.#bytes);
      throw error;
    }
    this.#bytes += bytes.length;
  }

  /** Writes to a file of the name that was given from now on: others may have put the former aside. */
  close(): void {
    this.#file?.close();
    this.#file = undefined;
  }

  #opened(): Deno.FsFile {
    if (this.#file === undefined) {
      this.#file = Deno.openSync(this.#path, { append: true, create: true });
      this.#bytes = this.#file.statSync().size;
    }
    return this.#file;
  }

  #makeRoom(): void {
    const { maxBytes, onStuck } = this.#options;
    try {
      this.#putAside();
      this.#mostBytes = maxBytes;
    } catch (error) {
      this.#opened();
      this.#mostBytes = this.#bytes + maxBytes;
      onStuck?.(error);
    }
  }

  #putAside(): void {
    this.close();
    const { kept } = this.#options;
    if (kept === 0) Deno.truncateSync(this.#path);
    const names = Array.from(
      { length: kept + 1 },
      (_, n) => n === 0 ? this.#path : `${this.#path}.${n}`,
    );
    const folder = names.slice(0, kept).find(isFolder);
    if (folder !== undefined) throw new Error(`${folder} is a folder`);
    for (let n = kept; n > 0; n--) rename(names[n - 1]!, names[n]!);
  }
}

function isFolder(path: string): boolean {
  try {
    return Deno.lstatSync(path).isDirectory;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** There are fewer files than may be kept at first. */
function rename(from: string, to: string): void {
  try {
    Deno.renameSync(from, to);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
