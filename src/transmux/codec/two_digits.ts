/** A number as the names of codecs have it: `03`. */
export function twoDigits(number: number): string {
  return String(number).padStart(2, "0");
}
