import { assertEquals } from "@std/assert";
import type { MediaUnit } from "../../src/media/mod.ts";
import { freshStart } from "../../src/relay/fresh_start.ts";

/** Units that come when they say, in simulated time: `K` key frame, `p` picture, `a` sound, `h` header. */
async function begin(
  coming: readonly (readonly [atMs: number, kind: string, dtsMs: number])[],
  hurryAtMs = Infinity,
): Promise<{ readonly first: string; readonly rest: number }> {
  let nowMs = 0;
  const hurry = Promise.withResolvers<void>();
  const left = [...coming];
  const units = new ReadableStream<MediaUnit>({
    pull(controller) {
      const next = left.shift();
      nowMs = next?.[0] ?? Infinity;
      if (nowMs >= hurryAtMs) return hurry.resolve();
      if (next === undefined) return controller.close();
      const [, kind, dtsMs] = next;
      controller.enqueue({
        kind: kind === "a" ? "audio" : "video",
        role: kind === "h" ? "config" : "media",
        track: 0,
        keyFrame: kind !== "p",
        discardable: false,
        dtsUs: dtsMs * 1000,
        ptsUs: dtsMs * 1000,
        payload: { format: "access-unit", data: new Uint8Array(0) },
      });
    },
  }, { highWaterMark: 0 });
  const first = await freshStart(units, { now: () => nowMs, hurry: hurry.promise });
  return { first: first.map(({ dtsUs }) => dtsUs / 1000).join(), rest: left.length };
}

/** A picture each 40 ms from a time on, the first a key frame. */
function group(fromMs: number, count: number, atMs = (dtsMs: number) => dtsMs) {
  return Array.from({ length: count }, (_, index) => {
    const dtsMs = fromMs + index * 40;
    return [atMs(dtsMs), index === 0 ? "K" : "p", dtsMs] as const;
  });
}

Deno.test("freshStart passes over what a server has kept, and begins at the next key frame", async () => {
  const kept = [[0, "h", 0] as const, ...group(1000, 20, () => 0)];
  const live = group(1800, 20, (dtsMs) => dtsMs - 1760);
  const { first, rest } = await begin([...kept, ...live]);
  assertEquals([first, rest], ["0,1800,1840,1880,1920", 16]);
});

Deno.test("freshStart begins at the first key frame of a server that keeps nothing", async () => {
  const { first } = await begin([[0, "h", 0], [10, "p", 10], ...group(50, 20)]);
  assertEquals(first, "0,50,90,130,170");
});

Deno.test("freshStart takes what there is where there is nothing else any more", async () => {
  const kept = group(1000, 5, () => 0);
  assertEquals(
    (await begin([...kept, [80, "p", 1200], [400, "p", 1240]], 300)).first,
    [
      ...[1000, 1040, 1080, 1120, 1160, 1200],
    ].join(),
  );
  assertEquals((await begin([[0, "h", 0], [400, "p", 1240]], 300)).first, "0");
  assertEquals((await begin([[0, "h", 0]])).first, "0");
});

Deno.test("freshStart begins with sound where there is no picture", async () => {
  const sound = Array.from({ length: 40 }, (_, index) => [index * 20, "a", index * 20] as const);
  assertEquals((await begin(sound)).first, "500");
});
