import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { BitReader, BitWriter } from "../../src/bytes/mod.ts";

/** Makes a reader of bits written as text; spaces only group them. */
function bits(text: string): BitReader {
  const writer = new BitWriter();
  for (const bit of text.replaceAll(" ", "")) writer.u(Number(bit), 1);
  return new BitReader(writer.finish());
}

Deno.test("BitReader reads fields most significant bit first, across bytes", () => {
  const reader = new BitReader(new Uint8Array([0b1010_0110, 0b1111_0000, 0xff]));
  assertEquals([reader.u(1), reader.u(2), reader.u(7), reader.u(0)], [1, 1, 0b0011011, 0]);
  assertEquals(reader.offset, 10);
  assertEquals(reader.remaining, 14);
  assertEquals([reader.flag(), reader.flag(), reader.flag()], [true, true, false]);
  reader.skip(3);
  assertEquals(reader.u(8), 0xff);
  assertEquals(reader.remaining, 0);
});

Deno.test("BitReader reads numbers of up to 53 bits exactly", () => {
  const reader = new BitReader(new Uint8Array(7).fill(0xff));
  assertEquals(reader.u(53), Number.MAX_SAFE_INTEGER);
  assertEquals(new BitReader(new Uint8Array([0xff, 0xff, 0xff, 0xff])).u(32), 0xffffffff);
});

Deno.test("BitReader reads a view, not the buffer under it", () => {
  const view = new Uint8Array([0xff, 0x0f, 0xff]).subarray(1, 2);
  const reader = new BitReader(view);
  assertEquals(reader.u(8), 0x0f);
  assertThrows(() => reader.u(1), RangeError, "Cannot read 1 bits: only 0 remain");
});

Deno.test("BitReader reads the Exp-Golomb codes of H.264, table 9-2", () => {
  const table = ["1", "010", "011", "00100", "00101", "00110", "00111", "0001000", "0001001"];
  const reader = bits(table.join(""));
  assertEquals(table.map(() => reader.ue()), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
});

Deno.test("BitReader reads the signed Exp-Golomb codes of H.264, table 9-3", () => {
  const table = ["1", "010", "011", "00100", "00101", "00110"];
  const reader = bits(table.join(""));
  const values = table.map(() => reader.se());
  assertEquals(values, [0, 1, -1, 2, -2, 3]);
  assertStrictEquals(values[0], 0, "not minus zero");
});

Deno.test("BitReader reads the greatest Exp-Golomb code, and refuses one greater", () => {
  const zeros = "0".repeat(31), ones = "1".repeat(31);
  assertEquals(bits(`${zeros} 1 ${ones}`).ue(), 2 ** 32 - 2);
  assertEquals(bits(`${zeros} 1 ${ones}`).se(), -(2 ** 31 - 1));
  assertThrows(() => bits(`0${zeros} 1 ${ones} 1`).ue(), RangeError, "over 2 ** 32 - 2");
});

Deno.test("BitReader throws a RangeError at every place where the bits end", () => {
  const code = new Uint8Array([0b0000_0001, 0b0000_0010]); // 7 zeros, 1, 7 bits: code 128
  assertEquals(new BitReader(code).ue(), 128);
  assertThrows(() => new BitReader(code.subarray(0, 1)).ue(), RangeError, "only 0 remain");
  assertThrows(() => new BitReader(new Uint8Array(2)).ue(), RangeError, "only 0 remain");
  assertThrows(() => new BitReader(new Uint8Array(0)).flag(), RangeError);
  assertThrows(() => new BitReader(code).u(17), RangeError, "Cannot read 17 bits: only 16 remain");
  assertThrows(() => new BitReader(code).skip(17), RangeError, "Cannot skip 17 bits");
});

Deno.test("BitReader refuses negative counts, and stays where it is", () => {
  const reader = new BitReader(new Uint8Array([0xff]));
  reader.u(4);
  assertThrows(() => reader.u(-1), RangeError);
  assertThrows(() => reader.skip(-4), RangeError);
  assertThrows(() => reader.u(5), RangeError);
  assertEquals(reader.offset, 4);
});
