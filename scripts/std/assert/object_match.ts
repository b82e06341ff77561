import { assertEquals } from "./equality.ts";

/**
 * Asserts that `actual` has what `expected` has, at every depth: objects may have more properties
 * of their own, arrays more elements at the end, maps and sets more keys. Like the real package,
 * this looks at own properties only, and takes instances of classes, which typed arrays are too, for
 * plain objects.
 */
export function assertObjectMatch(
  // deno-lint-ignore no-explicit-any
  actual: Record<PropertyKey, any>,
  expected: Record<PropertyKey, unknown>,
  msg?: string,
): void {
  if (Object(actual) !== actual || Object(expected) !== expected) {
    throw new TypeError(`Cannot compare parts of ${actual} and ${expected}: both must be objects`);
  }
  assertEquals(
    partOfObject(actual, expected, new Map()),
    partOfObject(expected, expected, new Map()),
    msg,
  );
}

/** What is being cut further up, and to what, so that circular values end. */
type Seen = Map<object, object>;

/** Cuts `value` down to what `wanted` has. */
function part(value: unknown, wanted: unknown, seen: Seen): unknown {
  if (!isObject(value) || !isObject(wanted)) return value;
  if (value instanceof RegExp || value instanceof Date) return value;
  if (Array.isArray(value) && Array.isArray(wanted)) return partOfArray(value, wanted, seen);
  if (value instanceof Map && wanted instanceof Map) return partOfMap(value, wanted, seen);
  if (value instanceof Set && wanted instanceof Set) return value.intersection(wanted);
  return partOfObject(value, wanted, seen);
}

function partOfArray(value: unknown[], wanted: unknown[], seen: Seen): unknown[] {
  if (seen.get(value) === wanted) return value;
  seen.set(value, wanted);
  const length = Math.min(value.length, wanted.length);
  return Array.from({ length }, (_, i) => part(value[i], wanted[i], seen));
}

function partOfMap(
  value: Map<unknown, unknown>,
  wanted: Map<unknown, unknown>,
  seen: Seen,
): Map<unknown, unknown> {
  const kept = value.entries().filter(([key]) => wanted.has(key));
  return new Map(kept.map(([key, one]) => {
    const other = wanted.get(key);
    return [key, isObject(one) && isObject(other) ? partOfObject(one, other, seen) : one];
  }));
}

/** Of an object that has nothing of what is wanted, all is kept, so that the message shows it. */
function partOfObject(value: object, wanted: object, seen: Seen): object {
  if (seen.get(value) === wanted) return value;
  seen.set(value, wanted);
  const keys = Reflect.ownKeys(value), wantedKeys = Reflect.ownKeys(wanted);
  const common = keys.filter((key) => wantedKeys.includes(key));
  const hasNone = keys.length > 0 && wantedKeys.length > 0 && common.length === 0;
  const entries = (hasNone ? keys : common).map((key) => {
    const one: unknown = Reflect.get(value, key);
    return [key, hasNone ? one : part(one, Reflect.get(wanted, key), seen)] as const;
  });
  return Object.fromEntries(entries);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
