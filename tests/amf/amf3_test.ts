import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  AmfDictionary,
  AmfEcmaArray,
  AmfExternalizable,
  type AmfObject,
  AmfTypedObject,
  AmfUnsupported,
  type AmfValue,
  AmfVector,
  AmfXml,
  decodeAmf0,
  decodeAmf3,
  encodeAmf3,
} from "@weir/server/amf";
import { assertAmfError } from "./assert_amf_error.ts";
import { fromHex, text } from "./vectors.ts";

Deno.test("AMF3 keeps the identity of every kind of object that it refers to (M041)", () => {
  const kinds: AmfValue[] = [
    new Date(5),
    new Uint8Array([1]),
    new AmfXml("<a/>"),
    [1],
    { a: 1 },
    new AmfEcmaArray({ a: 1 }),
    new AmfTypedObject("A", { a: 1 }),
    new AmfVector("int", [1]),
    new AmfVector("object", [null]),
    new AmfDictionary(new Map([["a", 1]])),
  ];
  const decoded = decodeAmf3(encodeAmf3([...kinds, ...kinds]));
  assertEquals(decoded, [...kinds, ...kinds]);
  kinds.forEach((_, at) => assertStrictEquals(decoded[at], decoded[at + kinds.length]));
});

Deno.test("AMF3 containers may hold themselves (M041)", () => {
  // A dictionary whose key is itself, a vector of itself, a mixed array in its named part.
  const [dictionary] = decodeAmf3(fromHex("11 03 00 11 00 03"));
  assert(dictionary instanceof AmfDictionary && dictionary.entries.get(dictionary) === true);
  const [vector] = decodeAmf3(fromHex("10 03 00 01 10 00"));
  assert(vector instanceof AmfVector && vector.values[0] === vector);
  const [array] = decodeAmf3(fromHex("09 01 03 61 09 00 01"));
  assert(array instanceof AmfEcmaArray && array.properties.a === array);
  for (const value of [dictionary, vector, array]) {
    assertEquals(decodeAmf3(encodeAmf3([value])).length, 1);
  }
});

Deno.test("AMF3 trait and string references reach back over the values (M041)", () => {
  const point = (x: number) => new AmfTypedObject("P", { x }, { sealed: ["x"], dynamic: false });
  const bytes = encodeAmf3([point(1), point(2)]);
  assertEquals(bytes, fromHex("0a 13 03 50 03 78 0401 0a 01 0402"));
  assertEquals(decodeAmf3(bytes), [point(1), point(2)]);
});

Deno.test("AMF3 writes undefined for a sealed member without a value (M041)", () => {
  const object = new AmfTypedObject("P", {}, { sealed: ["x"], dynamic: false });
  assertEquals(encodeAmf3([object]), fromHex("0a 13 03 50 03 78 00"));
});

Deno.test("AMF3 takes an unknown externalizable as the rest of the message (M041)", () => {
  const bytes = fromHex(`0a 07 03 ${text("X")} 010203`);
  const external = new AmfExternalizable("X", fromHex("010203"));
  assertEquals(decodeAmf3(bytes), [external]);
  assertEquals(encodeAmf3([external]), bytes);
  assertEquals(decodeAmf0(fromHex(`05 11 ${bytes.toHex()}`)), [null, external]);
  assertAmfError(() => decodeAmf3(fromHex(`09 03 01 ${bytes.toHex()}`)), "unknown-externalizable");
  assertThrows(() => encodeAmf3([new AmfExternalizable("X", 1)]), TypeError, "bytes");
});

Deno.test("AMF3 reads the low bits of traits as the specification has them (M041)", () => {
  // Of an externalizable class the bits past the third are not significant (3.12).
  const name = "flex.messaging.io.ObjectProxy";
  const value = decodeAmf3(fromHex(`0a 0f 3b ${text(name)} 0401`));
  assertEquals(value, [new AmfExternalizable(name, 1)]);
});

Deno.test("AMF3 refuses markers that no type has (M041)", () => {
  for (const marker of [0x12, 0x7f, 0xff]) {
    assertAmfError(() => decodeAmf3(new Uint8Array([marker, 1, 1])), "unknown-marker");
  }
});

Deno.test("AMF3 refuses references into the void, in each of its tables (M041)", () => {
  for (const hex of ["06 00", "09 00", "0a 00", "0a 01", "0a 0b 00", "08 02", "0c 00", "11 00"]) {
    assertAmfError(() => decodeAmf3(fromHex(hex)), "bad-reference");
  }
});

Deno.test("AMF3 reserves nothing for declared counts (M042)", () => {
  const most = "ffffffff";
  const hexes = [`09 ${most} 01`, `0c ${most}`, `06 ${most}`, `0b ${most}`, `0d ${most} 00`];
  hexes.push(`0e ${most} 00`, `0f ${most} 00`, `10 ${most} 00 01`, "11 8801 00");
  for (const hex of hexes) assertAmfError(() => decodeAmf3(fromHex(hex)), "truncated");
});

Deno.test("AMF3 keeps the limits of depth, names and values (M041)", () => {
  assertEquals(decodeAmf3(fromHex("090301".repeat(32) + "01")).length, 1);
  assertAmfError(() => decodeAmf3(fromHex("090301".repeat(33) + "01")), "too-deep");
  assertAmfError(() => decodeAmf3(fromHex("10030001".repeat(33) + "01")), "too-deep");
  assertAmfError(() => decodeAmf3(fromHex("110300".repeat(33) + "01".repeat(34))), "too-deep");

  const names = (count: number) => fromHex("0a 0b 01 03 61 01" + "0001".repeat(count - 1) + "01");
  assertEquals(decodeAmf3(names(1024)), [{ a: null }]);
  assertAmfError(() => decodeAmf3(names(1025)), "too-many-keys");
  assertAmfError(
    () => decodeAmf3(fromHex("09 01 03 61 01 0001 01"), { maxKeys: 1 }),
    "too-many-keys",
  );
  assertAmfError(() => decodeAmf3(fromHex("0a fffffff3 01")), "too-many-keys");
  assertAmfError(() => decodeAmf3(fromHex("11 ffffffff 00")), "too-many-keys");
  assertAmfError(() => decodeAmf3(fromHex("0101"), { maxValues: 1 }), "too-many-values");
});

Deno.test("AMF3 property names of Object.prototype are names like others (M041)", () => {
  const [object] = decodeAmf3(fromHex(`0a 0b 01 13 ${text("__proto__")} 0a 01 01 01`));
  assertEquals(Object.keys(object as AmfObject), ["__proto__"]);
  assertStrictEquals(Object.getPrototypeOf(object), Object.prototype);
});

Deno.test("AMF3 refuses to encode what it cannot say", () => {
  assertThrows(() => encodeAmf3([{ "": 1 }]), RangeError, "empty name");
  assertThrows(() => encodeAmf3([1n as unknown as AmfValue]), TypeError, "bigint");
  assertThrows(() => encodeAmf3([new Set() as unknown as AmfValue]), TypeError, "Set");
  assertThrows(() => encodeAmf3([new AmfVector("int", ["a"])]), TypeError, "numbers");
  const sealed = new AmfTypedObject("P", { x: 1, y: 2 }, { sealed: ["x"], dynamic: false });
  assertThrows(() => encodeAmf3([sealed]), TypeError, "sealed members only");
});

Deno.test("AMF3 has no unsupported and writes undefined", () => {
  assertEquals(encodeAmf3([new AmfUnsupported()]), fromHex("00"));
});
