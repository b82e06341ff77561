import { concat } from "@std/bytes/concat";

/** Length of an element whose end is not known, in eight bytes (RFC 8794, 6.2). */
const UNKNOWN_LENGTH = new Uint8Array([0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]);

const encoder = new TextEncoder();

/** An element with its content (RFC 8794, 4). */
export function element(id: number, ...content: readonly Uint8Array[]): Uint8Array {
  const length = content.reduce((sum, part) => sum + part.length, 0);
  return concat([idBytes(id), lengthBytes(length), ...content]);
}

/** The head of an element that ends where another of its level begins, or with the file. */
export function openElement(id: number): Uint8Array {
  return concat([idBytes(id), UNKNOWN_LENGTH]);
}

/** An element that is an unsigned number. */
export function uintElement(id: number, value: number): Uint8Array {
  const bytes: number[] = [];
  for (let rest = value; rest > 0 || bytes.length === 0; rest = Math.floor(rest / 256)) {
    bytes.unshift(rest % 256);
  }
  return element(id, new Uint8Array(bytes));
}

/** An element that is a number with a fraction. */
export function floatElement(id: number, value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setFloat64(0, value);
  return element(id, bytes);
}

/** An element that is a text. */
export function textElement(id: number, value: string): Uint8Array {
  return element(id, encoder.encode(value));
}

/** An element that is a time: nanoseconds since 2001, of which microseconds are told here. */
export function dateElement(id: number, unixUs: number): Uint8Array {
  const bytes = new Uint8Array(8);
  const since = BigInt(Math.round(unixUs)) - BigInt(Date.UTC(2001, 0, 1)) * 1000n;
  new DataView(bytes.buffer).setBigInt64(0, since * 1000n);
  return element(id, bytes);
}

/** A length, in as few bytes as it needs; all ones are kept for those that are not known (RFC 8794, 4). */
export function lengthBytes(length: number): Uint8Array {
  let size = 1;
  while (length >= 2 ** (7 * size) - 1) size++;
  const bytes = new Uint8Array(size);
  let rest = length;
  for (let at = size - 1; at >= 0; at--) {
    bytes[at] = rest % 256;
    rest = Math.floor(rest / 256);
  }
  bytes[0]! |= 0x80 >> (size - 1);
  return bytes;
}

function idBytes(id: number): Uint8Array {
  const bytes: number[] = [];
  for (let rest = id; rest > 0; rest = Math.floor(rest / 256)) bytes.unshift(rest % 256);
  return new Uint8Array(bytes);
}
