/** How a {@linkcode LogFile} is kept. */
export interface LogFileOptions {
  /** A file that would be larger is put aside first, bytes. */
  readonly maxBytes: number;
  /** Files that were put aside are kept, as `PATH.1`, the newest, and so on. */
  readonly kept: number;
}

/**
 * A file that lines are written to, one after the other, and that is put aside when it is large. Whatever cannot be
 * done is thrown to whoever writes; the next line tries anew.
 */
export class LogFile {
  readonly #path: string;
  readonly #options: LogFileOptions;
  #file: Deno.FsFile | undefined;
  #bytes = 0;

  /** Opens nothing yet. */
  constructor(path: string, options: LogFileOptions) {
    this.#path = path;
    this.#options = options;
  }

  /** Opens the file, which is made where there is none; what is in it stays. */
  open(): void {
    this.#opened();
  }

  /** Writes a line. */
  write(line: string): void {
    const bytes = new TextEncoder().encode(`${line}\n`);
    let file = this.#opened();
    if (this.#bytes > 0 && this.#bytes + bytes.length > this.#options.maxBytes) {
      file = this.#putAside();
    }
    for (let at = 0; at < bytes.length;) at += file.writeSync(bytes.subarray(at));
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

  #putAside(): Deno.FsFile {
    this.close();
    const { kept } = this.#options;
    if (kept === 0) Deno.truncateSync(this.#path);
    for (let number = kept; number > 0; number--) {
      rename(number === 1 ? this.#path : `${this.#path}.${number - 1}`, `${this.#path}.${number}`);
    }
    return this.#opened();
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
