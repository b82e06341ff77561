import { assertEquals } from "@std/assert";
import { EachInTurn } from "../../src/transport/mod.ts";

Deno.test("EachInTurn gives way again and again where there is much to do, and forgets nobody", async () => {
  let nowMs = 0;
  const said: (number | "turn")[] = [];
  const giveWay = (): Promise<void> => {
    said.push("turn");
    // Others have more time meanwhile, which does not count.
    nowMs += 100;
    return Promise.resolve();
  };
  const each = new EachInTurn({ giveWay }, () => nowMs);
  const all = new Set([0, 1, 2, 3, 4]);
  const act = (one: number): void => {
    said.push(one);
    nowMs += one < 3 ? 1 : 0;
    if (one === 4) all.add(5);
  };
  const round = each.run(all, act);
  // While that is under way, a further one does nothing.
  await each.run(all, act);
  await round;
  assertEquals(said, [0, 1, "turn", 2, 3, 4, 5]);
  said.length = 0;
  await each.run([3], act);
  assertEquals(said, [3]);
});

Deno.test("EachInTurn begins anew after a round that has failed", async () => {
  const each = new EachInTurn({ giveWay: () => Promise.resolve() }, () => 0);
  const failing = each.run([1], () => {
    throw new TypeError("failed");
  });
  assertEquals(await failing.catch((error) => error.message), "failed");
  const seen: number[] = [];
  await each.run([1, 2], (one) => void seen.push(one));
  assertEquals(seen, [1, 2]);
});
