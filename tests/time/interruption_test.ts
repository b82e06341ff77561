import { assert, assertEquals, assertRejects } from "@std/assert";
import { Deadline, Interruption } from "../../src/time/mod.ts";

Deno.test("an Interruption ends the waits that there are and those that come, and none that is over", async () => {
  const gone = new Interruption<string>();
  const never = new Promise<number>(() => {});
  const works = [Promise.withResolvers<number>(), Promise.withResolvers<number>()];
  const waits = works.map(({ promise }) => gone.orResultOf(promise));
  works[0]!.resolve(1);
  assertEquals(await waits[0], 1);
  await assertRejects(() => gone.orResultOf(Promise.reject(new Error("no"))), Error, "no");
  gone.happen("gone");
  gone.happen("again");
  assertEquals(await waits[1], "gone");
  assertEquals(await gone.orResultOf(never), "gone");
  assertEquals(await gone.orResultOf(Promise.resolve(2)), 2, "it was done already");
  // Nobody hears of what becomes of it.
  works[1]!.reject(new Error("late"));
});

Deno.test("waits that are over hold nothing of what they gave, for however long others may end them", async () => {
  const PIECE_BYTES = 64 * 1024;
  const pieces = 8000;
  using deadline = new Deadline({ setTimer: () => ({ cancel: () => {} }) }, 1);
  const gone = new Interruption<undefined>();
  const before = Deno.memoryUsage().external;
  for (let piece = 0; piece < pieces; piece++) {
    const read = Promise.resolve(new Uint8Array(PIECE_BYTES).fill(1));
    await (piece % 2 === 0 ? deadline.before(read) : gone.orResultOf(read));
  }
  const grown = Deno.memoryUsage().external - before;
  assert(grown < pieces * PIECE_BYTES / 3, `${(grown / 1e6).toFixed(0)} MB`);
});
