import { equals } from "./equals.ts";

/** Tells whether `source` ends with `suffix`. */
export function endsWith(source: Uint8Array, suffix: Uint8Array): boolean {
  const at = source.length - suffix.length;
  return at >= 0 && equals(source.subarray(at), suffix);
}
