import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "../support/fast_check.ts";
import {
  HeaderSet,
  openStreamQueue,
  UNIT_COST_BYTES,
  type UnitArrival,
  UnitQueue,
} from "../../src/hub/mod.ts";
import { fakeHub, nameOf, unit } from "./hub_support.ts";

/** What a unit of so many bytes costs. */
const costOf = (bytes: number): number => bytes + UNIT_COST_BYTES;

/** A queue that may hold so many units of 100 bytes. */
function queueOf(units: number, maxLagMs = 1000) {
  const queue = new UnitQueue<string>({ maxLagBytes: units * costOf(100), maxLagMs });
  return {
    queue,
    /** Pushes units of 100 bytes, key frames as starts. */
    push: (names: string, arrival: Partial<UnitArrival<string>> = {}): void => {
      for (const name of names.split(" ")) {
        queue.push(unit(name, { bytes: 100 }), { startPoint: name.startsWith("K"), ...arrival });
      }
    },
    /** The names of so many that wait. */
    take: (most = Infinity): string => {
      const names: string[] = [];
      while (names.length < most) {
        const next = queue.next();
        if (next === undefined) break;
        names.push(nameOf(next.unit));
      }
      return names.join(" ");
    },
  };
}

Deno.test("UnitQueue gives units in order, with what was pushed with them, and counts what waits", () => {
  const { queue, push, take } = queueOf(10);
  push("V K0", { tag: "first" });
  push("p1", { tag: "second" });
  assertEquals([queue.length, queue.waitingBytes], [3, 3 * costOf(100)]);
  assertEquals(Array.from({ length: 4 }, () => queue.next()?.tag), [
    "first",
    "first",
    "second",
    undefined,
  ]);
  push("p2");
  assertEquals([take(), queue.length, queue.waitingBytes, queue.dropped], ["p2", 0, 0, 0]);
});

Deno.test("UnitQueue drops what waits up to the next start when that is too much (M083)", () => {
  const { queue, push, take } = queueOf(4);
  push("K0 p1 p2 p3");
  assertEquals([queue.skips, queue.length], [0, 4], "just within the bound");
  push("p4");
  assertEquals([queue.skips, queue.length, queue.dropped], [1, 0, 5]);
  push("p5 a5");
  assertEquals([take(), queue.dropped], ["", 7]);
  push("K6 p7");
  assertEquals([take(), queue.skips, queue.dropped], ["K6 p7", 1, 7]);
});

Deno.test("UnitQueue goes on at the newest start that waits, where that is within the bounds (M083)", () => {
  const { queue, push, take } = queueOf(5);
  push("K0 p1 K2 p3 p4");
  push("p5");
  assertEquals([queue.skips, queue.dropped], [1, 2]);
  assertEquals(take(), "K2 p3 p4 p5");
  // And at the one that comes, where that makes it too much.
  push("K6 p7 p8 K9 p10");
  push("K11");
  assertEquals([take(), queue.skips, queue.dropped], ["K11", 2, 7]);
});

Deno.test("UnitQueue does not go on at a start that is too far back itself (M083)", () => {
  const { queue, push, take } = queueOf(5);
  push("a0 K1 p2 p3 p4 p5");
  assertEquals(take(1), "K1", "what was before it is dropped");
  push("p6");
  assertEquals(take(1), "p2");
  push("p7 p8");
  // From the only start that waited on it would be too much.
  assertEquals([take(), queue.skips], ["", 2]);
});

Deno.test("UnitQueue takes one unit in any case, however large (M083)", () => {
  const queue = new UnitQueue({ maxLagBytes: 0, maxLagMs: 0 });
  queue.push(unit("K0", { bytes: 1000 }), { startPoint: true });
  assertEquals(nameOf(queue.next()!.unit), "K0");
  queue.push(unit("p1"), { startPoint: false });
  assertEquals(nameOf(queue.next()!.unit), "p1");
  queue.push(unit("p2"), { startPoint: false });
  queue.push(unit("p3"), { startPoint: false });
  assertEquals([queue.next(), queue.skips], [undefined, 1]);
});

