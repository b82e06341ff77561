/**
 * What weir uses of `jsr:@std/log` (0.224), for machines that reach no JSR: the same names, types
 * and rules.
 *
 * @module
 */
export * from "./base_handler.ts";
export * from "./console_handler.ts";
export * from "./formatters.ts";
export * from "./get_logger.ts";
export * from "./levels.ts";
export * from "./logger.ts";
export * from "./setup.ts";
