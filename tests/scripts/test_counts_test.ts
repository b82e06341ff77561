import { assertEquals } from "@std/assert";
import { readCounts } from "../../scripts/test.ts";

Deno.test("readCounts reads the last closing line of deno test", () => {
  assertEquals(readCounts("ok | 3 passed | 0 failed (9ms)\n"), {
    passed: 3,
    failed: 0,
    skipped: 0,
  });
  assertEquals(
    readCounts(
      "\x1b[32mok\x1b[0m | 1 passed | 0 failed\n" +
        "FAILED | 12 passed (4 steps) | 2 failed (1 step) | 5 ignored (1 step) | 7 filtered out (1s)\n",
    ),
    { passed: 12, failed: 2, skipped: 5 },
  );
});

Deno.test("readCounts finds nothing where deno test did not come to its end", () => {
  assertEquals(readCounts("error: Type checking failed.\n"), undefined);
  assertEquals(readCounts("a test printed: ok | 3 passed\n"), undefined);
});
