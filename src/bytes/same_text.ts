/**
 * Whether a text that was shown is the one that is known, in a time that depends on the length of what was shown alone:
 * all of it is looked at, whatever is found. For passwords, tokens and answers to challenges.
 *
 * @example
 * ```ts
 * import { isSameText } from "@weir/server/bytes";
 *
 * console.log(isSameText("secret", "secret"), isSameText("Secret", "secret")); // true false
 * ```
 */
export function isSameText(shown: string, known: string): boolean {
  let difference = shown.length ^ known.length;
  for (let at = 0; at < shown.length; at++) {
    difference |= shown.charCodeAt(at) ^ known.charCodeAt(at % known.length);
  }
  return difference === 0;
}