Deno.test("UnitQueue is bounded in time, by what it is told of time (M083)", () => {
  const { queue, push, take } = queueOf(100, 1000);
  push("K0", { timeMs: 5000 });
  push("p1", { timeMs: 6000 });
  assertEquals(queue.skips, 0, "just within the bound");
  push("p2", { timeMs: 6001 });
  assertEquals([take(), queue.skips], ["", 1]);
  push("K3", { timeMs: 7000 });
  push("K4", { timeMs: 7500 });
  push("p5", { timeMs: 8001 });
  assertEquals([take(), queue.skips], ["K4 p5", 2]);
  // Times that go back are no lag, nor is what has none.
  push("K6", { timeMs: 100_000 });
  push("p7", { timeMs: 0 });
  push("V");
  push("p8", { timeMs: 101_000 });
  assertEquals([take(), queue.skips], ["K6 p7 V p8", 2]);
});

Deno.test("UnitQueue bounds not what is kept for those who join, but all behind it (M075)", () => {
  const { queue, push, take } = queueOf(3, 1000);
  push("V K0 p1 p2 p3 p4", { isKept: true });
  push("p5 p6 p7", { timeMs: 9000 });
  assertEquals([queue.skips, queue.length], [0, 9]);
  assertEquals(take(2), "V K0");
  push("p8");
  assertEquals([queue.skips, queue.length, queue.waitingBytes], [1, 0, 0]);
  push("K9 p10 p11 p12");
  assertEquals([take(), queue.skips], ["", 2], "what was kept extends no bound any more");
});

Deno.test("UnitQueue gives headers again that changed in what was dropped, with the tag of their start (M071)", () => {
  const { queue, push, take } = queueOf(5);
  push("M V K0", { tag: "first" });
  assertEquals(take(), "M V K0");
  push("p1 V2 p2 p3 p4", { tag: "first" });
  push("M2 A p5", { tag: "first" });
  assertEquals(queue.length, 0);
  push("K6 p7", { tag: "second" });
  const given = Array.from({ length: 5 }, () => queue.next()!);
  assertEquals(given.map((next) => [nameOf(next.unit), next.tag]), [
    ["M2", "second"],
    ["V2", "second"],
    ["A", "second"],
    ["K6", "second"],
    ["p7", "second"],
  ]);
  // The reader has them now.
  push("p8 p9 p10 p11 p12 K13");
  assertEquals([take(), queue.skips], ["K13", 2]);
});

Deno.test("UnitQueue gives headers again before a start that waited, as they were then (M071)", () => {
  const { queue, push, take } = queueOf(6);
  push("V K0");
  take();
  push("p1 V2 K2 V3 p3");
  push("p4");
  assertEquals(queue.skips, 0);
  push("p5");
  assertEquals([take(), queue.skips], ["V2 K2 V3 p3 p4 p5", 1]);
});

Deno.test("UnitQueue gives headers again that waited when all was dropped (M071)", () => {
  const { push, take } = queueOf(3);
  push("M V A");
  assertEquals(take(1), "M");
  push("a1 a2 a3 K4");
  assertEquals(take(), "M V A K4");
});

Deno.test("UnitQueue gives the headers that it is told of, which may not have been pushed (M071)", () => {
  const { queue, push, take } = queueOf(2);
  push("V K0");
  assertEquals(take(), "V K0");
  const headers = HeaderSet.EMPTY.with(unit("V2")).with(unit("A"));
  push("p1 p2 p3", { headers });
  push("K4", { headers });
  assertEquals([take(), queue.skips], ["V2 A K4", 1]);
});

