/**
 * Deep equality with the rules of the real package: `0` equals `-0`, `NaN` equals `NaN`, a missing
 * property differs from one that is `undefined`, and an object without a prototype equals a plain
 * one. Instances of classes are compared by all that can be read from them, getters and properties
 * that are not enumerable included. Stricter than the real package: each element of a set or map
 * of objects has to have a counterpart of its own.
 */
export function equal(actual: unknown, expected: unknown): boolean {
  return compare(actual, expected, new Map());
}

/** Pairs that are being compared further up, so that circular values end. */
type Seen = Map<object, object>;

function compare(a: unknown, b: unknown, seen: Seen): boolean {
  if (a === b || Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (a instanceof Date && b instanceof Date) return Object.is(a.getTime(), b.getTime());
  if (prototypeOf(a) !== prototypeOf(b)) return false;
  const byContent = compareContent(a, b);
  if (byContent !== undefined) return byContent;
  if (a instanceof WeakRef && b instanceof WeakRef) return compare(a.deref(), b.deref(), seen);
  if (seen.get(a) === b) return true;
  if (Object.keys(a).length !== Object.keys(b).length) return false;
  seen.set(a, b);
  if (a instanceof Map && b instanceof Map) return compareCollections(a, b, seen);
  if (a instanceof Set && b instanceof Set) return compareCollections(a, b, seen);
  if (WITH_TEXT.has(prototypeOf(a))) return String(a) === String(b);
  return keysOf(a, b).every((key) =>
    (key in a) === (key in b) && compare(Reflect.get(a, key), Reflect.get(b, key), seen)
  );
}

/** A plain object has the same prototype as one without. */
function prototypeOf(value: object): object {
  return Object.getPrototypeOf(value) ?? Object.prototype;
}

/** Prototypes of what differs when its text does. */
const WITH_TEXT: ReadonlySet<object> = new Set([
  Intl.Locale.prototype,
  RegExp.prototype,
  URL.prototype,
  URLSearchParams.prototype,
]);

/** Compares bytes and numbers; `undefined` where there are properties to look at. */
function compareContent(a: object, b: object): boolean | undefined {
  if (a instanceof WeakMap || a instanceof WeakSet) {
    throw new TypeError(`Cannot compare ${a instanceof WeakMap ? "WeakMap" : "WeakSet"} instances`);
  }
  if (ArrayBuffer.isView(a) && !(a instanceof DataView)) {
    return sameElements(a as Uint8Array, b as Uint8Array);
  }
  if (isBuffer(a) && isBuffer(b)) return sameElements(new Uint8Array(a), new Uint8Array(b));
  return undefined;
}

function isBuffer(value: object): value is ArrayBufferLike {
  return value instanceof ArrayBuffer || value instanceof SharedArrayBuffer;
}

function sameElements(a: ArrayLike<number>, b: ArrayLike<number>): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) {
    const x = a[i], y = b[i];
    if (x !== y && (x === x || y === y)) return false;
  }
  return true;
}

function compareCollections(
  a: Map<unknown, unknown> | Set<unknown>,
  b: Map<unknown, unknown> | Set<unknown>,
  seen: Seen,
): boolean {
  if (a.size !== b.size) return false;
  const left = [...b.entries()];
  for (const entry of a.entries()) {
    const at = left.findIndex((other) =>
      compare(entry[0], other[0], seen) && compare(entry[1], other[1], seen)
    );
    if (at < 0) return false;
    left.splice(at, 1);
  }
  return true;
}

/** What is compared: enumerable properties of plain objects and arrays, everything of others. */
function keysOf(a: object, b: object): PropertyKey[] {
  const prototype = prototypeOf(a);
  const isPlain = prototype === Object.prototype || prototype === Array.prototype;
  return isPlain ? Reflect.ownKeys({ ...a, ...b }) : [...allKeys(a), ...allKeys(b)];
}

/** The keys of an object and of what it inherits from, but for what all objects have. */
function* allKeys(value: object): Iterable<PropertyKey> {
  const ends: (object | null)[] = [Object.prototype, Array.prototype, null];
  for (let at = value; !ends.includes(at); at = Object.getPrototypeOf(at)) {
    yield* Reflect.ownKeys(at);
  }
}
