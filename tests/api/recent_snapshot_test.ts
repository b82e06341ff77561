import { assert, assertEquals, assertRejects } from "@std/assert";
import type { ApiSnapshot } from "../../src/api/mod.ts";
import { RecentSnapshot } from "../../src/api/recent_snapshot.ts";

Deno.test("counts are made anew at most five times a second, and after a change", async () => {
  let made = 0;
  let nowMs = 0;
  const counts = new RecentSnapshot({
    freshSnapshot: () => Promise.resolve({ logLinesLeftOut: ++made } as ApiSnapshot),
  }, { now: () => nowMs });
  const read = async () => (await counts.get()).logLinesLeftOut;
  assertEquals([await read(), await read()], [1, 1]);
  nowMs = 199;
  assertEquals(await read(), 1);
  nowMs = 200;
  assertEquals(await read(), 2);
  counts.forget();
  assertEquals(await read(), 3);
});

Deno.test("counts that could not be made are made again", async () => {
  let fails = true;
  const counts = new RecentSnapshot({
    freshSnapshot: () =>
      fails ? Promise.reject(new Error("not now")) : Promise.resolve({} as ApiSnapshot),
  }, { now: () => 0 });
  await assertRejects(() => counts.get(), Error, "not now");
  fails = false;
  assert(await counts.get() !== undefined);
});
