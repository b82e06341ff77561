import { assert, assertEquals } from "@std/assert";
import { KeptGroup } from "../../src/hub/kept_group.ts";
import { HeaderSet } from "../../src/hub/header_set.ts";
import { UNIT_COST_BYTES } from "../../src/hub/mod.ts";
import type { MediaUnit } from "../../src/media/mod.ts";

const MIB = 1024 * 1024;

function unit(packets: readonly Uint8Array[]): MediaUnit {
  return {
    kind: "video",
    role: "media",
    track: 0,
    dtsUs: 0,
    ptsUs: 0,
    keyFrame: false,
    discardable: false,
    payload: { format: "rtp", packets },
  };
}

function bytesOf({ unit: { payload } }: KeptGroup["units"][number]): Uint8Array[] {
  return payload.format === "rtp" ? [...payload.packets] : [];
}

function heldBytes(group: KeptGroup): number {
  const buffers = new Set(group.units.flatMap(bytesOf).map(({ buffer }) => buffer));
  return [...buffers].reduce((sum, { byteLength }) => sum + byteLength, 0);
}

Deno.test("KeptGroup does not keep what small units were read into (threats: memory by size)", () => {
  const group = new KeptGroup(2 * MIB);
  for (let number = 0; number < 100; number++) {
    // A publisher sends junk between its packets: each is a view of another large buffer.
    const packet = new Uint8Array(256 * 1024).subarray(1000, 1020).fill(number);
    group.add({
      unit: unit([packet, packet.subarray(0, 2)]),
      headers: HeaderSet.EMPTY,
      startPoint: number === 0,
    });
    assert(heldBytes(group) <= 3 * MIB, `${heldBytes(group)} bytes after ${number + 1}`);
  }
  assertEquals(
    group.units.map((kept) => bytesOf(kept).map((bytes) => [bytes.length, bytes[0]])),
    Array.from({ length: 100 }, (_, number) => [[20, number], [2, number]]),
  );
});

Deno.test("KeptGroup does not copy the packets of an ordinary publisher", () => {
  const group = new KeptGroup(2 * MIB);
  const slab = new Uint8Array(MIB);
  for (let at = 0; at + 1000 <= slab.length; at += 1000) {
    const packet = slab.subarray(at, at + 1000);
    group.add({ unit: unit([packet]), headers: HeaderSet.EMPTY, startPoint: at === 0 });
  }
  assert(group.units.flatMap(bytesOf).every(({ buffer }) => buffer === slab.buffer));
});

Deno.test("KeptGroup counts what a unit costs without bytes, so that their number is bounded", () => {
  const group = new KeptGroup(MIB);
  let most = 0;
  for (let number = 0; number < 10_000; number++) {
    group.add({ unit: unit([]), headers: HeaderSet.EMPTY, startPoint: number === 0 });
    most = Math.max(most, group.units.length);
  }
  assert(most < 5000, `${most} units`);
});

/** Adds units of so many bytes, each with its own buffer; `true` is a start. */
function addAll(
  group: KeptGroup,
  units: readonly (readonly [startPoint: boolean, bytes: number])[],
) {
  for (const [startPoint, bytes] of units) {
    group.add({ unit: unit([new Uint8Array(bytes)]), headers: HeaderSet.EMPTY, startPoint });
  }
}

function sizes(group: KeptGroup): number[] {
  return group.units.flatMap(bytesOf).map(({ length }) => length);
}

Deno.test("KeptGroup keeps nothing before the first start", () => {
  const group = new KeptGroup(MIB);
  addAll(group, [[false, 10], [false, 20]]);
  assertEquals([group.units.length, group.heldBytes], [0, 0]);
  addAll(group, [[true, 30], [false, 40]]);
  assertEquals(sizes(group), [30, 40]);
});

Deno.test("KeptGroup begins anew at each start", () => {
  const group = new KeptGroup(MIB);
  addAll(group, [[true, 10], [false, 20], [true, 30], [false, 40], [true, 50]]);
  assertEquals(sizes(group), [50]);
  assertEquals(group.heldBytes, 50 + UNIT_COST_BYTES);
});

Deno.test("KeptGroup of a group that is too large keeps nothing until the next start", () => {
  const group = new KeptGroup(1000 + 2 * UNIT_COST_BYTES);
  addAll(group, [[true, 400], [false, 600]]);
  assertEquals(sizes(group), [400, 600], "just as large as it may be");
  addAll(group, [[true, 400], [false, 601]]);
  assertEquals([sizes(group), group.heldBytes], [[], 0]);
  addAll(group, [[false, 1], [false, 2]]);
  assertEquals(sizes(group), []);
  addAll(group, [[true, 3], [false, 4]]);
  assertEquals(sizes(group), [3, 4]);
});

Deno.test("KeptGroup counts the buffers that it keeps alive, and those alone", () => {
  const group = new KeptGroup(MIB);
  const buffer = new Uint8Array(100_000);
  const add = (startPoint: boolean, packets: readonly Uint8Array[]): void =>
    group.add({ unit: unit(packets), headers: HeaderSet.EMPTY, startPoint });
  add(true, [buffer.subarray(0, 10), buffer.subarray(10, 20)]);
  assertEquals(group.heldBytes, 100_000);
  add(false, [buffer.subarray(20, 30)]);
  assertEquals(group.heldBytes, 100_000);
  add(false, [new Uint8Array(50_000).subarray(0, 10)]);
  assertEquals(group.heldBytes, 150_000);
  add(true, [buffer.subarray(30, 40)]);
  assertEquals(group.heldBytes, 100_000);
  group.clear();
  assertEquals([group.units.length, group.heldBytes], [0, 0]);
  add(false, [buffer]);
  assertEquals([group.units.length, group.heldBytes], [0, 0]);
});

Deno.test("KeptGroup counts what it copied as what it is, again and again", () => {
  const group = new KeptGroup(200_000);
  for (let round = 0; round < 3; round++) {
    for (let number = 0; number < 20; number++) {
      const packet = new Uint8Array(60_000).subarray(0, 100);
      group.add({ unit: unit([packet]), headers: HeaderSet.EMPTY, startPoint: number === 0 });
      assert(heldBytes(group) <= group.heldBytes, `${heldBytes(group)} of ${group.heldBytes}`);
      assert(group.heldBytes <= 260_000);
    }
    assertEquals(group.units.length, 20);
  }
});
