import { choice } from "../leaf_types.ts";
import { type Setting, setting } from "../setting.ts";

/** Names of log levels, from the most to the least talkative. */
export const LOG_LEVELS = ["debug", "info", "warn", "error"] as const;

/** Name of a log level. */
export type LogLevelName = typeof LOG_LEVELS[number];

/** The least important lines that are written. */
export const LOG_LEVEL = setting<LogLevelName>({
  key: "log.level",
  type: choice(LOG_LEVELS),
  default: "info",
  help: "the least important lines that are written: debug, info, warn or error",
  flag: { name: "log-level", placeholder: "LEVEL" },
  change: "reload",
});

/** How lines are written. */
export const LOG_FORMAT = setting<"text" | "json">({
  key: "log.format",
  type: choice(["text", "json"]),
  default: "text",
  help: "text for people or json for machines, one line an event",
  flag: { name: "log-format", placeholder: "FORMAT" },
  change: "reload",
});

/** Log lines of the command. */
export const LOG: readonly Setting[] = [LOG_LEVEL, LOG_FORMAT];
