import { AssertionError } from "./assertion_error.ts";
import { difference, show } from "./diff.ts";
import { equal } from "./equal.ts";

/** Asserts that two values are deeply equal, by the rules of {@linkcode equal}. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (equal(actual, expected)) return;
  throw new AssertionError(
    `Values are not equal${suffix(msg)}\n\n${difference(actual, expected)}\n`,
  );
}

/** Asserts that two values are not deeply equal. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  if (!equal(actual, expected)) return;
  throw new AssertionError(
    `Expected actual: ${show(actual)} not to be: ${show(expected)}${suffix(msg)}`,
  );
}

/** Asserts that two values are the same by `Object.is`. */
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  msg?: string,
): asserts actual is T {
  if (Object.is(actual, expected)) return;
  const alike = show(actual) === show(expected);
  throw new AssertionError(
    alike
      ? `Values have the same structure but are not reference-equal${suffix(msg)}\n\n${
        show(actual)
      }\n`
      : `Values are not strictly equal${suffix(msg)}\n\n${difference(actual, expected)}\n`,
  );
}

/** Asserts that two values are not the same by `Object.is`. */
export function assertNotStrictEquals<T>(actual: T, expected: T, msg?: string): void {
  if (!Object.is(actual, expected)) return;
  throw new AssertionError(
    `Expected "actual" to not be strictly equal to: ${show(actual)}${suffix(msg)}`,
  );
}

/**
 * Asserts that `actual` is within `tolerance` of `expected`; the default is a ten millionth of
 * `expected`.
 */
export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance?: number,
  msg?: string,
): void {
  if (Object.is(actual, expected)) return;
  const allowed = tolerance ?? (Number.isFinite(expected) ? Math.abs(expected * 1e-7) : 1e-7);
  const delta = Math.abs(expected - actual);
  if (delta <= allowed) return;
  throw new AssertionError(
    `Expected actual: "${actual}" to be close to "${expected}": ` +
      `delta "${delta}" is greater than "${allowed}"${suffix(msg)}`,
  );
}

/** An array, an array-like, or a string where `T` is a string. */
export type ArrayLikeArg<T> = ArrayLike<T> & object;

/** Asserts that `actual` holds an element equal to each element of `expected`. */
export function assertArrayIncludes<T>(
  actual: ArrayLikeArg<T>,
  expected: ArrayLikeArg<T>,
  msg?: string,
): void {
  const has = Array.from(actual);
  const missing = Array.from(expected).filter((wanted) => !has.some((one) => equal(one, wanted)));
  if (missing.length === 0) return;
  throw new AssertionError(
    `Expected actual: "${show(actual)}" to include: "${show(expected)}"${suffix(msg)}\nmissing: ${
      show(missing)
    }`,
  );
}

/**
 * Asserts that `actual` has what `expected` has, at every depth: objects may have more properties,
 * arrays, maps and sets more elements.
 */
export function assertObjectMatch(
  // deno-lint-ignore no-explicit-any
  actual: Record<PropertyKey, any>,
  expected: Record<PropertyKey, unknown>,
  msg?: string,
): void {
  if (typeof actual !== "object" || actual === null) {
    throw new TypeError(
      `Cannot call assertObjectMatch with ${actual} as "actual" is not an object`,
    );
  }
  if (matches(actual, expected)) return;
  throw new AssertionError(
    `Values do not match${suffix(msg)}\n\n${difference(actual, expected)}\n`,
  );
}

function matches(actual: unknown, expected: unknown): boolean {
  if (actual === expected) return true;
  if (typeof actual !== "object" || actual === null) return equal(actual, expected);
  if (typeof expected !== "object" || expected === null) return false;
  if (expected instanceof Map) {
    return actual instanceof Map &&
      expected.entries().every(([key, value]) =>
        actual.entries().some(([k, v]) => equal(k, key) && matches(v, value))
      );
  }
  if (expected instanceof Set) {
    return actual instanceof Set &&
      expected.values().every((value) => actual.values().some((v) => equal(v, value)));
  }
  if (Array.isArray(expected)) {
    return Array.isArray(actual) && expected.every((value, i) => matches(actual[i], value));
  }
  const opaque = ArrayBuffer.isView(expected) || expected instanceof Date ||
    expected instanceof RegExp || expected instanceof URL || expected instanceof ArrayBuffer;
  if (opaque) return equal(actual, expected);
  return Reflect.ownKeys(expected).every((key) =>
    key in actual && matches(Reflect.get(actual, key), Reflect.get(expected, key))
  );
}

/** Ends a message: with a full stop, or with the words that the caller gave. */
function suffix(msg: string | undefined): string {
  return msg ? `: ${msg}` : ".";
}
