/**
 * Rules that others take the place of while a server runs: which of them go on.
 *
 * @module
 */
export * from "./same_options.ts";
export * from "./succession.ts";
