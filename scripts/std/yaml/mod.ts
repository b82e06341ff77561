/**
 * What weir uses of `jsr:@std/yaml`, for machines that reach no JSR: the same names, types and
 * rules. The real package is a port of js-yaml, which does the work here.
 *
 * @module
 */
export * from "./parse.ts";
export * from "./stringify.ts";
