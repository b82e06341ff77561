import type { ByteReader, ByteWriter } from "../bytes/mod.ts";

// A byte order mark at the front of a string is a character of it.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
const encoder = new TextEncoder();

// Up to about here, a character at a time costs less than a call of TextDecoder or TextEncoder.
const SHORT = 24;

/** Reads `length` bytes of UTF-8; malformed sequences become U+FFFD. */
export function readText(reader: ByteReader, length: number): string {
  if (length > SHORT) return decoder.decode(reader.view(length));
  const { bytes, offset } = reader;
  reader.skip(length);
  let text = "";
  for (let at = offset; at < offset + length; at++) {
    const byte = bytes[at]!;
    if (byte > 0x7f) return decoder.decode(bytes.subarray(offset, offset + length));
    text += String.fromCharCode(byte);
  }
  return text;
}

/** Writes `text` as UTF-8 behind its length in bytes, which `writeLength` writes. */
export function writeText(
  writer: ByteWriter,
  text: string,
  writeLength: (writer: ByteWriter, length: number) => void,
): void {
  if (text.length <= SHORT && isAscii(text)) {
    writeLength(writer, text.length);
    for (let at = 0; at < text.length; at++) writer.u8(text.charCodeAt(at));
  } else {
    const bytes = encoder.encode(text);
    writeLength(writer, bytes.length);
    writer.bytes(bytes);
  }
}

function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    if (text.charCodeAt(at) > 0x7f) return false;
  }
  return true;
}
