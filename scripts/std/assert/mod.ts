/**
 * What weir's tests use of `jsr:@std/assert`, for machines that reach no JSR: the same names, types
 * and rules. `deno task test:jsr` runs the suite on the real package.
 *
 * @module
 */
export { AssertionError } from "./assertion_error.ts";
export * from "./claims.ts";
export * from "./equal.ts";
export * from "./equality.ts";
export * from "./object_match.ts";
export * from "./throws.ts";
