import { assertEquals } from "@std/assert";
import { isMatched, isTaken, rangeOf } from "../../../src/doors/http/representation.ts";

Deno.test("a range of bytes is read as RFC 9110 has it, and what is none is answered with all", () => {
  const cases: readonly (readonly [string | null, ReturnType<typeof rangeOf>])[] = [
    [null, undefined],
    ["bytes=0-0", { offset: 0, length: 1 }],
    ["bytes=5-", { offset: 5, length: 5 }],
    ["bytes=5-99", { offset: 5, length: 5 }],
    ["bytes=-3", { offset: 7, length: 3 }],
    ["bytes=-99", { offset: 0, length: 10 }],
    ["bytes=10-", "unsatisfiable"],
    ["bytes=-0", "unsatisfiable"],
    ["bytes=3-1", undefined],
    ["bytes=0-1,4-5", undefined],
    ["bytes=-", undefined],
    ["lines=0-1", undefined],
  ];
  for (const [header, range] of cases) assertEquals(rangeOf(header, 10), range, String(header));
});

Deno.test("a coding is taken by its name or by a star, and not at a weight of nothing", () => {
  const cases: readonly (readonly [string | null, boolean])[] = [
    [null, false],
    ["", false],
    ["gzip, br", true],
    ["br;q=1, GZIP;q=0.5", true],
    ["*", true],
    ["identity", false],
    ["gzip;q=0", false],
    ["gzip; q=0.000, *", false],
    ["x-gzip", false],
  ];
  for (const [header, taken] of cases) assertEquals(isTaken("gzip", header), taken, String(header));
});

Deno.test("a tag is found among others, weak ones too, and by a star", () => {
  assertEquals(isMatched('"a"', '"b", W/"a"'), true);
  assertEquals(isMatched('"a"', "*"), true);
  assertEquals(isMatched('"a"', '"ab"'), false);
  assertEquals(isMatched('"a"', null), false);
});
