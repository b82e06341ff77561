import { assertEquals, assertThrows } from "@std/assert";
import { parse, stringify } from "@std/yaml";

Deno.test("parse reads maps, lists and the core types", () => {
  assertEquals(
    parse("listen:\n  - 1935\n  - '::'\nrtsp: {udp: true, ratio: 0.5}\nnone: ~\nquoted: '1'\n"),
    {
      listen: [1935, "::"],
      rtsp: { udp: true, ratio: 0.5 },
      none: null,
      quoted: "1",
    },
  );
  assertEquals(parse(""), null);
});

Deno.test("parse refuses malformed documents and duplicate keys with a SyntaxError", () => {
  assertThrows(() => parse("a: [1"), SyntaxError);
  assertThrows(() => parse("a: 1\na: 2"), SyntaxError);
  assertEquals(parse("a: 1\na: 2", { allowDuplicateKeys: true }), { a: 2 });
});

Deno.test("parse knows dates in the default schema only", () => {
  assertEquals(parse("2026-01-02"), new Date("2026-01-02"));
  assertEquals(parse("2026-01-02", { schema: "core" }), "2026-01-02");
});

Deno.test("stringify writes what parse reads", () => {
  const value = { a: [1, "2", null], b: { c: true } };
  assertEquals(parse(stringify(value)), value);
  assertThrows(() => stringify({ f: () => {} }), TypeError);
  assertThrows(() => stringify({ list: [undefined] }), TypeError);
  assertEquals(
    stringify({ f: () => {}, b: 1, a: 2 }, { skipInvalid: true, sortKeys: true }),
    "a: 2\nb: 1\n",
  );
});

Deno.test("parse reads numbers by the notations of YAML 1.1", () => {
  const read = (text: string) => parse(text);
  assertEquals(["017", "0o17", "08", "0x1f", "0b11", "1_000"].map(read), [
    15,
    "0o17",
    "08",
    31,
    3,
    1000,
  ]);
  assertEquals(["-.inf", ".5", "1e3", "5.", "_1", "1:30"].map(read), [
    -Infinity,
    0.5,
    1000,
    5,
    "_1",
    "1:30",
  ]);
  assertThrows(() => parse("!!int 3"), SyntaxError);
});
