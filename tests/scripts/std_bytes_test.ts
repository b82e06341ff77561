import { assert, assertEquals, assertFalse } from "@std/assert";
import {
  concat,
  copy,
  endsWith,
  equals,
  includesNeedle,
  indexOfNeedle,
  startsWith,
} from "@std/bytes";

const bytes = (...values: number[]) => new Uint8Array(values);

Deno.test("concat joins arrays into a new one", () => {
  assertEquals(concat([bytes(1), bytes(), bytes(2, 3)]), bytes(1, 2, 3));
  assertEquals(concat([]), bytes());
  // @ts-expect-error only arrays are joined
  const refused: Parameters<typeof concat>[0] = new Set([bytes(1)]);
  assertEquals(refused.length, undefined);
});

Deno.test("equals, startsWith and endsWith compare bytes", () => {
  assert(equals(bytes(1, 2), bytes(0, 1, 2).subarray(1)));
  assertFalse(equals(bytes(1, 2), bytes(1, 3)));
  assertFalse(equals(bytes(1, 2), bytes(1)));
  assert(startsWith(bytes(1, 2, 3), bytes(1, 2)));
  assertFalse(startsWith(bytes(1), bytes(1, 2)));
  assert(endsWith(bytes(1, 2, 3), bytes(2, 3)));
  assert(endsWith(bytes(1), bytes()));
  assertFalse(endsWith(bytes(3), bytes(2, 3)));
});

Deno.test("indexOfNeedle finds the first occurrence from a start", () => {
  const source = bytes(0, 1, 2, 1, 2, 1, 2, 3);
  assertEquals(indexOfNeedle(source, bytes(1, 2)), 1);
  assertEquals(indexOfNeedle(source, bytes(1, 2), 2), 3);
  assertEquals(indexOfNeedle(source, bytes(1, 2), 6), -1);
  assertEquals(indexOfNeedle(source, bytes(1, 2), -3), 5);
  assertEquals(indexOfNeedle(source, bytes(5, 0)), -1);
  assertEquals(indexOfNeedle(source, bytes(2, 3, 4)), -1);
  assertEquals(indexOfNeedle(source, bytes()), -1);
  assert(includesNeedle(source, bytes(2, 3)));
  assertFalse(includesNeedle(source, bytes(0), 1));
});

Deno.test("copy copies what fits and says how much that was", () => {
  const target = bytes(0, 0, 0);
  assertEquals(copy(bytes(1, 2), target, 2), 1);
  assertEquals(copy(bytes(9), target, 7), 0);
  assertEquals(copy(bytes(5), target), 1);
  assertEquals(target, bytes(5, 0, 1));
});
