import { assert, assertEquals } from "@std/assert";
import { parse, stringify } from "@std/yaml";
import { YamlPositions } from "../../src/config/yaml_positions.ts";
import fc from "../support/fast_check.ts";

function at(text: string, ...path: (string | number)[]): string {
  const { line, column } = new YamlPositions(text).of(path);
  return `${line}:${column}`;
}

Deno.test("keys and entries have their line and column, however they are written", () => {
  const text = [
    "# a comment: no key",
    "---",
    "plain: 1 # with: a comment",
    '"quoted \\"key": x',
    "'it''s': y",
    "block: |",
    "  text: that is no key",
    "  - nor an entry",
    "folded: >-",
    "  more: of it",
    "list:",
    "- first",
    "-   name: second",
    "    other: {flow: [1, {deep: 2}], next: 3}",
    "- - nested",
    "anchored: &a",
    "  inner: 1",
    "alias: *a",
    "url: rtmp://host:1935/a#b",
    "multi: a text that",
    "  goes on: here",
    "empty:",
    "last: {",
    "  a: 1,",
    '  "b": [',
    "    x, y]",
    "}",
  ].join("\r\n");
  assertEquals(at(text, "plain"), "3:1");
  assertEquals(at(text, 'quoted "key'), "4:1");
  assertEquals(at(text, "it's"), "5:1");
  assertEquals(at(text, "block"), "6:1");
  assertEquals(at(text, "folded"), "9:1");
  assertEquals(at(text, "list", 0), "12:1");
  assertEquals(at(text, "list", 1, "name"), "13:5");
  assertEquals(at(text, "list", 1, "other", "flow", 1, "deep"), "14:24");
  assertEquals(at(text, "list", 1, "other", "next"), "14:35");
  assertEquals(at(text, "list", 2, 0), "15:3");
  assertEquals(at(text, "anchored", "inner"), "17:3");
  assertEquals(at(text, "url"), "19:1");
  assertEquals(at(text, "empty"), "22:1");
  assertEquals(at(text, "last", "b", 1), "26:8");
  // What has no place of its own is where its section is; what is nowhere is at the beginning.
  assertEquals(at(text, "alias", "inner"), "18:1");
  assertEquals(at(text, "nothing"), "1:1");
});

/** Every path of a document. */
function* paths(value: unknown, path: (string | number)[] = []): Generator<(string | number)[]> {
  if (typeof value !== "object" || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    const step = Array.isArray(value) ? Number(key) : key;
    yield [...path, step];
    yield* paths(inner, [...path, step]);
  }
}

Deno.test("every key of any document is found where it stands", () => {
  const key = fc.stringMatching(/^[a-zA-Z_][\w .:#-]{0,8}$/).filter((text) => text.trim() === text);
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { depthSize: "small" },
      fc.string({ maxLength: 12 }),
      fc.integer(),
      fc.boolean(),
      fc.array(tie("tree"), { maxLength: 3 }),
      fc.dictionary(key, tie("tree"), { maxKeys: 3 }),
    ),
  }));
  fc.assert(
    fc.property(fc.dictionary(key, tree, { maxKeys: 4 }), (document) => {
      const text = stringify(document);
      const positions = new YamlPositions(text);
      const lines = text.split("\n");
      for (const path of paths(parse(text))) {
        const { line, column } = positions.of(path);
        const rest = lines[line - 1]!.slice(column - 1);
        const last = path.at(-1)!;
        if (typeof last === "number") {
          const isFlow = !rest.startsWith("- ") && rest !== "-";
          assert(!isFlow || /[[,]/.test(text), `${JSON.stringify(path)} in ${text}`);
        } else {
          const written = [last, JSON.stringify(last), `'${last.replaceAll("'", "''")}'`, `? `];
          assert(
            written.some((key) => rest.startsWith(key)),
            `${JSON.stringify(path)} is at ${line}:${column} in\n${text}`,
          );
        }
      }
    }),
    { numRuns: 300 },
  );
});

Deno.test("the time that a document takes grows with its length alone", () => {
  for (
    const text of [
      "a: ".padEnd(500_000, " "),
      `a: [${"x, ".repeat(150_000)}]`,
      "- ".repeat(2000),
      `a: ${"b".repeat(500_000)}`,
      "a: 1\n".repeat(50_000),
    ]
  ) {
    const before = performance.now();
    new YamlPositions(text).of(["a"]);
    // A second would be a thousand times as long as it takes.
    assert(performance.now() - before < 5000, text.slice(0, 10));
  }
});
