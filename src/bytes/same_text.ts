import { createHash, timingSafeEqual } from "node:crypto";

/**
 * Whether two texts are the same, in a time that tells nothing of either, their lengths neither: what is
 * compared are SHA-256 digests of both. For passwords, tokens and answers to challenges.
 *
 * @example
 * ```ts
 * import { isSameText } from "@weir/server/bytes";
 *
 * console.log(isSameText("secret", "secret"), isSameText("secret", "Secret")); // true false
 * ```
 */
export function isSameText(one: string, other: string): boolean {
  return timingSafeEqual(digest(one), digest(other));
}

function digest(text: string): Uint8Array {
  return createHash("sha256").update(text).digest();
}
