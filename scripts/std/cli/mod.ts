/**
 * What weir uses of `jsr:@std/cli`, for machines that reach no JSR: the same names, types and rules.
 *
 * @module
 */
export * from "./parse_args.ts";
