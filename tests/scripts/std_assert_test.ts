import {
  assert,
  assertAlmostEquals,
  assertArrayIncludes,
  assertEquals,
  assertExists,
  assertFalse,
  assertGreater,
  assertGreaterOrEqual,
  assertInstanceOf,
  AssertionError,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertNotEquals,
  assertObjectMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
  equal,
  fail,
  unreachable,
} from "@std/assert";

/** Runs `fn`, which must fail as an assertion does, and returns the message. */
function failure(fn: () => void): string {
  try {
    fn();
  } catch (error) {
    if (error instanceof AssertionError) return error.message;
    throw error;
  }
  throw new Error("nothing was thrown");
}

class Point {
  constructor(readonly x: number) {}
}
class OtherPoint {
  constructor(readonly x: number) {}
}
class Hidden {
  #x: number;
  constructor(x: number) {
    this.#x = x;
  }
  get x(): number {
    return this.#x;
  }
}
const circle: Record<string, unknown> = {};
circle.self = circle;
const otherCircle: Record<string, unknown> = {};
otherCircle.self = otherCircle;

const alike: [unknown, unknown][] = [
  [0, -0],
  [NaN, NaN],
  [[1, [2]], [1, [2]]],
  [{ a: 1, b: { c: 2 } }, { b: { c: 2 }, a: 1 }],
  [Object.assign(Object.create(null), { a: 1 }), { a: 1 }],
  [new Uint8Array([0, 1, 2]).subarray(1), new Uint8Array([1, 2])],
  [new Map([[{ x: 1 }, [1]]]), new Map([[{ x: 1 }, [1]]])],
  [new Set([1, [2]]), new Set([[2], 1])],
  [new Date(5), new Date(5)],
  [/a/g, /a/g],
  [new URL("rtmp://a/b"), new URL("rtmp://a/b")],
  [circle, otherCircle],
  [new Point(1), new Point(1)],
];
const unlike: [unknown, unknown][] = [
  [1, 2],
  [1, "1"],
  [1, 1n],
  [null, undefined],
  [null, {}],
  [{ a: undefined }, {}],
  [{ a: undefined }, { b: undefined }],
  [[1, 2], [2, 1]],
  [[1], { 0: 1 }],
  [new Uint8Array([1]), new Uint8Array([2])],
  [new Uint8Array([1]), new Uint8Array([1, 0])],
  [new Uint8Array([1]), new Uint16Array([1])],
  [new Uint8Array([1]), [1]],
  [new Map([[1, 2]]), new Map([[1, 3]])],
  [new Set([1]), new Set([2])],
  [new Set([{ a: 1 }]), new Set([{ a: 2 }])],
  [new Date(5), new Date(6)],
  [/a/g, /a/],
  [new Point(1), new OtherPoint(1)],
  [new Point(1), { x: 1 }],
  [{ [Symbol.for("a")]: 1 }, { [Symbol.for("a")]: 2 }],
  [new Hidden(1), new Hidden(2)],
  [new URLSearchParams("a=1"), new URLSearchParams("a=2")],
  [new Error("a"), new Error("b")],
  [new DataView(new ArrayBuffer(3), 0, 2), new DataView(new ArrayBuffer(3), 1, 2)],
  [new Uint8Array([1]).buffer, new Uint8Array([2]).buffer],
];

Deno.test("equal and assertEquals find equal values equal", () => {
  for (const [a, b] of alike) {
    if (!equal(a, b) || !equal(b, a)) throw new Error(`unequal: ${Deno.inspect([a, b])}`);
    assertEquals(a, b);
    failure(() => assertNotEquals(a, b));
  }
});

Deno.test("equal and assertEquals find different values different", () => {
  for (const [a, b] of unlike) {
    if (equal(a, b) || equal(b, a)) throw new Error(`equal: ${Deno.inspect([a, b])}`);
    assertNotEquals(a, b);
    failure(() => assertEquals(a, b));
  }
});

Deno.test("assertEquals fails with the caller's words and the lines that differ", () => {
  const message = failure(() => assertEquals({ a: 1, b: 2, c: 3 }, { a: 1, b: 5, c: 3 }, "sums"));
  assertStringIncludes(message, "Values are not equal: sums");
  assertMatch(message, /\n- {5}b: 2,\n\+ {5}b: 5,\n/);
});

