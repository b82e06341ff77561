import { assertEquals } from "@std/assert";
import { keptPart, type KeptRecording, recordingsPage } from "../../src/cluster/mod.ts";

function file(startUnixMs: number, path: string): KeptRecording {
  const endUnixMs = startUnixMs + 1000;
  const times = { startUnixMs, endUnixMs, durationMs: 1000 };
  return { name: "live/cam", rule: 0, path, ...times, bytes: 5, isOpen: false };
}

/** All pages of what machines keep, as text. */
function pagesOf(
  kept: Readonly<Record<string, readonly KeptRecording[]>>,
  limit: number,
): string[][] {
  const pages: string[][] = [];
  for (let after: string | undefined, isFirst = true; isFirst || after !== undefined;) {
    isFirst = false;
    const parts = new Map(
      Object.entries(kept).map(([node, files]) => {
        const query = { node, limit, ...(after === undefined ? {} : { after }) };
        return [node, keptPart(() => files, query)];
      }),
    );
    const page = recordingsPage(parts, limit);
    assertEquals(page.total, Object.values(kept).flat().length);
    pages.push(page.items.map(({ node, path, startUnixMs }) => `${startUnixMs} ${node} ${path}`));
    after = page.next;
  }
  return pages;
}

Deno.test("pages of what several machines keep have each file once, in order of time, whoever has more", () => {
  const kept = {
    a: [file(3, "x y"), file(1, "b"), file(1, "a")],
    b: [file(1, "a"), file(2, "a")],
    c: [],
  };
  const all = ["1 a a", "1 a b", "1 b a", "2 b a", "3 a x y"];
  for (const limit of [1, 2, 3, 4, 5, 6]) {
    assertEquals(pagesOf(kept, limit).flat(), all, `limit ${limit}`);
  }
  assertEquals(pagesOf(kept, 5).length, 1);
});

Deno.test("a machine that tells of less than is wanted, since messages are bounded, has nobody else's files go before its own", () => {
  const long = "x".repeat(1000);
  const many = Array.from({ length: 1000 }, (_, index) => file(index * 2, `${index} ${long}`));
  const kept = { a: many, b: [file(1, "b"), file(1999, "b"), file(5000, "b")] };
  const pages = pagesOf(kept, 1000);
  const starts = pages.flat().map((text) => Number(text.split(" ")[0]));
  assertEquals(starts, [...starts].sort((one, other) => one - other));
  assertEquals(starts.length, 1003);
});
