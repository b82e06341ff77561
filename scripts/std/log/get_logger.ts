import { Logger } from "./logger.ts";
import "./setup.ts";
import { state } from "./state.ts";

/** Returns the logger of a name; one that `setup` does not know logs nowhere. */
export function getLogger(name = "default"): Logger {
  let logger = state.loggers.get(name);
  if (logger === undefined) {
    logger = new Logger(name, "NOTSET", { handlers: [] });
    state.loggers.set(name, logger);
  }
  return logger;
}
