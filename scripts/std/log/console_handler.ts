import { BaseHandler, type BaseHandlerOptions } from "./base_handler.ts";
import { type LevelName, LogLevels } from "./levels.ts";
import type { LogRecord } from "./logger.ts";

/** Options of a {@linkcode ConsoleHandler}. */
export interface ConsoleHandlerOptions extends BaseHandlerOptions {
  /** Whether the level decides the colour; `true` by default. */
  useColors?: boolean;
}

/** Logs to the console. */
export class ConsoleHandler extends BaseHandler {
  readonly #useColors: boolean;

  /** Takes the least level that is logged. */
  constructor(levelName: LevelName, options: ConsoleHandlerOptions = {}) {
    super(levelName, options);
    this.#useColors = options.useColors ?? true;
  }

  /** Makes the line, coloured where wanted. */
  override format(logRecord: LogRecord): string {
    const msg = super.format(logRecord);
    return this.#useColors ? this.applyColors(msg, logRecord.level) : msg;
  }

  /** Colours `msg`: blue is information, yellow a warning, red an error. */
  applyColors(msg: string, level: number): string {
    if (Deno.noColor) return msg;
    switch (level) {
      case LogLevels.INFO:
        return `\x1b[34m${msg}\x1b[39m`;
      case LogLevels.WARN:
        return `\x1b[33m${msg}\x1b[39m`;
      case LogLevels.ERROR:
        return `\x1b[31m${msg}\x1b[39m`;
      case LogLevels.CRITICAL:
        return `\x1b[1m\x1b[31m${msg}\x1b[39m\x1b[22m`;
      default:
        return msg;
    }
  }

  /** Writes a line to the console. */
  log(msg: string): void {
    console.log(msg);
  }
}
