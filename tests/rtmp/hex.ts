/** Hexadecimal text of bytes, as vectors and failures show them. */
export function encodeHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The inverse of {@linkcode encodeHex}; white space is passed over. */
export function decodeHex(text: string): Uint8Array {
  const digits = text.replace(/\s/g, "");
  return Uint8Array.from({ length: digits.length / 2 }, (_, index) => {
    return parseInt(digits.slice(2 * index, 2 * index + 2), 16);
  });
}
