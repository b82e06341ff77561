import { assertEquals } from "@std/assert";
import { expiredFiles, RecordingIndex } from "../../src/record/mod.ts";

const files = Array.from({ length: 5 }, (_, at) => ({
  at,
  startUnixMs: at * 1000,
  endUnixMs: at * 1000 + 1000,
  bytes: 100,
  isOpen: at === 4,
}));

const gone = (options: Omit<Parameters<typeof expiredFiles>[1], "nowUnixMs">): number[] =>
  expiredFiles(files.toReversed(), { nowUnixMs: 5000, ...options }).map(({ at }) => at);

Deno.test("files go by age, by bytes and by free space, the oldest first, and never one that is open", () => {
  assertEquals(gone({}), []);
  assertEquals(gone({ keepMs: 2500 }), [0, 1]);
  assertEquals(gone({ keepBytes: 300 }), [0, 1]);
  assertEquals(gone({ keepBytes: 0 }), [0, 1, 2, 3]);
  assertEquals(gone({ keepFreeBytes: 250, freeBytes: 100 }), [0, 1]);
  assertEquals(gone({ keepFreeBytes: 250 }), []);
  assertEquals(gone({ keepMs: 3500, keepBytes: 200 }), [0, 1, 2]);
});

Deno.test("an index finds files by name and time, those that are open too", () => {
  const index = new RecordingIndex();
  for (const file of files) {
    index.set({ ...file, name: "live/cam", path: `${file.at}`, durationMs: 1000 });
  }
  index.set({ ...files[0]!, name: "live/a", path: "a", durationMs: undefined });
  const found = (query: Parameters<RecordingIndex["find"]>[0]): string[] =>
    index.find(query).map(({ path }) => path);
  assertEquals(found({}), ["a", "0", "1", "2", "3", "4"]);
  assertEquals(
    found({ name: "live/cam", fromUnixMs: 2000, toUnixMs: 4000 }),
    ["2", "3", "4"].slice(0, 2),
  );
  assertEquals(found({ name: "live/cam", fromUnixMs: 9000 }), ["4"]);
  assertEquals(found({ name: "live/none" }), []);
  index.delete("a");
  assertEquals(index.names, ["live/cam"]);
});
