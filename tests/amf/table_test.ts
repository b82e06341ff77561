import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import {
  type AmfValue,
  decodeAmf0,
  decodeAmf0Value,
  decodeAmf3,
  decodeAmf3Value,
  encodeAmf0,
  encodeAmf3,
} from "@weir/server/amf";
import { ByteReader } from "@weir/server/bytes";
import { assertAmfError } from "./assert_amf_error.ts";
import { AMF0_VECTORS, AMF3_VECTORS, fromHex, type WireVector } from "./vectors.ts";

interface Format {
  readonly name: string;
  readonly id: string;
  readonly vectors: readonly WireVector[];
  readonly decode: (bytes: Uint8Array) => AmfValue[];
  readonly decodeValue: (reader: ByteReader) => AmfValue;
  readonly encode: (values: readonly AmfValue[]) => Uint8Array;
}

const FORMATS: readonly Format[] = [
  {
    name: "AMF0",
    id: "M040",
    vectors: AMF0_VECTORS,
    decode: decodeAmf0,
    decodeValue: decodeAmf0Value,
    encode: encodeAmf0,
  },
  {
    name: "AMF3",
    id: "M041",
    vectors: AMF3_VECTORS,
    decode: decodeAmf3,
    decodeValue: decodeAmf3Value,
    encode: encodeAmf3,
  },
];

for (const format of FORMATS) {
  for (const vector of format.vectors) {
    Deno.test(`${format.name} decodes ${vector.name} (${format.id})`, () => {
      const bytes = fromHex(vector.hex);
      const decoded = format.decode(bytes);
      assertEquals(decoded.length, 1);
      assertSame(decoded[0], vector.value);
      assertEquals(bytes, fromHex(vector.hex), "the input was changed");
    });

    if (!vector.decodeOnly) {
      Deno.test(`${format.name} encodes ${vector.name} (${format.id})`, () => {
        assertEquals(format.encode([vector.value]).toHex(), fromHex(vector.hex).toHex());
      });
    }
  }

  Deno.test(`${format.name} cut off anywhere is "truncated" (M042)`, () => {
    for (const vector of format.vectors) {
      const bytes = fromHex(vector.hex);
      // Every place in short vectors, and both ends of the long string.
      for (
        let end = 1;
        end < bytes.length;
        end += end > 200 && end < bytes.length - 200 ? 997 : 1
      ) {
        assertAmfError(() => format.decode(bytes.slice(0, end)), "truncated");
      }
      const reader = new ByteReader(bytes.slice(0, bytes.length - 1));
      assertAmfError(() => format.decodeValue(reader), "truncated");
      assertEquals(reader.offset, 0);
    }
  });

  Deno.test(`${format.name} values are read one by one from a reader (${format.id})`, () => {
    for (const vector of format.vectors) {
      const bytes = fromHex(`ffff ${vector.hex} eeee`);
      const reader = new ByteReader(bytes);
      reader.skip(2);
      assertSame(format.decodeValue(reader), vector.value);
      assertEquals(reader.offset, bytes.length - 2, vector.name);
    }
  });
}

/** Equality that tells 0 from -0, follows a cycle once, and knows an invalid date. */
function assertSame(actual: AmfValue, expected: AmfValue): void {
  if (expected instanceof Date) {
    assertInstanceOf(actual, Date);
    assert(Object.is(actual.getTime(), expected.getTime()));
  } else if (isCycle(expected)) {
    assert(isCycle(actual));
  } else if (typeof expected === "number") {
    assert(Object.is(actual, expected), `${actual} is not ${expected}`);
  } else {
    assertEquals(actual, expected);
  }
}

function isCycle(value: AmfValue): boolean {
  return typeof value === "object" && value !== null && "self" in value && value.self === value;
}