Deno.test("UnitQueue holds no more than its bound and one start, whatever floods it (threats: memory by size)", () => {
  const floods: Record<string, (number: number) => [string, number]> = {
    pictures: (number) => [`p${number}`, 1000],
    "empty pictures": () => ["p", 0],
    headers: (number) => [`V${number}`, 1000],
    metadata: (number) => [`M${number}`, 1000],
    "key frames": (number) => [`K${number}`, 1000],
    "headers and key frames": (number) => [`${number % 2 ? "V" : "K"}${number}`, 1000],
  };
  for (const [what, make] of Object.entries(floods)) {
    const queue = new UnitQueue({ maxLagBytes: 100_000, maxLagMs: 1000 });
    let most = 0;
    for (let number = 0; number < 2000; number++) {
      const [name, bytes] = make(number);
      queue.push(unit(name, { bytes }), { startPoint: name.startsWith("K") });
      most = Math.max(most, queue.waitingBytes);
    }
    assert(most <= 100_000 + 2 * costOf(1000), `${most} bytes of ${what}`);
    assert(queue.dropped > 1000, `${queue.dropped} of ${what}`);
  }
});

Deno.test("UnitQueue wakes who waits when something comes, and when nothing comes any more", async () => {
  const { queue, push, take } = queueOf(3);
  const woken: string[] = [];
  const wait = (name: string): void => void queue.more().then(() => woken.push(name));
  const settle = async (): Promise<string> => {
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
    return woken.splice(0).join(" ");
  };
  wait("a");
  wait("b");
  assertEquals(await settle(), "");
  push("K0");
  assertEquals(await settle(), "a b");
  wait("c");
  assertEquals(await settle(), "c", "there is something");
  take();
  wait("d");
  push("p1 p2 p3 p4");
  assertEquals(await settle(), "d");
  take();
  wait("e");
  push("p5");
  assertEquals(await settle(), "", "what is dropped wakes nobody");
  queue.end();
  assertEquals(await settle(), "e");
  wait("f");
  assertEquals(await settle(), "f");
});

Deno.test("UnitQueue that has ended takes nothing in, and gives what waits", () => {
  const { queue, push, take } = queueOf(3);
  push("K0 p1");
  queue.end();
  push("p2");
  assertEquals([queue.isEnded, take(), take()], [true, "K0 p1", ""]);
});

Deno.test("UnitQueue.clear drops what waits, and goes on at the next start with its headers", () => {
  const { queue, push, take } = queueOf(5);
  push("V K0 p1");
  queue.clear();
  assertEquals([queue.length, queue.waitingBytes, queue.dropped, queue.skips], [0, 0, 3, 0]);
  push("p2 K3 p4");
  assertEquals(take(), "V K3 p4");
});

Deno.test("UnitQueue refuses bounds that are none", () => {
  for (const bad of [-1, NaN]) {
    assertThrows(
      () => new UnitQueue({ maxLagBytes: bad, maxLagMs: 0 }),
      RangeError,
      `Cannot queue units as 'maxLagBytes' must be at least 0: current value is ${bad}`,
    );
    assertThrows(() => new UnitQueue({ maxLagBytes: 0, maxLagMs: bad }), RangeError, "maxLagMs");
  }
});

Deno.test("whatever is pushed and taken, UnitQueue gives units in order, from starts on, with their headers, within its bound (M071, M083)", () => {
  const kind = fc.constantFrom("K", "p", "p", "p", "a", "V", "A", "take", "take", "clear");
  const step = fc.record({ kind, bytes: fc.nat(2000), ms: fc.nat(300) });
  let skips = 0;
  let taken = 0;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200, size: "max" }), (steps) => {
      const queue = new UnitQueue({ maxLagBytes: 10_000, maxLagMs: 2000 });
      const published = new Map<string, { index: number; headers: string }>();
      let headers = HeaderSet.EMPTY;
      let has = HeaderSet.EMPTY;
      let last = -1;
      let timeMs = 0;
      const take = (): boolean => {
        const next = queue.next();
        if (next === undefined) return false;
        taken++;
        const name = nameOf(next.unit);
        has = has.with(next.unit);
        if (/^[VA]/.test(name)) {
          // In flow it is the next, after a gap it comes again before its start.
          const { index } = published.get(name)!;
          if (index === last + 1) last = index;
          return true;
        }
        const { index, headers: needed } = published.get(name)!;
        if (index !== last + 1) assert(name.startsWith("K"), `${name} after a gap`);
        assert(index > last, `${name} goes back`);
        last = index;
        assertEquals(has.units.map(nameOf).toSorted().join(), needed, `headers of ${name}`);
        return true;
      };
      for (const [index, { kind, bytes, ms }] of steps.entries()) {
        timeMs += ms;
        if (kind === "take") take();
        else if (kind === "clear") {
          if (bytes < 200) queue.clear();
        } else {
          const one = unit(`${kind}${index}`, { bytes });
          headers = headers.with(one);
          const names = headers.units.map(nameOf).toSorted().join();
          published.set(nameOf(one), { index: published.size, headers: names });
          queue.push(one, { startPoint: kind === "K", timeMs });
        }
        assert(queue.waitingBytes <= 10_000 + 3 * costOf(2000), `${queue.waitingBytes} bytes`);
      }
      skips += queue.skips;
      while (take());
      assertEquals([queue.waitingBytes, queue.length], [0, 0]);
    }),
    { seed: 20261127, numRuns: 500 },
  );
  assert(skips > 200 && taken > 5000, `${skips} skips, ${taken} taken`);
});

