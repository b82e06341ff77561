/**
 * What those need of transports who open none.
 *
 * @module
 */
export * from "./system_clock.ts";
