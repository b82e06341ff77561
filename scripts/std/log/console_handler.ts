import { BaseHandler, type BaseHandlerOptions } from "./base_handler.ts";
import { type LevelName, LogLevels } from "./levels.ts";
import type { LogRecord } from "./log_record.ts";

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
    return this.#useColors ? inColor(msg, logRecord.level) : msg;
  }

  /** Writes a line to the console. */
  log(msg: string): void {
    console.log(msg);
  }
}

/** Colours `msg`: blue is information, yellow a warning, red an error. */
function inColor(msg: string, level: number): string {
  switch (level) {
    case LogLevels.INFO:
      return paint(msg, 34, 39);
    case LogLevels.WARN:
      return paint(msg, 33, 39);
    case LogLevels.ERROR:
      return paint(msg, 31, 39);
    case LogLevels.CRITICAL:
      return paint(paint(msg, 31, 39), 1, 22);
    default:
      return msg;
  }
}

/** Sets a style around `text`; where `text` ends that style itself, it goes on. */
function paint(text: string, begin: number, end: number): string {
  if (Deno.noColor) return text;
  const [open, close] = [`\x1b[${begin}m`, `\x1b[${end}m`];
  return `${open}${text.replaceAll(close, open)}${close}`;
}
