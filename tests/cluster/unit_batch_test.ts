import { assertEquals } from "@std/assert";
import { packUnits, unpackUnits } from "../../src/cluster/mod.ts";
import type { MediaUnit, UnitPayload } from "../../src/media/mod.ts";
import fc from "../support/fast_check.ts";

const BYTES = fc.uint8Array({ maxLength: 64 });
const PAYLOAD: fc.Arbitrary<UnitPayload> = fc.oneof(
  BYTES.map((body) => ({ format: "flv" as const, body })),
  fc.array(BYTES, { maxLength: 5 }).map((packets) => ({ format: "rtp" as const, packets })),
  BYTES.map((data) => ({ format: "access-unit" as const, data })),
);
const UNIT: fc.Arbitrary<MediaUnit> = fc.record({
  kind: fc.constantFrom("video", "audio", "data"),
  role: fc.constantFrom("media", "config", "metadata", "end"),
  track: fc.nat(0xffffffff),
  dtsUs: fc.integer({ min: -1e15, max: 1e15 }),
  ptsUs: fc.integer({ min: -1e15, max: 1e15 }),
  keyFrame: fc.boolean(),
  discardable: fc.boolean(),
  payload: PAYLOAD,
});

Deno.test("units of any kind cross to another thread as they are", () => {
  fc.assert(fc.property(fc.array(UNIT, { maxLength: 8 }), (units) => {
    assertEquals(unpackUnits(packUnits(units)), units);
  }));
});

Deno.test("a batch holds its own bytes alone, however large the buffer was that a unit was read from", () => {
  const body = new Uint8Array(1_000_000).subarray(500_000, 500_010);
  const unit: MediaUnit = {
    kind: "audio",
    role: "media",
    track: 0,
    dtsUs: 0,
    ptsUs: 0,
    keyFrame: true,
    discardable: false,
    payload: { format: "flv", body },
  };
  assertEquals(packUnits([unit]).byteLength < 100, true);
});
