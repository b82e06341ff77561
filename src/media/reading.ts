import { BitReader, ByteReader } from "../bytes/mod.ts";
import { MediaError } from "./errors.ts";

/** Reads bits of what `name` says; reads past the end become {@linkcode MediaError}s. */
export function readBits<T>(bytes: Uint8Array, name: string, read: (bits: BitReader) => T): T {
  try {
    return read(new BitReader(bytes));
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new MediaError("truncated", `${name} is cut short: ${cause.message}`, { cause });
  }
}

/** Makes a reader of what `name` says; reads past the end throw {@linkcode MediaError}s. */
export function mediaReader(bytes: Uint8Array, name: string): ByteReader {
  return new ByteReader(bytes, {
    onShort: (wanted, remaining) =>
      new MediaError("truncated", `${name} wants ${wanted} bytes where ${remaining} remain`),
  });
}

/** Makes the error for what breaks its specification. */
export function malformed(message: string): MediaError {
  return new MediaError("malformed", message);
}
