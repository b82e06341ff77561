import type { LogRecord } from "./log_record.ts";

/** Makes a line of JSON: `level`, `datetime` in ms, `message`, and the arguments as `args`. */
export function jsonFormatter(logRecord: LogRecord): string {
  const { args } = logRecord;
  return JSON.stringify({
    level: logRecord.levelName,
    datetime: logRecord.datetime.getTime(),
    message: logRecord.msg,
    args: args.length > 1 ? args : args[0],
  });
}

/** The formatters by name. */
export const formatters: { readonly jsonFormatter: (logRecord: LogRecord) => string } = {
  jsonFormatter,
};
