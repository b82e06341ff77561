/**
 * What a log line says beside its text; values may come from a peer, and are not escaped yet. The names that every
 * line has cannot be those of fields, since one of the two would be lost.
 */
export type LogFields =
  & Readonly<Record<string, unknown>>
  & {
    readonly [name in typeof LINE_FIELDS[number]]?: never;
  };

/** The fields that every line has: when it was written, how important it is, and its text. */
export const LINE_FIELDS = ["time", "level", "message"] as const;

/** The log of a server. A `Logger` of `@std/log` is one, and so is `console`. */
export interface ServerLog {
  /** Writes a line that only developers want. */
  debug(message: string, fields?: LogFields): void;
  /** Writes a line about something that happened in order. */
  info(message: string, fields?: LogFields): void;
  /** A peer's mistake, or a limit that was reached. */
  warn(message: string, fields?: LogFields): void;
  /** A mistake of the server or of its embedder. */
  error(message: string, fields?: LogFields): void;
}

/** Says nothing. */
export const silentLog: ServerLog = { debug() {}, info() {}, warn() {}, error() {} };
