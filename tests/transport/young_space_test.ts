import { assert, assertEquals } from "@std/assert";
import { V8Heap, type YoungHeap, YoungSpace } from "../../src/transport/young_space.ts";

const MIB = 1024 * 1024;

/** A heap in which garbage is made by numbers; it keeps `aliveBytes`. */
class TestHeap implements YoungHeap {
  used: number | undefined = 20 * MIB;
  aliveBytes = 20 * MIB;
  collections = 0;
  isDeaf = false;
  readonly untouchedBytes = 0;

  usedBytes(): number | undefined {
    return this.used;
  }

  collect(): void {
    this.collections++;
    if (!this.isDeaf) this.used = this.aliveBytes;
  }
}

function testSpace(): {
  readonly heap: TestHeap;
  readonly space: YoungSpace;
  readonly pass: (ms: number) => void;
} {
  const heap = new TestHeap();
  let nowMs = 0;
  return {
    heap,
    space: new YoungSpace({ heap, now: () => nowMs }),
    pass: (ms) => void (nowMs += ms),
  };
}

/** Each of so many writes leaves 8 KiB behind; all are under way together. */
function writeRound(space: YoungSpace, heap: TestHeap, count: number): void {
  for (let at = 0; at < count; at++) {
    heap.used! += 8 * 1024;
    space.began();
  }
  for (let at = 0; at < count; at++) space.ended();
}

Deno.test("YoungSpace collects between two rounds of writes once 3 MiB are new, and no sooner", () => {
  const { heap, space, pass } = testSpace();
  space.worked(1000);
  writeRound(space, heap, 380);
  assertEquals(heap.collections, 0);
  pass(100);
  writeRound(space, heap, 40);
  assertEquals(heap.collections, 1);
  // It counts from what was left.
  pass(100);
  writeRound(space, heap, 380);
  assertEquals(heap.collections, 1);
});

Deno.test("YoungSpace collects during a round where 5 MiB are new", () => {
  const { heap, space, pass } = testSpace();
  space.worked(1000);
  pass(100);
  let writes = 0;
  for (; heap.collections === 0; writes++) {
    heap.used! += 8 * 1024;
    space.began();
    assert(writes < 1000);
  }
  assert(writes >= 640, `after ${writes}`);
});

Deno.test("YoungSpace counts what lives on as part of the heap, and reads and connections too", () => {
  const { heap, space, pass } = testSpace();
  space.worked(1000);
  for (let round = 0; round < 100; round++) {
    pass(100);
    heap.used! += MIB;
    heap.aliveBytes += MIB / 2;
    space.worked(128);
  }
  assertEquals(heap.collections, 33);
});

Deno.test("YoungSpace leaves to V8 what grows slowly", () => {
  const { heap, space, pass } = testSpace();
  space.worked(1000);
  for (let round = 0; round < 100; round++) {
    pass(400);
    heap.used! += MIB;
    space.worked(128);
  }
  assertEquals(heap.collections, 0);
});

Deno.test("YoungSpace leaves time between collections", () => {
  const { heap, space, pass } = testSpace();
  space.worked(1000);
  for (let ms = 0; ms < 1000; ms++) {
    pass(1);
    heap.used! += MIB;
    space.worked(128);
  }
  assertEquals(heap.collections, 20);
});

Deno.test("YoungSpace tries again after half a second only where nothing was freed twice, and does nothing while the heap is not known", () => {
  const { heap, space, pass } = testSpace();
  heap.used = undefined;
  space.worked(1000);
  heap.used = 20 * MIB;
  heap.isDeaf = true;
  for (let ms = 0; ms < 1500; ms += 100) {
    pass(100);
    heap.used += 4 * MIB;
    space.worked(128);
  }
  assertEquals(heap.collections, 4);
});

/** The newest object: what nobody could see would not be made. */
let newest: readonly number[] = [];

/** So much garbage, in small objects. */
function makeGarbage(bytes: number): void {
  for (let made = 0; made < bytes; made += 64) newest = [made, newest.length, made];
}

Deno.test("V8Heap has this V8 collect what is new at once, time after time", async () => {
  const heap = new V8Heap();
  await heap.load();
  let freed = 0;
  const end = performance.now() + 10_000;
  while (freed < 20) {
    assert(performance.now() < end, `freed ${freed} times`);
    makeGarbage(MIB / 2);
    const before = heap.usedBytes()!;
    heap.collect();
    if (heap.usedBytes()! < before) freed++;
    // It does not while V8 marks all of its heap, which goes on between two turns.
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
});

Deno.test("V8Heap has buffers made that nobody touches: the process does not grow by them", async () => {
  const heap = new V8Heap();
  await heap.load();
  const before = Deno.memoryUsage().rss;
  for (let round = 0; round < 20; round++) {
    makeGarbage(MIB / 4);
    heap.collect();
  }
  const grownMB = (Deno.memoryUsage().rss - before) / 1e6;
  assert(grownMB < 20, `grown by ${grownMB} MB`);
  // V8 counts them.
  const { external } = Deno.memoryUsage();
  assert(heap.untouchedBytes > 60 * MIB && external > heap.untouchedBytes, `${external} bytes`);
});
