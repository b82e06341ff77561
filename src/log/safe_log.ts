import type { LogFields, ServerLog } from "./server_log.ts";

/**
 * A log that never throws, over one that may: the disk under it is full, or an embedder's function has a mistake,
 * which is no reason to end a connection or the program. Lines that were lost are counted, and their number is
 * told as soon as one can be written again. One that returns a promise may reject it.
 *
 * @example
 * ```ts
 * import { safeLog } from "@weir/server/server";
 *
 * const log = safeLog({ ...console, info: () => { throw new Error("disk full"); } });
 * log.info("nobody hears of this, and nothing else happens");
 * ```
 */
export function safeLog(log: ServerLog): ServerLog {
  let lost = 0;
  let reason = "";
  const lose = (error: unknown): void => {
    lost++;
    reason = shown(error);
  };
  const write = (level: keyof ServerLog, message: string, fields: LogFields | undefined): void => {
    try {
      if (lost > 0) tellLost();
      // A function of an embedder may be async, whatever its type says.
      const result: unknown = log[level](message, fields);
      if (result instanceof Promise) result.catch(lose);
    } catch (error) {
      lose(error);
    }
  };
  const tellLost = (): void => {
    const lines = lost;
    const result: unknown = log.warn("log lines were lost, since they could not be written", {
      lines,
      reason,
    });
    lost -= lines;
    if (result instanceof Promise) {
      result.catch((error) => {
        lose(error);
        // Those that were to be told of, beside the line that was to tell.
        lost += lines - 1;
      });
    }
  };
  return {
    debug: (message, fields) => write("debug", message, fields),
    info: (message, fields) => write("info", message, fields),
    warn: (message, fields) => write("warn", message, fields),
    error: (message, fields) => write("error", message, fields),
  };
}

/** Puts a thrown value into words; it may be anything, and may throw itself when it is turned into text. */
function shown(error: unknown): string {
  try {
    return String(error);
  } catch {
    return "unknown";
  }
}
