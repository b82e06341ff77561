/**
 * What a value that was thrown says, in words, for log lines and for the messages of further errors. Programs may
 * throw what is no error.
 *
 * @example
 * ```ts
 * import { reasonOf } from "@weir/server/log";
 *
 * console.log(reasonOf(new TypeError("it is too long"))); // it is too long
 * console.log(reasonOf(404)); // 404
 * ```
 */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
