import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  AmfAvmPlus,
  AmfEcmaArray,
  type AmfObject,
  AmfTypedObject,
  type AmfValue,
  decodeAmf0,
  encodeAmf0,
  writeAmf0,
} from "@weir/server/amf";
import { ByteWriter } from "@weir/server/bytes";
import { assertAmfError } from "./assert_amf_error.ts";
import {
  FFMPEG_CONNECT,
  FFMPEG_METADATA,
  FFMPEG_METADATA_PROPERTIES,
  fromHex,
  text,
} from "./vectors.ts";

Deno.test("AMF0 decodes FFmpeg's connect and encodes the same bytes (M040)", () => {
  const values = decodeAmf0(fromHex(FFMPEG_CONNECT));
  assertEquals(values, ["connect", 1, {
    app: "live",
    type: "nonprivate",
    flashVer: "FMLE/3.0 (compatible; Lavf59.27.100)",
    tcUrl: "rtmp://127.0.0.1:19350/live",
  }]);
  assertEquals(encodeAmf0(values).toHex(), FFMPEG_CONNECT);
});

Deno.test("AMF0 decodes FFmpeg's onMetaData and encodes the same bytes (M040)", () => {
  const values = decodeAmf0(fromHex(FFMPEG_METADATA));
  assertEquals(values, ["onMetaData", new AmfEcmaArray(FFMPEG_METADATA_PROPERTIES)]);
  assertEquals(encodeAmf0(values).toHex(), FFMPEG_METADATA);
});

Deno.test("AMF0 commands cut off are errors, or the values before the cut (M042)", () => {
  for (const hex of [FFMPEG_CONNECT, FFMPEG_METADATA]) {
    const bytes = fromHex(hex);
    const whole = decodeAmf0(bytes);
    // Where each value but the last ends, found by encoding so many of them.
    const ends = whole.map((_, count) => encodeAmf0(whole.slice(0, count)).length);
    for (let end = 0; end < bytes.length; end++) {
      const count = ends.indexOf(end);
      if (count >= 0) assertEquals(decodeAmf0(bytes.slice(0, end)), whole.slice(0, count));
      else assertAmfError(() => decodeAmf0(bytes.slice(0, end)), "truncated");
    }
  }
});

Deno.test("AMF0 refuses markers that no type has, and reserved ones (M040)", () => {
  for (const marker of [0x04, 0x0e, 0x12, 0x80, 0xff]) {
    assertAmfError(() => decodeAmf0(new Uint8Array([marker, 0, 0, 0])), "unknown-marker");
  }
});

Deno.test("AMF0 refuses an object end that is not 9, or stands alone (M040)", () => {
  assertAmfError(() => decodeAmf0(fromHex("03 0000 05")), "bad-object-end");
  assertAmfError(() => decodeAmf0(fromHex("08 00000000 0000 02")), "bad-object-end");
  assertAmfError(() => decodeAmf0(fromHex("03 0001 61 09")), "bad-object-end");
  assertAmfError(() => decodeAmf0(fromHex("09")), "bad-object-end");
});

Deno.test("AMF0 refuses references to objects that did not come yet (M040)", () => {
  assertAmfError(() => decodeAmf0(fromHex("07 0000")), "bad-reference");
  assertAmfError(() => decodeAmf0(fromHex("03 000009 07 0001")), "bad-reference");
});

Deno.test("AMF0 references reach back over the values of a message (M040)", () => {
  const [first, second] = decodeAmf0(fromHex("03 000009 07 0000"));
  assertStrictEquals(first, second);
  const object = { a: 1 };
  assertEquals(encodeAmf0([object, object]).toHex().slice(-6), "070000");
});

Deno.test("AMF0 nests 32 deep and no deeper (M040)", () => {
  const nested = (depth: number) =>
    fromHex("03000161".repeat(depth) + "05" + "000009".repeat(depth));
  assertEquals(decodeAmf0(nested(32)).length, 1);
  assertAmfError(() => decodeAmf0(nested(33)), "too-deep");
  assertAmfError(() => decodeAmf0(fromHex("0a00000001".repeat(100_000) + "05")), "too-deep");
  assertAmfError(() => decodeAmf0(nested(3), { maxDepth: 2 }), "too-deep");
  // Depth is counted across the switch.
  const switched = `${"0a00000001".repeat(31)} 11 09 03 01 09 01 01`;
  assertAmfError(() => decodeAmf0(fromHex(switched)), "too-deep");

  let value: AmfValue = null;
  for (let depth = 0; depth < 32; depth++) value = [value];
  assertEquals(decodeAmf0(encodeAmf0([value])), [value]);
  assertThrows(() => encodeAmf0([[value]]), RangeError, "at most 32 deep");
});

