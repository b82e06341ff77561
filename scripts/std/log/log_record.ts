import { getLevelName, type LogLevel } from "./levels.ts";

/** What a {@linkcode LogRecord} is made of. */
export interface LogRecordOptions {
  /** The text. */
  msg: string;
  /** Values beside the text. */
  args: unknown[];
  /** The level. */
  level: LogLevel;
  /** Who logs. */
  loggerName: string;
}

/** One thing logged. */
export class LogRecord {
  /** The text. */
  readonly msg: string;
  /** The level. */
  readonly level: number;
  /** The level's name. */
  readonly levelName: string;
  /** Who logs. */
  readonly loggerName: string;
  readonly #args: unknown[];
  readonly #datetime = new Date();

  /** Makes a record of now. */
  constructor(options: LogRecordOptions) {
    this.msg = options.msg;
    this.level = options.level;
    this.levelName = getLevelName(options.level);
    this.loggerName = options.loggerName;
    this.#args = [...options.args];
  }

  /** Values beside the text. */
  get args(): unknown[] {
    return [...this.#args];
  }

  /** When it was logged. */
  get datetime(): Date {
    return new Date(this.#datetime);
  }
}
