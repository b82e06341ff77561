/**
 * Time as it is passed in: clocks, pauses, and waits that end in time.
 *
 * @module
 */
export * from "./clock.ts";
export * from "./deadline.ts";
export * from "./interruption.ts";
export * from "./pause.ts";
export * from "./repeat.ts";
