import { assert, assertEquals } from "@std/assert";
import fc from "../support/fast_check.ts";
import { DtsEstimator } from "../../src/media/mod.ts";

Deno.test("DtsEstimator without reordering gives the presentation times", () => {
  const estimator = new DtsEstimator();
  assertEquals([0, 40_000, 80_000].map((pts) => estimator.next(pts)), [0, 40_000, 80_000]);
});

Deno.test("DtsEstimator is never negative: a stream that starts at 0 has no room for the first steps", () => {
  const estimator = new DtsEstimator({ reorderDepth: 1, frameDurationUs: 40_000 });
  assertEquals([0, 120_000, 40_000, 80_000].map((pts) => estimator.next(pts)), [
    0,
    0,
    40_000,
    80_000,
  ]);
});

Deno.test("DtsEstimator grows its depth when the stream reorders deeper than was said", () => {
  const estimator = new DtsEstimator();
  const pts = [40, 160, 80, 120, 280, 200, 240].map((ms) => ms * 1000);
  const dts = pts.map((time) => estimator.next(time));
  assertEquals(estimator.reorderDepth, 2);
  assertEquals(dts.slice(1).every((time, i) => time >= dts[i]!), true);
  assertEquals(dts.slice(4).every((time, i) => time <= pts[i + 4]!), true);
});

Deno.test("DtsEstimator never runs back, whatever the presentation times", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 5_000_000 }), { minLength: 1, maxLength: 60 }),
      fc.integer({ min: 0, max: 5 }),
      (times, reorderDepth) => {
        const estimator = new DtsEstimator({ reorderDepth, frameDurationUs: 40_000 });
        let last = 0;
        for (const ptsUs of times) {
          const dtsUs = estimator.next(ptsUs);
          assert(Number.isInteger(dtsUs) && dtsUs >= last, `${last} ${dtsUs}`);
          last = dtsUs;
        }
        assert(estimator.reorderDepth >= reorderDepth && estimator.reorderDepth <= 16);
      },
    ),
    { seed: 14, numRuns: 300 },
  );
});

Deno.test("DtsEstimator starts anew after reset, keeping the depth", () => {
  const estimator = new DtsEstimator({ reorderDepth: 1 });
  estimator.next(9_000_000);
  estimator.reset();
  assertEquals([40_000, 120_000, 80_000].map((pts) => estimator.next(pts)), [
    40_000,
    40_000,
    80_000,
  ]);
});

/** Numbers in display order of pictures in a coding order with a reorder depth of `depth`; 0 first. */
function codingOrder(depth: number, choices: readonly number[]): number[] {
  const waiting: number[] = [];
  const order: number[] = [];
  let next = 0;
  for (const choice of choices) {
    // Code some picture of the next depth + 1 in display order; one that lags is coded at last.
    while (waiting.length <= depth) waiting.push(next++);
    const oldest = waiting[0]!;
    const mustCode = order.filter((picture) => picture > oldest).length >= depth;
    const [picture] = waiting.splice(
      mustCode || order.length === 0 ? 0 : choice % waiting.length,
      1,
    );
    order.push(picture!);
  }
  return order;
}

Deno.test("DtsEstimator: monotonic, not negative, not after presentation, for any legal order", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 5 }),
      fc.array(fc.nat(10), { minLength: 1, maxLength: 60 }),
      fc.constantFrom(0, 33_367),
      (depth, choices, frameDurationUs) => {
        const estimator = new DtsEstimator({ reorderDepth: depth, frameDurationUs });
        let last = 0;
        for (const picture of codingOrder(depth, choices)) {
          const pts = picture * 33_367;
          const dts = estimator.next(pts);
          assert(Number.isInteger(dts) && dts >= last && dts <= pts, `${last} ${dts} ${pts}`);
          last = dts;
        }
        assertEquals(estimator.reorderDepth, depth);
      },
    ),
    { seed: 13, numRuns: 400 },
  );
});
