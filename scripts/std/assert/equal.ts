/**
 * Deep equality with the rules of the real package: `0` equals `-0`, `NaN` equals `NaN`, a missing
 * property differs from one that is `undefined`, an object without a prototype equals a plain one,
 * and any other difference of class counts. `node:util`'s `isDeepStrictEqual` differs in the first
 * and the fourth. Stricter than the real package: errors and array buffers compare by content.
 */
export function equal(actual: unknown, expected: unknown): boolean {
  return compare(actual, expected, new Map());
}

/** Pairs that are being compared further up, so that circular values end. */
type Seen = Map<object, object>;

function compare(a: unknown, b: unknown, seen: Seen): boolean {
  if (a === b || (a !== a && b !== b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  if (!sameClass(a, b)) return false;
  const byContent = compareContent(a, b);
  if (byContent !== undefined) return byContent;
  if (seen.get(a) === b) return true;
  seen.set(a, b);
  if (a instanceof WeakRef && b instanceof WeakRef) return compare(a.deref(), b.deref(), seen);
  if (a instanceof Map && b instanceof Map) return compareCollections(a, b, seen);
  if (a instanceof Set && b instanceof Set) return compareCollections(a, b, seen);
  return compareProperties(a, b, seen);
}

function sameClass(a: object, b: object): boolean {
  return (a.constructor ?? Object) === (b.constructor ?? Object);
}

/** Compares what has no properties to look at; `undefined` where it has. */
function compareContent(a: object, b: object): boolean | undefined {
  if (a instanceof Date && b instanceof Date) return Object.is(a.getTime(), b.getTime());
  if (a instanceof RegExp || a instanceof URL) return String(a) === String(b);
  if (a instanceof WeakMap || a instanceof WeakSet) {
    throw new TypeError(`cannot compare ${a.constructor.name} instances`);
  }
  if (a instanceof Error && b instanceof Error && (a.name !== b.name || a.message !== b.message)) {
    return false;
  }
  if (a instanceof DataView && b instanceof DataView) return sameElements(bytesOf(a), bytesOf(b));
  if (ArrayBuffer.isView(a)) return sameElements(a as Uint8Array, b as Uint8Array);
  if (isBuffer(a) && isBuffer(b)) return sameElements(new Uint8Array(a), new Uint8Array(b));
  return undefined;
}

function isBuffer(value: object): value is ArrayBufferLike {
  return value instanceof ArrayBuffer || value instanceof SharedArrayBuffer;
}

function bytesOf(view: DataView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
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

function compareProperties(a: object, b: object, seen: Seen): boolean {
  const keys = enumerableKeys(a);
  if (keys.length !== enumerableKeys(b).length) return false;
  return keys.every((key) =>
    Object.hasOwn(b, key) && compare(Reflect.get(a, key), Reflect.get(b, key), seen)
  );
}

function enumerableKeys(value: object): PropertyKey[] {
  return Reflect.ownKeys(value).filter((key) =>
    Object.prototype.propertyIsEnumerable.call(value, key)
  );
}
