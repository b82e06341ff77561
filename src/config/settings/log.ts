import { bytes, choice, FILE, number } from "../leaf_types.ts";
import type { Permission } from "../permission.ts";
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

/** Files of the log that were put aside and are kept. */
export const LOG_KEPT = setting({
  key: "log.kept",
  type: number({ min: 0, max: 100, isWhole: true }),
  default: 5,
  help: "log files that are kept beside the newest, as FILE.1 and so on",
  change: "reload",
});

/** The file that lines are written to. */
export const LOG_FILE = setting({
  key: "log.file",
  type: FILE,
  defaultInWords: "standard output",
  help: "file that log lines are written to",
  doc:
    "SIGHUP opens it anew, for programs that put it aside themselves; give `log.maxBytes: unlimited` then. Lines that " +
    "cannot be written are counted, and said to be lost once they can.",
  flag: { name: "log-file", placeholder: "FILE" },
  needs: (path, settings) => {
    const kept = settings.get(LOG_KEPT);
    const aside = Array.from({ length: kept }, (_, index) => `${path}.${index + 1}`);
    return [
      ...[path, ...aside].map((path): Permission => ({ name: "write", path })),
      // To be put aside, a file has to be readable too.
      ...[path, ...aside].slice(0, kept).map((path): Permission => ({ name: "read", path })),
    ];
  },
  change: "reload",
});

/** How large a file may grow. */
export const LOG_MAX_BYTES = setting({
  key: "log.maxBytes",
  type: bytes({ min: 1024, max: Infinity, isWhole: true }),
  default: 64 * 1024 * 1024,
  help: "size at which the log file is put aside, as FILE.1, and a new one begun",
  change: "reload",
});

/** Log lines of the command. */
export const LOG: readonly Setting[] = [LOG_LEVEL, LOG_FORMAT, LOG_FILE, LOG_MAX_BYTES, LOG_KEPT];
