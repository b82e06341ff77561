import { assert, assertEquals, assertInstanceOf, assertStringIncludes } from "@std/assert";
import {
  AmfDictionary,
  AmfEcmaArray,
  AmfError,
  AmfTypedObject,
  type AmfValue,
  AmfVector,
  AmfXml,
  decodeAmf0,
  decodeAmf3,
  encodeAmf0,
  encodeAmf3,
} from "@weir/server/amf";
import fc from "../support/fast_check.ts";
import { seededRandom } from "../support/split.ts";
import { AMF0_VECTORS, AMF3_VECTORS, FFMPEG_CONNECT, FFMPEG_METADATA, fromHex } from "./vectors.ts";

const SEED = 20261121;

// Halves of surrogate pairs have no UTF-8, and an empty name ends an object.
const text = fc.string({ unit: "grapheme", maxLength: 60 });
const name = fc.string({ unit: "grapheme", minLength: 1, maxLength: 12 });
const date = fc.date({ noInvalidDate: false });

const { value: common } = fc.letrec<{ value: AmfValue }>((tie) => {
  const properties = fc.dictionary(name, tie("value"), { maxKeys: 4, noNullPrototype: true });
  return {
    value: fc.oneof(
      { maxDepth: 4 },
      fc.double(),
      fc.integer(),
      fc.boolean(),
      text,
      fc.constantFrom(null, undefined),
      date,
      fc.uint8Array({ maxLength: 20 }),
      text.map((xml) => new AmfXml(xml)),
      text.map((xml) => new AmfXml(xml, "e4x")),
      fc.array(tie("value"), { maxLength: 4 }),
      properties,
      fc.tuple(text, properties).map(([type, members]) => new AmfTypedObject(`c${type}`, members)),
      // One name at least: AMF3 has no empty array apart from the empty list.
      fc.tuple(name, tie("value"), properties).map(([first, value, more]) =>
        new AmfEcmaArray({ ...more, [first]: value })
      ),
      fc.array(fc.integer(), { maxLength: 4 }).map((list) => new AmfVector("int", list)),
      fc.array(tie("value"), { maxLength: 4 }).map((list) => new AmfVector("object", list)),
      fc.array(fc.tuple(text, tie("value")), { maxLength: 4 })
        .map((pairs) => new AmfDictionary(new Map(pairs))),
    ),
  };
});

for (
  const [format, decode, encode] of [
    ["AMF0", decodeAmf0, encodeAmf0],
    ["AMF3", decodeAmf3, encodeAmf3],
  ] as const
) {
  Deno.test(`${format} decodes whatever it encodes to the same values (M040, M041)`, () => {
    fc.assert(
      fc.property(fc.array(common, { maxLength: 4 }), (values) => {
        const bytes = encode(values);
        const decoded = decode(bytes);
        assertEquals(decoded, values);
        assertEquals(encode(decoded), bytes);
      }),
      { seed: SEED, numRuns: 400 },
    );
  });
}

Deno.test("AMF decoders throw nothing but AmfError over 20 000 mutations (M042)", () => {
  const random = seededRandom(SEED);
  const pick = (below: number) => Math.floor(random() * below);
  const short = (hex: string) => fromHex(hex).length < 1000;
  const seeds0 = [...AMF0_VECTORS.map((vector) => vector.hex), FFMPEG_CONNECT, FFMPEG_METADATA]
    .filter(short).map(fromHex);
  const seeds3 = AMF3_VECTORS.map((vector) => vector.hex).map(fromHex);
  let failed = 0;
  for (let round = 0; round < 20_000; round++) {
    const amf0 = round % 2 === 0;
    const seeds = amf0 ? seeds0 : seeds3;
    const bytes = mutate(seeds[pick(seeds.length)]!, seeds[pick(seeds.length)]!, pick);
    const where = `seed ${SEED}, round ${round}: ${bytes.toHex()}`;
    let values: AmfValue[];
    try {
      values = amf0 ? decodeAmf0(bytes) : decodeAmf3(bytes);
    } catch (error) {
      failed++;
      assertInstanceOf(error, AmfError, `${where}: ${error}`);
      continue;
    }
    // What was decoded can be relayed, save a name that the format has no way to write.
    try {
      if (amf0) encodeAmf0(values);
      else encodeAmf3(values);
    } catch (error) {
      assertInstanceOf(error, RangeError, `${where}: ${error}`);
      assertStringIncludes(error.message, "empty name", where);
    }
  }
  assert(failed > 5000 && failed < 20_000, `${failed} of 20 000 mutations failed`);
});

/** Joins two seeds somewhere, and changes up to four bytes. */
function mutate(
  first: Uint8Array,
  second: Uint8Array,
  pick: (below: number) => number,
): Uint8Array {
  const bytes = new Uint8Array([
    ...first.subarray(0, 1 + pick(first.length)),
    ...second.subarray(pick(second.length)),
  ]);
  for (let changes = pick(5); changes > 0; changes--) {
    const interesting = [0, 1, 9, 0x0a, 0x11, 0x7f, 0x80, 0xff];
    bytes[pick(bytes.length)] = pick(2) === 0 ? pick(256) : interesting[pick(8)]!;
  }
  return bytes;
}
