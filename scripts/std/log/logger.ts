import type { BaseHandler } from "./base_handler.ts";
import {
  getLevelByName,
  getLevelName,
  type LevelName,
  type LogLevel,
  LogLevels,
} from "./levels.ts";
import { LogRecord } from "./log_record.ts";

export * from "./log_record.ts";

// deno-lint-ignore no-explicit-any
type GenericFunction = (...args: any[]) => any;
/** A value to log, or a function that makes it when it is logged at all. */
type Message<T> = (T extends GenericFunction ? never : T) | (() => T);

/** What the loggers and handlers of a program are; see `setup`. */
export interface LogConfig {
  /** The handlers by name. */
  handlers?: { [name: string]: BaseHandler };
  /** The loggers by name. */
  loggers?: { [name: string]: LoggerConfig };
}

/** What a logger is in a {@linkcode LogConfig}. */
export interface LoggerConfig {
  /** The least level that is logged; `INFO` by default. */
  level?: LevelName;
  /** Names of handlers. */
  handlers?: string[];
}

/** Options of a {@linkcode Logger}. */
export interface LoggerOptions {
  /** Where records go. */
  handlers?: BaseHandler[];
}

/** Passes what is logged at its level and above to its handlers. */
export class Logger {
  /** Where records go. */
  handlers: BaseHandler[];
  readonly #loggerName: string;
  #level: LogLevel;

  /** Takes the logger's name and the least level that is logged. */
  constructor(loggerName: string, levelName: LevelName, options: LoggerOptions = {}) {
    this.#loggerName = loggerName;
    this.#level = getLevelByName(levelName);
    this.handlers = options.handlers ?? [];
  }

  /** The least level that is logged. */
  get level(): LogLevel {
    return this.#level;
  }
  set level(level: LogLevel) {
    try {
      this.#level = getLevelByName(getLevelName(level));
    } catch {
      throw new TypeError(`Invalid log level: ${level}`);
    }
  }

  /** The name of the least level that is logged. */
  get levelName(): LevelName {
    return getLevelName(this.#level);
  }
  set levelName(levelName: LevelName) {
    this.#level = getLevelByName(levelName);
  }

  /** The logger's name. */
  get loggerName(): string {
    return this.#loggerName;
  }

  /** Logs at level `DEBUG`; returns the value, or `undefined` where a function was not called. */
  debug<T>(msg: () => T, ...args: unknown[]): T | undefined;
  /** Logs at level `DEBUG`; returns the value. */
  debug<T>(msg: T extends GenericFunction ? never : T, ...args: unknown[]): T;
  debug<T>(msg: Message<T>, ...args: unknown[]): T | undefined {
    return this.#log(LogLevels.DEBUG, msg, args);
  }

  /** Logs at level `INFO`; returns the value, or `undefined` where a function was not called. */
  info<T>(msg: () => T, ...args: unknown[]): T | undefined;
  /** Logs at level `INFO`; returns the value. */
  info<T>(msg: T extends GenericFunction ? never : T, ...args: unknown[]): T;
  info<T>(msg: Message<T>, ...args: unknown[]): T | undefined {
    return this.#log(LogLevels.INFO, msg, args);
  }

  /** Logs at level `WARN`; returns the value, or `undefined` where a function was not called. */
  warn<T>(msg: () => T, ...args: unknown[]): T | undefined;
  /** Logs at level `WARN`; returns the value. */
  warn<T>(msg: T extends GenericFunction ? never : T, ...args: unknown[]): T;
  warn<T>(msg: Message<T>, ...args: unknown[]): T | undefined {
    return this.#log(LogLevels.WARN, msg, args);
  }

  /** Logs at level `ERROR`; returns the value, or `undefined` where a function was not called. */
  error<T>(msg: () => T, ...args: unknown[]): T | undefined;
  /** Logs at level `ERROR`; returns the value. */
  error<T>(msg: T extends GenericFunction ? never : T, ...args: unknown[]): T;
  error<T>(msg: Message<T>, ...args: unknown[]): T | undefined {
    return this.#log(LogLevels.ERROR, msg, args);
  }

  /** Logs at level `CRITICAL`; returns the value, or `undefined` where a function was not called. */
  critical<T>(msg: () => T, ...args: unknown[]): T | undefined;
  /** Logs at level `CRITICAL`; returns the value. */
  critical<T>(msg: T extends GenericFunction ? never : T, ...args: unknown[]): T;
  critical<T>(msg: Message<T>, ...args: unknown[]): T | undefined {
    return this.#log(LogLevels.CRITICAL, msg, args);
  }

  #log<T>(level: LogLevel, msg: Message<T>, args: unknown[]): T | undefined {
    if (this.level > level) return msg instanceof Function ? undefined : msg;
    const value: T = msg instanceof Function ? msg() : msg;
    const record = new LogRecord({
      msg: asString(value),
      args,
      level,
      loggerName: this.loggerName,
    });
    for (const handler of this.handlers) handler.handle(record);
    return value;
  }
}

/** Makes the text of a value; text inside of an object is quoted. */
function asString(data: unknown, isProperty = false): string {
  if (typeof data === "string") return isProperty ? `"${data}"` : data;
  if (data instanceof Error) return data.stack!;
  if (typeof data === "function") return "undefined";
  if (typeof data !== "object" || data === null) return String(data);
  const entries = Object.entries(data).map(([key, value]) => `"${key}":${asString(value, true)}`);
  return `{${entries.join(",")}}`;
}
