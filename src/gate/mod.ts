/**
 * Admission: who may do what, as whom, and who hears of it.
 *
 * @module
 */
export * from "./credentials.ts";
export * from "./hooks.ts";
