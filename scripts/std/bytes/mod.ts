/**
 * What weir uses of `jsr:@std/bytes`, for machines that reach no JSR: the same names, types and
 * rules.
 *
 * @module
 */
export * from "./concat.ts";
export * from "./copy.ts";
export * from "./ends_with.ts";
export * from "./equals.ts";
export * from "./includes_needle.ts";
export * from "./index_of_needle.ts";
export * from "./starts_with.ts";
