import { BaseHandler } from "@std/log/base-handler";
import type { LevelName } from "@std/log/levels";
import { Logger, type LogRecord } from "@std/log/logger";
import type { LogLevelName } from "../config/mod.ts";
import { reasonOf } from "../log/mod.ts";
import { safeLog, type ServerLog } from "../server/mod.ts";
import { LogFile, type LogFileOptions } from "./log_file.ts";
import { jsonLine, textLine } from "./log_lines.ts";

/** What a {@linkcode CommandLog} writes, and where to. */
export interface CommandLogOptions {
  /** The least important lines that are written. */
  readonly level: LogLevelName;
  /** How a line is written. */
  readonly format: "text" | "json";
  /** The file that lines go to; standard output where it is left out. */
  readonly file?: Omit<LogFileOptions, "onStuck"> & { readonly path: string };
}

/** The log of the command: one line a record, on standard output or in a file. It can be changed at any time. */
export class CommandLog {
  /** Where lines are written; it never throws. */
  readonly log: ServerLog;
  readonly #lines: LineHandler;
  readonly #logger: Logger;

  /**
   * Opens the file, where there is to be one.
   *
   * @throws what opening a file throws
   */
  constructor(options: CommandLogOptions) {
    this.#lines = new LineHandler("DEBUG");
    this.#logger = new Logger("weir", "INFO", { handlers: [this.#lines] });
    this.log = safeLog(this.#logger);
    this.configure(options);
  }

  /** The least important lines that are written. */
  get level(): LogLevelName {
    return this.#logger.levelName.toLowerCase() as LogLevelName;
  }

  set level(level: LogLevelName) {
    this.#logger.levelName = level.toUpperCase() as LevelName;
  }

  /**
   * Writes otherwise from now on; a file is opened anew, as others may have put it aside.
   *
   * @throws what opening a file throws: then nothing is changed
   */
  configure({ level, format, file }: CommandLogOptions): void {
    const next = file === undefined ? undefined : new LogFile(file.path, {
      ...file,
      onStuck: (error) =>
        this.log.warn("the log file cannot be put aside, and grows", { reason: reasonOf(error) }),
    });
    next?.open();
    this.#lines.file?.close();
    this.#lines.file = next;
    this.#lines.isJson = format === "json";
    this.level = level;
  }

  /** Closes the file. */
  close(): void {
    this.#lines.file?.close();
  }
}

class LineHandler extends BaseHandler {
  file: LogFile | undefined;
  isJson = false;
  #isFailing = false;

  override format(record: LogRecord): string {
    return this.isJson ? jsonLine(record) : textLine(record);
  }

  override log(line: string): void {
    if (this.file === undefined) return console.log(line);
    try {
      this.file.write(line);
      this.#isFailing = false;
    } catch (error) {
      // The log says how many lines were lost, once it can be written again; until then there is only this.
      if (!this.#isFailing) {
        console.error(`weir: Cannot write the log file, lines are lost: ${reasonOf(error)}`);
      }
      this.#isFailing = true;
      throw error;
    }
  }
}
