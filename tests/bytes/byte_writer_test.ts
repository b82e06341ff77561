import { assertEquals } from "@std/assert";
import fc from "../support/fast_check.ts";
import { ByteReader, ByteWriter } from "../../src/bytes/mod.ts";

Deno.test("ByteWriter writes each kind of value big-endian", () => {
  const bytes = new ByteWriter()
    .u8(0x01)
    .u16(0x0203)
    .u24(0x040506)
    .u32(0x0708090a)
    .u32le(0x0e0d0c0b)
    .f64(1)
    .bytes(new Uint8Array([0x10, 0x11]))
    .utf8("é")
    .finish();
  assertEquals(
    bytes.toHex(),
    "01" + "0203" + "040506" + "0708090a" + "0b0c0d0e" + "3ff0000000000000" + "1011" + "c3a9",
  );
});

Deno.test("ByteWriter writes negative numbers in two's complement", () => {
  assertEquals(
    new ByteWriter().u8(-1).u16(-2).u24(-3).u32(-4).finish().toHex(),
    "fffffefffffdfffffffc",
  );
});

Deno.test("ByteWriter grows past its capacity, and finishes with what was written only", () => {
  for (const capacity of [0, 1, 16, 100]) {
    const writer = new ByteWriter(capacity);
    for (let i = 0; i < 100; i++) writer.u24(i);
    assertEquals(writer.length, 300);
    const bytes = writer.bytes(new Uint8Array(5000).fill(7)).finish();
    assertEquals(bytes.length, 5300);
    assertEquals([bytes[2], bytes[299], bytes[300], bytes[5299]], [0, 99, 7, 7]);
  }
  assertEquals(new ByteWriter().finish(), new Uint8Array(0));
});

Deno.test("ByteWriter copies bytes, and owns what it gives", () => {
  const given = new Uint8Array([1, 2]);
  const bytes = new ByteWriter().bytes(given).finish();
  given[0] = 9;
  assertEquals(bytes, new Uint8Array([1, 2]));
});

Deno.test("ByteReader reads what ByteWriter wrote", () => {
  const u = (bits: number) => fc.nat(2 ** 31 - 1).map((n) => (n * 2 + 1) % 2 ** bits);
  const value = fc.oneof(
    fc.record({ kind: fc.constant("u8" as const), value: u(8) }),
    fc.record({ kind: fc.constant("u16" as const), value: u(16) }),
    fc.record({ kind: fc.constant("u24" as const), value: u(24) }),
    fc.record({ kind: fc.constant("u32" as const), value: u(32) }),
    fc.record({ kind: fc.constant("u32le" as const), value: u(32) }),
    fc.record({ kind: fc.constant("f64" as const), value: fc.double() }),
  );
  const text = fc.string({ unit: "binary" }).filter((text) => text.isWellFormed());
  fc.assert(
    fc.property(fc.array(value), text, fc.uint8Array(), (values, text, bytes) => {
      const writer = new ByteWriter(1);
      for (const { kind, value } of values) writer[kind](value);
      const before = writer.length;
      const textLength = writer.utf8(text).length - before;
      const reader = new ByteReader(writer.bytes(bytes).finish());
      for (const { kind, value } of values) assertEquals(reader[kind](), value);
      assertEquals(reader.utf8(textLength), text);
      assertEquals(reader.rest(), bytes);
    }),
    { seed: 3, numRuns: 300 },
  );
});