Deno.test("the other comparisons hold or fail as they say", () => {
  const one = {};
  assertStrictEquals(one, one);
  assertMatch(failure(() => assertStrictEquals({}, {})), /not reference-equal/);
  assertMatch(failure(() => assertStrictEquals(0, -0)), /not strictly equal/);
  assertAlmostEquals(0.1 + 0.2, 0.3);
  assertAlmostEquals(10, 11, 1);
  assertMatch(failure(() => assertAlmostEquals(10, 11, 0.5)), /delta "1" is greater than "5e-1"/);
  assertArrayIncludes([1, [2], 3], [[2], 1]);
  assertMatch(failure(() => assertArrayIncludes([1], [2])), /missing: \[\s*2,?\s*\]/);
  assertGreater(2, 1);
  assertGreaterOrEqual(2, 2);
  assertLess(1, 2);
  assertLessOrEqual(2, 2);
  assertMatch(failure(() => assertGreater(1, 1)), /^Expect 1 > 1$/);
  assertStrictEquals(failure(() => assertGreater(1, 1, "why")), "why");
  assertMatch(failure(() => assertLessOrEqual(2, 1)), /Expect 2 <= 1/);
});

Deno.test("the plain claims hold or fail as they say", () => {
  assert(1);
  assertFalse(0);
  assertStrictEquals(failure(() => assert(0, "why")), "why");
  assertStrictEquals(failure(() => assertFalse(1, "why")), "why");
  assertExists(0);
  assertMatch(failure(() => assertExists(null)), /to not be null or undefined/);
  assertInstanceOf(new Point(1), Point);
  assertMatch(failure(() => assertInstanceOf(1, Point)), /instance of "Point" but was "number"/);
  assertMatch("abc", /b/);
  const sticky = /b/g;
  assertMatch("abc", sticky);
  failure(() => assertMatch("abc", sticky));
  assertStringIncludes("abc", "bc");
  assertMatch(failure(() => assertMatch("abc", /d/)), /to match: "\/d\/"/);
  assertMatch(failure(() => assertStringIncludes("abc", "d")), /to contain: "d"/);
  assertStrictEquals(failure(() => fail("no")), "Failed assertion: no");
  assertStrictEquals(failure(() => unreachable()), "Unreachable.");
});

Deno.test("assertObjectMatch asks for a part at every depth", () => {
  const actual = {
    a: { b: 1, c: 2 },
    list: [{ x: 1, y: 2 }, 3],
    map: new Map([["k", { v: 1, w: 2 }]]),
    bytes: new Uint8Array([1, 2]),
    nothing: null,
  };
  assertObjectMatch(actual, {
    a: { c: 2 },
    list: [{ x: 1 }],
    map: new Map([["k", { v: 1 }]]),
    bytes: new Uint8Array([1]),
    nothing: null,
  });
  for (
    const wrong of [
      { a: { c: 3 } },
      { d: undefined },
      { list: [{ x: 2 }] },
      { list: [3] },
      { bytes: new Uint8Array([2]) },
      { list: [{ x: 1 }, 3, undefined] },
      { toString: Object.prototype.toString },
      { nothing: { a: 1 } },
      { map: new Map([["k", { v: 2 }]]) },
    ]
  ) failure(() => assertObjectMatch(actual, wrong));
});

Deno.test("assertThrows returns the error, and checks its class and message", () => {
  const boom = () => {
    throw new RangeError("too far");
  };
  const error: RangeError = assertThrows(boom, RangeError, "far");
  assertStrictEquals(error.message, "too far");
  assertStrictEquals(
    assertThrows(() => {
      throw "text";
    }),
    "text",
  );
  assertMatch(failure(() => assertThrows(() => {}, "why")), /Expected function to throw: why/);
  assertMatch(
    failure(() => assertThrows(boom, TypeError)),
    /instance of "TypeError", but was "RangeError"/,
  );
  assertMatch(failure(() => assertThrows(boom, RangeError, "near")), /include "near"/);
});

Deno.test("assertRejects resolves to the error, and checks its class and message", async () => {
  const boom = () => Promise.reject(new RangeError("too far"));
  const error: RangeError = await assertRejects(boom, RangeError, "far");
  assertStrictEquals(error.message, "too far");
  await assertRejects(boom);
  await assertRejects(() => assertRejects(() => Promise.resolve()), AssertionError, "to reject");
  await assertRejects(() => assertRejects(boom, TypeError), AssertionError, '"TypeError"');
  await assertRejects(
    () =>
      assertRejects(() => {
        throw new Error("at once");
      }),
    AssertionError,
    "Function throws when expected to reject",
  );
});
