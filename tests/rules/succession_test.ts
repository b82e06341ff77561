import { assertEquals } from "@std/assert";
import { saySame, succession } from "../../src/rules/mod.ts";

Deno.test("each of the next rules has the first former one that goes on as it, and none has two", () => {
  const goesOnAs = (former: string, next: string): boolean => former[0] === next[0];
  assertEquals(succession(["a1", "a2", "b1"], ["c", "a", "a", "a"], { goesOnAs }), {
    pairs: [
      { next: "c", former: undefined },
      { next: "a", former: "a1" },
      { next: "a", former: "a2" },
      { next: "a", former: undefined },
    ],
    gone: ["b1"],
  });
});

Deno.test("options say the same in any order of their keys, and left out or undefined", () => {
  const store = new (class Store {})();
  const same: [object, object][] = [
    [{}, {}],
    [{ a: 1, b: [{ c: 1, d: undefined }] }, { b: [{ c: 1 }], a: 1 }],
    [{ a: undefined }, {}],
    [{ to: store, most: Infinity }, { to: store, most: Infinity }],
  ];
  for (const [a, b] of same) assertEquals([saySame(a, b), saySame(b, a)], [true, true]);
  const different: [object, object][] = [
    [{ a: 1 }, { a: "1" }],
    [{ a: 1 }, {}],
    [{ a: [1, undefined] }, { a: [1] }],
    [{ a: ["x"] }, { a: { 0: "x" } }],
    [{ a: null }, { a: {} }],
    [{ most: Infinity }, { most: null }],
    [{ to: store }, { to: new (class Store {})() }],
    [{ on: () => 1 }, { on: () => 1 }],
  ];
  for (const [a, b] of different) assertEquals([saySame(a, b), saySame(b, a)], [false, false]);
  assertEquals(saySame({ a: 1, b: 2 }, { a: 2, b: 2 }, { besides: ["a"] }), true);
});
