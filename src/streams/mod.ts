/**
 * Web streams for connections: transforms that have their output at once, and readables that run such transforms
 * themselves, without a pair of streams for each.
 *
 * @module
 */
export * from "./piece_reader.ts";
export * from "./piece_source.ts";
export type { PieceSink } from "./pipe_into.ts";
export * from "./piped_readable.ts";
export * from "./synchronous_sink.ts";
export * from "./synchronous_transform.ts";
