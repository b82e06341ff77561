import { assertEquals, assertThrows } from "@std/assert";
import fc from "../support/fast_check.ts";
import {
  isAnnexB,
  joinAnnexB,
  joinLengthPrefixed,
  MAX_NAL_UNITS,
  MediaError,
  removeEmulationPrevention,
  splitAnnexB,
  splitLengthPrefixed,
} from "../../src/media/mod.ts";

const bytes = (hex: string) => Uint8Array.fromHex(hex.replaceAll(" ", ""));

Deno.test("splitAnnexB takes start codes of 3 and 4 bytes, and zeros around units", () => {
  const units = splitAnnexB(bytes("00 000001 0910 000000 01 67aa 00000001 65 bb 0000"));
  assertEquals(units, [bytes("0910"), bytes("67aa"), bytes("65bb")]);
});

Deno.test("splitAnnexB finds nothing where there is no start code", () => {
  assertEquals(splitAnnexB(new Uint8Array(0)), []);
  assertEquals(splitAnnexB(bytes("6788 0000")), []);
  assertEquals(splitAnnexB(bytes("000001")), []);
  assertEquals(isAnnexB(bytes("00000001 67")), true);
  assertEquals(isAnnexB(bytes("000001 67")), true);
  assertEquals(isAnnexB(bytes("00000002 6701")), false);
});

Deno.test("removeEmulationPrevention takes out each 3 behind two zeros (H.264, 7.4.1.1)", () => {
  assertEquals(
    removeEmulationPrevention(bytes("67 000003 01 000003 000003")),
    bytes("67 0000 01 0000 0000"),
  );
  assertEquals(removeEmulationPrevention(bytes("000003 0003")), bytes("0000 0003"));
  const clean = bytes("67 0103 0003");
  assertEquals(removeEmulationPrevention(clean) === clean, true);
});

Deno.test("splitLengthPrefixed refuses a length beyond the end", () => {
  for (const hex of ["00000002 09", "000000", "ffffffff 0910"]) {
    assertEquals(assertThrows(() => splitLengthPrefixed(bytes(hex)), MediaError).code, "malformed");
  }
});

Deno.test("splitLengthPrefixed and splitAnnexB stop at their limit", () => {
  const units = Array.from({ length: MAX_NAL_UNITS + 1 }, () => bytes("09"));
  for (
    const run of [
      () => splitLengthPrefixed(joinLengthPrefixed(units)),
      () => splitAnnexB(joinAnnexB(units)),
    ]
  ) {
    assertEquals(assertThrows(run, MediaError).code, "too-many-units");
  }
  assertEquals(splitAnnexB(joinAnnexB(units.slice(1))).length, MAX_NAL_UNITS);
});

Deno.test("joinLengthPrefixed refuses a unit that its lengths cannot hold", () => {
  assertThrows(() => joinLengthPrefixed([new Uint8Array(256)], { lengthSize: 1 }), RangeError);
});

/** Bytes as a NAL unit may have them: no start code, no zero at the end. */
const unit = fc.uint8Array({ minLength: 1, maxLength: 30 })
  .map((raw) =>
    raw.map((byte, i) => (byte < 4 && i > 0) || i === raw.length - 1 ? byte | 4 : byte)
  );

Deno.test("NAL units survive both framings, whatever the length size", () => {
  fc.assert(
    fc.property(fc.array(unit, { maxLength: 8 }), fc.constantFrom(1, 2, 4), (units, lengthSize) => {
      const size = { lengthSize } as { lengthSize: 1 | 2 | 4 };
      assertEquals(splitLengthPrefixed(joinLengthPrefixed(units, size), size), units);
      assertEquals(splitAnnexB(joinAnnexB(units)), units);
    }),
    { seed: 11 },
  );
});

Deno.test("removeEmulationPrevention undoes what an encoder puts in", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(0, 0, 0, 1, 2, 3, 9), { maxLength: 40 }), (payload) => {
      const coded: number[] = [];
      let zeros = 0;
      for (const byte of payload) {
        if (zeros >= 2 && byte <= 3) {
          coded.push(3);
          zeros = 0;
        }
        coded.push(byte);
        zeros = byte === 0 ? zeros + 1 : 0;
      }
      assertEquals(removeEmulationPrevention(Uint8Array.from(coded)), Uint8Array.from(payload));
    }),
    { seed: 12, numRuns: 500 },
  );
});
