/** What a log line says beside its text; values may come from a peer, and are not escaped yet. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Where a server's log lines go. A `Logger` of `@std/log` is one, and so is `console`. */
export interface ServerLog {
  /** What a developer wants to know. */
  debug(message: string, fields?: LogFields): void;
  /** What happened in order. */
  info(message: string, fields?: LogFields): void;
  /** A peer's mistake, or a limit that was reached. */
  warn(message: string, fields?: LogFields): void;
  /** A mistake of the server or of its embedder. */
  error(message: string, fields?: LogFields): void;
}

/** Says nothing. */
export const silentLog: ServerLog = { debug() {}, info() {}, warn() {}, error() {} };
