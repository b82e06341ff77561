import { Logger } from "./logger.ts";
import "./setup.ts";
import { state } from "./state.ts";

/** Returns the logger of a name, "default" without one; a logger that `setup` does not know logs nowhere. */
export function getLogger(name?: string): Logger {
  let logger = state.loggers.get(name || "default");
  if (logger !== undefined) return logger;
  if (!name) throw new Error('Cannot get the logger "default": it is not set up');
  logger = new Logger(name, "NOTSET", { handlers: [] });
  state.loggers.set(name, logger);
  return logger;
}
