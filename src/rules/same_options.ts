/**
 * Whether two objects of options say the same: key by key, in whatever order, where what is `undefined` is as if it were
 * left out. Lists and plain objects in them are compared so too, all else by identity, such as functions and stores.
 *
 * @example
 * ```ts
 * import { saySame } from "./mod.ts";
 *
 * console.log(saySame({ name: "live/*", on: ["a"] }, { on: ["a"], name: "live/*", path: undefined })); // true
 * console.log(saySame({ name: "live/*", keepMs: 1 }, { name: "live/*" }, { besides: ["keepMs"] })); // true
 * ```
 */
export function saySame(
  a: object,
  b: object,
  { besides = [] }: {
    /** Keys that may differ. */
    readonly besides?: readonly string[];
  } = {},
): boolean {
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  const [left, right] = [a as Record<string, unknown>, b as Record<string, unknown>];
  return keys.values().every((key) => besides.includes(key) || isSame(left[key], right[key]));
}

function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (!isPlain(a) || !isPlain(b) || Array.isArray(a) !== Array.isArray(b)) return false;
  return saySame(a, b) && (!Array.isArray(a) || a.length === (b as unknown[]).length);
}

function isPlain(value: unknown): value is object {
  if (typeof value !== "object" || value === null) return false;
  return Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype;
}
