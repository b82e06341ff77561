import { assertEquals } from "@std/assert";
import fc from "../support/fast_check.ts";
import { BitReader, BitWriter } from "../../src/bytes/mod.ts";

Deno.test("BitWriter writes most significant bit first and fills up with zeros", () => {
  assertEquals(new BitWriter().u(5, 3).u(6, 5).finish(), new Uint8Array([0b101_00110]));
  assertEquals(new BitWriter().u(1, 1).finish(), new Uint8Array([0x80]));
  assertEquals(new BitWriter().u(0x1ff, 9).finish(), new Uint8Array([0xff, 0x80]));
  assertEquals(new BitWriter().finish(), new Uint8Array(0));
  assertEquals(new BitWriter().u(9, 0).finish(), new Uint8Array(0));
});

Deno.test("BitWriter writes the low bits of what is too large, and of negative numbers", () => {
  assertEquals(new BitWriter().u(0x1ab, 8).finish(), new Uint8Array([0xab]));
  assertEquals(new BitWriter().u(-1, 8).finish(), new Uint8Array([0xff]));
  assertEquals(new BitWriter().u(-2, 40).finish(), new Uint8Array([255, 255, 255, 255, 254]));
});

Deno.test("BitReader reads what BitWriter wrote", () => {
  const field = fc.integer({ min: 1, max: 53 }).chain((count) =>
    fc.record({ count: fc.constant(count), value: fc.maxSafeNat().map((n) => n % 2 ** count) })
  );
  fc.assert(
    fc.property(fc.array(field, { maxLength: 20 }), (fields) => {
      const writer = new BitWriter();
      for (const { value, count } of fields) writer.u(value, count);
      const bytes = writer.finish();
      const reader = new BitReader(bytes);
      for (const { value, count } of fields) assertEquals(reader.u(count), value);
      assertEquals(reader.remaining < 8, true);
      assertEquals(reader.u(reader.remaining), 0);
    }),
    { seed: 1, numRuns: 200 },
  );
});
