/**
 * Readers and writers over `Uint8Array` views: the floor that every format stands on.
 *
 * Readers hand out views of the bytes they were given, never copies; writers own what they build
 * until `finish` gives it away.
 *
 * @example Write a length-prefixed text, and read it again
 * ```ts
 * import { ByteReader, ByteWriter } from "@weir/server/bytes";
 *
 * const bytes = new ByteWriter().u16(4).utf8("weir").finish();
 * const reader = new ByteReader(bytes);
 * console.log(reader.utf8(reader.u16())); // weir
 * ```
 *
 * @module
 */
export * from "./bit_reader.ts";
export * from "./bit_writer.ts";
export * from "./byte_queue.ts";
export * from "./byte_reader.ts";
export * from "./byte_writer.ts";
export { isSameText } from "./same_text.ts";
