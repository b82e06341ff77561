import { assert, assertEquals } from "@std/assert";
import { KeptGroup } from "../../src/hub/kept_group.ts";
import { HeaderSet } from "../../src/hub/header_set.ts";
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
