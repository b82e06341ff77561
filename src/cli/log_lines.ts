import type { LogRecord } from "@std/log/logger";
import { LINE_FIELDS } from "../server/mod.ts";

/** `time LEVEL message key=value …`; whatever a peer sent cannot end the line. */
export function textLine(record: LogRecord): string {
  const fields = Object.entries(fieldsOf(record)).map(([key, value]) => `${key}=${shown(value)}`);
  return [record.datetime.toISOString(), record.levelName, escaped(record.msg), ...fields]
    .join(" ");
}

/** The same as one JSON object, with the characters that a terminal would act upon as `\\u` escapes. */
export function jsonLine(record: LogRecord): string {
  return escaped(JSON.stringify({
    ...fieldsOf(record),
    time: record.datetime.toISOString(),
    level: record.levelName.toLowerCase(),
    message: record.msg,
  }));
}

/** The fields of a line; one that is called as what every line has gets a name of its own. */
function fieldsOf(record: LogRecord): Record<string, unknown> {
  const [fields] = record.args;
  if (typeof fields !== "object" || fields === null) return {};
  const isTaken = (name: string): boolean => LINE_FIELDS.some((taken) => taken === name);
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [isTaken(name) ? `${name}_` : name, value]),
  );
}

function shown(value: unknown): string {
  const text = String(value);
  return /^[\w./:@+-]+$/.test(text) ? text : escaped(JSON.stringify(text));
}

/** Control characters, and those that reorder a line in a terminal. */
// deno-lint-ignore no-control-regex
const UNPRINTABLE = /[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

function escaped(text: string): string {
  return text.replace(
    UNPRINTABLE,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
