/** Returns the 32-bit number that `onMetaData` and `connect` carry for a FourCC. */
export function fourCcToNumber(fourCc: string): number {
  let value = 0;
  for (let i = 0; i < 4; i++) value = value * 256 + (fourCc.charCodeAt(i) & 0xff);
  return value;
}

/** Returns the four characters (each one byte, ISO 8859-1) of a 32-bit number. */
export function fourCcFromNumber(value: number): string {
  return String.fromCharCode(
    Math.floor(value / 0x1000000) & 0xff,
    (value >> 16) & 0xff,
    (value >> 8) & 0xff,
    value & 0xff,
  );
}