Deno.test("openStreamQueue gives headers, what is kept, and all that comes, each with its publisher, until the stream ends", () => {
  const { hub, clock } = fakeHub({ lingerMs: 1000, maxLagBytes: 0 });
  const first = hub.acquire("live/cam");
  for (const name of ["M", "V", "K0", "V2", "K1", "A", "p2"]) first.write(unit(name));
  let ends = 0;
  const { queue, close } = openStreamQueue(first.stream, { onEnd: () => ends++ });
  const take = (): [string, unknown][] => {
    const taken: [string, unknown][] = [];
    for (let next; (next = queue.next()) !== undefined;) taken.push([nameOf(next.unit), next.tag]);
    return taken;
  };
  // What is kept is more than may wait, and given all the same.
  assertEquals(take().map(([name]) => name).join(" "), "M V2 K1 A p2");
  first.write(unit("p3"));
  assertEquals(take(), [["p3", first]]);
  first.release();
  const second = hub.acquire("live/cam");
  second.write(unit("V2"));
  second.write(unit("K4"));
  const [start] = take();
  assertEquals(start![0], "K4");
  assertStrictEquals(start![1], second);
  second.release();
  assertEquals([queue.isEnded, ends], [false, 0]);
  clock.turn(1000);
  close();
  assertEquals([queue.isEnded, ends, hub.streams.length], [true, 1, 0]);
});

Deno.test("openStreamQueue has the bounds of its hub, by when units came (M083)", () => {
  const { hub, clock } = fakeHub({ maxLagMs: 1000 });
  const publication = hub.acquire("live/cam");
  const write = (name: string, dtsMs = 0): void => void publication.write(unit(name, { dtsMs }));
  const { queue, close } = openStreamQueue(publication.stream);
  const media = openStreamQueue(publication.stream, { timeBy: "media", maxLagMs: 5000 });
  for (const name of ["V", "K0"]) write(name);
  // By their times they lie far apart, yet they came together.
  write("p1", 1_000_000);
  assertEquals([queue.length, media.queue.length, media.queue.skips], [3, 0, 1]);
  clock.turn(1000);
  write("p2", 1_000_001);
  assertEquals(queue.length, 4);
  clock.turn(1);
  write("p3", 1_000_002);
  assertEquals([queue.length, queue.skips], [0, 1]);
  close();
  close();
  assertEquals([queue.isEnded, publication.stream.readerCount], [true, 1]);
  media.close();
  assertEquals(publication.stream.readerCount, 0);
});

Deno.test("openStreamQueue without video starts at any media that is wanted", () => {
  const { hub } = fakeHub({ maxLagBytes: costOf(3) });
  const publication = hub.acquire("live/cam");
  const { queue, close } = openStreamQueue(publication.stream, { kinds: ["audio"] });
  for (const name of ["V", "A", "K0", "a0", "p1", "a1", "a2"]) publication.write(unit(name));
  // What comes makes it too much each time, and is a start itself.
  const names: string[] = [];
  for (let next; (next = queue.next()) !== undefined;) names.push(nameOf(next.unit));
  assertEquals(names.at(-1), "a2");
  assert(names.every((name) => /^[aAV]/.test(name)), names.join(" "));
  close();
});
