import { assert, assertEquals, assertRejects } from "@std/assert";
import type { ApiSnapshot } from "../../src/api/mod.ts";
import { RecentSnapshot } from "../../src/api/recent_snapshot.ts";
import { type HttpAnswer, responseOf, WholeAnswer } from "../../src/doors/http/mod.ts";

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

Deno.test("what was made of the counts once is made of them again, without who asked for it first", async () => {
  let made = 0;
  let nowMs = 0;
  const counts = new RecentSnapshot({
    freshSnapshot: () => Promise.resolve({ logLinesLeftOut: ++made } as ApiSnapshot),
  }, { now: () => nowMs });
  const text = async (answer: HttpAnswer | undefined) => await responseOf(answer!).text();
  assertEquals(counts.again("/v1"), undefined);
  const write = ({ logLinesLeftOut }: ApiSnapshot) => new WholeAnswer(`${logLinesLeftOut}`);
  assertEquals(await text(await counts.answer("/v1", write)), "1");
  assertEquals(await text(await counts.again("/v1")), "1");
  nowMs = 200;
  assertEquals(await text(await counts.again("/v1")), "2");
  counts.forget();
  assertEquals(await text(await counts.again("/v1")), "3");
  assertEquals(counts.again("/v1?limit=1"), undefined);
});

Deno.test("an answer that there is nothing is not kept, as there may be something next", async () => {
  let status = 404;
  const counts = new RecentSnapshot({ freshSnapshot: () => Promise.resolve({} as ApiSnapshot) }, {
    now: () => 0,
  });
  const ask = async () =>
    (await counts.answer("/v1/streams/live/cam", () => new WholeAnswer("", { status }))).status;
  assertEquals(await ask(), 404);
  assertEquals(counts.again("/v1/streams/live/cam"), undefined);
  status = 200;
  assertEquals(await ask(), 200);
});
