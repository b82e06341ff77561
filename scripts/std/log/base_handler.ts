import { getLevelByName, getLevelName, type LevelName, type LogLevel } from "./levels.ts";
import type { LogRecord } from "./log_record.ts";

/** Turns a record into the line that is logged. */
export type FormatterFunction = (logRecord: LogRecord) => string;

/** Options of a {@linkcode BaseHandler}. */
export interface BaseHandlerOptions {
  /** Makes the line; `LEVEL message` by default. */
  formatter?: FormatterFunction;
}

/** Takes records of a level and above and writes them somewhere. */
export abstract class BaseHandler {
  /** Makes the line. */
  formatter: FormatterFunction;
  #level: LogLevel;
  #levelName: LevelName;

  /** Takes the least level that is logged. */
  constructor(levelName: LevelName, options?: BaseHandlerOptions) {
    this.#levelName = levelName;
    this.#level = getLevelByName(levelName);
    this.formatter = options?.formatter ?? (({ levelName, msg }) => `${levelName} ${msg}`);
  }

  /** The least level that is logged. */
  get level(): LogLevel {
    return this.#level;
  }
  set level(level: LogLevel) {
    this.#level = level;
    this.#levelName = getLevelName(level);
  }

  /** The name of the least level that is logged. */
  get levelName(): LevelName {
    return this.#levelName;
  }
  set levelName(levelName: LevelName) {
    this.#levelName = levelName;
    this.#level = getLevelByName(levelName);
  }

  /** Logs `logRecord` if its level is high enough. */
  handle(logRecord: LogRecord): void {
    if (this.level > logRecord.level) return;
    this.log(this.format(logRecord));
  }

  /** Makes the line of `logRecord`. */
  format(logRecord: LogRecord): string {
    return this.formatter(logRecord);
  }

  /** Writes a line. */
  abstract log(msg: string): void;

  /** Called before the handler is first used. */
  setup(): void {}

  /** Called when the handler is no longer used. */
  destroy(): void {}

  /** Destroys the handler at the end of a block. */
  [Symbol.dispose](): void {
    this.destroy();
  }
}
