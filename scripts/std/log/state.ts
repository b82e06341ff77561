import type { BaseHandler } from "./base_handler.ts";
import type { Logger } from "./logger.ts";

/** The handlers and loggers of the program, by name. */
export const state: { handlers: Map<string, BaseHandler>; loggers: Map<string, Logger> } = {
  handlers: new Map(),
  loggers: new Map(),
};
