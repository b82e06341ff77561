import { ConsoleHandler } from "./console_handler.ts";
import { type LogConfig, Logger } from "./logger.ts";
import { state } from "./state.ts";

const DEFAULT_HANDLER = new ConsoleHandler("INFO");

/** Replaces the loggers and handlers of the program; "default" stays where it is not named. */
export function setup(config: LogConfig): void {
  for (const handler of state.handlers.values()) handler.destroy();
  state.handlers.clear();
  state.loggers.clear();
  const handlers = { default: DEFAULT_HANDLER, ...config.handlers };
  for (const [name, handler] of Object.entries(handlers)) {
    handler.setup();
    state.handlers.set(name, handler);
  }
  const loggers: LogConfig["loggers"] = {
    default: { level: "INFO", handlers: ["default"] },
    ...config.loggers,
  };
  for (const [name, { level = "INFO", handlers = [] }] of Object.entries(loggers)) {
    const found = handlers.map((handler) => state.handlers.get(handler))
      .filter((handler) => handler !== undefined);
    state.loggers.set(name, new Logger(name, level, { handlers: found }));
  }
}

setup({});