Deno.test("AMF0 takes 1024 names in an object and no more, repeated ones counted (M040)", () => {
  const names = (count: number) => fromHex("03" + "00016105".repeat(count) + "000009");
  assertEquals(decodeAmf0(names(1024)), [{ a: null }]);
  assertAmfError(() => decodeAmf0(names(1025)), "too-many-keys");
});

Deno.test("AMF0 takes so many values and no more", () => {
  const array = fromHex("0a 00000004 05050505");
  assertEquals(decodeAmf0(array, { maxValues: 5 }).length, 1);
  assertAmfError(() => decodeAmf0(array, { maxValues: 4 }), "too-many-values");
});

Deno.test("AMF0 reserves nothing for declared counts and lengths (M042)", () => {
  for (const hex of ["0a ffffffff", "0a 7fffffff 05", "0c ffffffff 61", "0f ffffffff"]) {
    assertAmfError(() => decodeAmf0(fromHex(hex)), "truncated");
  }
});

Deno.test("AMF0 property names of Object.prototype are names like others (M040)", () => {
  const hex = `03 0009 ${text("__proto__")} 03 0008 ${text("polluted")} 0101 000009 ` +
    `000b ${text("constructor")} 05 000009`;
  const object = decodeAmf0(fromHex(hex))[0] as AmfObject;
  assertEquals(Object.keys(object), ["__proto__", "constructor"]);
  assertStrictEquals(Object.getPrototypeOf(object), Object.prototype);
  assertEquals((object as { polluted?: unknown }).polluted, undefined);
  assertEquals(encodeAmf0([object]), fromHex(hex));
});

Deno.test("AMF0 keeps the AMF3 switch where asked to (M040)", () => {
  const bytes = fromHex("02 0001 61 11 0a 0b 01 03 61 0401 01 11 06 00");
  assertEquals(decodeAmf0(bytes), ["a", { a: 1 }, "a"], "the AMF3 tables belong to the message");
  const kept = decodeAmf0(bytes, { keepAvmPlus: true });
  assertEquals(kept, ["a", new AmfAvmPlus({ a: 1 }), new AmfAvmPlus("a")]);
  assertEquals(encodeAmf0(kept), bytes);
});

Deno.test("AMF0 writes the dense part of a mixed array under its indices", () => {
  const mixed = new AmfEcmaArray({ a: null }, [true]);
  assertEquals(encodeAmf0([mixed]), fromHex("08 00000002 0001 30 0101 0001 61 05 000009"));
});

Deno.test("AMF0 writes behind what a writer holds already", () => {
  const writer = new ByteWriter().u8(0xff);
  writeAmf0(writer, [null]);
  assertEquals(writer.finish(), fromHex("ff05"));
});

Deno.test("AMF0 byte arrays are views of the input", () => {
  const bytes = fromHex("11 0c 05 0102");
  const [array] = decodeAmf0(bytes);
  assert(array instanceof Uint8Array);
  assertStrictEquals(array.buffer, bytes.buffer);
});

Deno.test("AMF0 refuses to encode what it cannot say", () => {
  assertThrows(() => encodeAmf0([{ "": 1 }]), RangeError, "empty name");
  assertThrows(() => encodeAmf0([{ ["x".repeat(65536)]: 1 }]), RangeError, "65535");
  assertThrows(() => encodeAmf0([1n as unknown as AmfValue]), TypeError, "bigint");
  assertThrows(() => encodeAmf0([(() => 1) as unknown as AmfValue]), TypeError, "function");
  assertThrows(() => encodeAmf0([new Map() as unknown as AmfValue]), TypeError, "Map");
  assertThrows(() => encodeAmf0([new AmfTypedObject("x".repeat(65536), {})]), RangeError, "65535");
});
