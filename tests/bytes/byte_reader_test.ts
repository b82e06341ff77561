import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { ByteReader } from "../../src/bytes/mod.ts";

const INPUT = new Uint8Array([0xff, 0xfe, 0xfd, 0xfc, 0x05, 0x06, 0x07, 0x08]);

/** Every way to read, with its size and what it makes of INPUT. */
const READS: [string, number, (reader: ByteReader) => unknown, unknown][] = [
  ["u8", 1, (r) => r.u8(), 0xff],
  ["u16", 2, (r) => r.u16(), 0xfffe],
  ["i16", 2, (r) => r.i16(), -2],
  ["u24", 3, (r) => r.u24(), 0xfffefd],
  ["i24", 3, (r) => r.i24(), -0x103],
  ["u32", 4, (r) => r.u32(), 0xfffefdfc],
  ["i32", 4, (r) => r.i32(), -0x10204],
  ["u32le", 4, (r) => r.u32le(), 0xfcfdfeff],
  ["f64", 8, (r) => r.f64(), new DataView(INPUT.buffer).getFloat64(0)],
  ["view", 5, (r) => r.view(5), INPUT.slice(0, 5)],
  ["skip", 6, (r) => r.skip(6), undefined],
  ["utf8", 1, (r) => r.utf8(1), "\ufffd"],
];

Deno.test("ByteReader reads each kind of value from the front, big-endian", () => {
  for (const [name, size, read, expected] of READS) {
    const reader = new ByteReader(INPUT);
    assertEquals(read(reader), expected, name);
    assertEquals([reader.offset, reader.remaining], [size, 8 - size], name);
  }
});

Deno.test("ByteReader reads positive signed numbers and the ends of their ranges", () => {
  const read = (...values: number[]) => new ByteReader(new Uint8Array(values));
  assertEquals(read(0x7f, 0xff).i16(), 32767);
  assertEquals(read(0x80, 0).i16(), -32768);
  assertEquals(read(0x7f, 0xff, 0xff).i24(), 8388607);
  assertEquals(read(0x80, 0, 0).i24(), -8388608);
  assertEquals(read(0x7f, 0xff, 0xff, 0xff).i32(), 2147483647);
  assertEquals(read(0x80, 0, 0, 0).i32(), -2147483648);
  assertEquals(read(0x3f, 0xf0, 0, 0, 0, 0, 0, 0).f64(), 1);
});

Deno.test("ByteReader throws at every truncation of every value, and reads nothing", () => {
  for (const [name, size, read] of READS) {
    for (let length = 0; length < size; length++) {
      const reader = new ByteReader(INPUT.subarray(0, length));
      const error = assertThrows(() => read(reader), RangeError);
      assertEquals(error.message, `Cannot read ${size} bytes: only ${length} remain`, name);
      assertEquals(reader.offset, 0, name);
    }
  }
});

Deno.test("ByteReader throws the error of whoever uses it", () => {
  class FormatError extends Error {}
  const reader = new ByteReader(INPUT.subarray(0, 3), {
    onShort: (wanted, remaining) => new FormatError(`${wanted} of ${remaining}`),
  });
  reader.u8();
  assertThrows(() => reader.u32(), FormatError, "4 of 2");
});

Deno.test("ByteReader counts a negative or unknown length as short", () => {
  for (const length of [-1, -100, NaN]) {
    const reader = new ByteReader(INPUT);
    reader.u32();
    for (const read of [() => reader.view(length), () => reader.skip(length)]) {
      assertThrows(read, RangeError);
    }
    assertThrows(() => reader.utf8(length), RangeError);
    assertEquals(reader.offset, 4);
  }
});

Deno.test("ByteReader reads a view of a buffer, and gives views of the same memory", () => {
  const memory = new Uint8Array([9, 1, 2, 3, 9]);
  const reader = new ByteReader(memory.subarray(1, 4));
  assertEquals(reader.u8(), 1);
  const rest = reader.rest();
  assertEquals(rest, new Uint8Array([2, 3]));
  assertStrictEquals(rest.buffer, memory.buffer);
  assertEquals(reader.rest(), new Uint8Array(0));
  assertEquals(memory, new Uint8Array([9, 1, 2, 3, 9]));
});

Deno.test("ByteReader reads UTF-8, keeps byte order marks and replaces what is malformed", () => {
  const reader = new ByteReader(new TextEncoder().encode("\ufeffwéir"));
  assertEquals(reader.utf8(3), "\ufeff");
  assertEquals(reader.utf8(reader.remaining), "wéir");
  assertEquals(new ByteReader(new Uint8Array([0x61, 0xc3])).utf8(2), "a\ufffd");
  assertEquals(reader.utf8(0), "");
});
