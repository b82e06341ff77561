import { assertEquals } from "@std/assert";
import {
  allNamedTests,
  fill,
  missingTests,
  namedTests,
  problems,
  readChecklists,
} from "../../scripts/conformance.ts";

Deno.test("each id of a checklist is named by a test, each id that a test names is in one, and links lead to tests", async () => {
  assertEquals(problems(await readChecklists(), await allNamedTests()), []);
});

Deno.test("each test that the list of threats names is there", async () => {
  const root = new URL("../../", import.meta.url);
  const text = await Deno.readTextFile(new URL("docs/conformance/threats.md", root));
  const read = (file: string) => Deno.readTextFile(new URL(file, root)).catch(() => undefined);
  assertEquals(await missingTests(text, read), []);
  // Each row names one.
  const rows = text.split("\n").filter((line) => /^\| (?!---|threat|what)/.test(line));
  assertEquals(rows.filter((row) => !row.includes("](../../tests/")), []);
});

Deno.test("missingTests names tests that have gone, and files that have", async () => {
  const row = (file: string, name: string) => `| x | [${file}](../../tests/${file}): ${name} |`;
  const text = [row("a_test.ts", "it waits"), row("a_test.ts", "it went"), row("b_test.ts", "it")];
  const read = (file: string) =>
    Promise.resolve(file === "tests/a_test.ts" ? 'Deno.test("it waits")\n// it went' : undefined);
  assertEquals(await missingTests(text.join("\n"), read), [
    "there is no test in tests/a_test.ts: it went",
    "there is no test in tests/b_test.ts: it",
  ]);
});

Deno.test("namedTests finds ids in texts, and leaves comments out", () => {
  const text = '// M001 is shown\nDeno.test("it | waits (M001, M002)", () => {\n';
  const test = { file: "tests/a_test.ts", name: "it | waits (M001, M002)" };
  assertEquals([...namedTests("tests/a_test.ts", text)], [["M001", [test]], ["M002", [test]]]);
});

Deno.test("problems are ids on one side only, and tests that have gone", () => {
  const named = new Map([["M001", [{ file: "tests/a_test.ts", name: "it | waits (M001)" }]]]);
  const list = fill("| id | rule | tests |\n| M001 | Waits. | |\n", named);
  assertEquals(
    list.split("\n")[1],
    "| M001 | Waits. | [a_test.ts](../../tests/a_test.ts): it &#124; waits (M001) |",
  );
  assertEquals(problems([list], named), []);
  assertEquals(problems([list.replace("waits", "waited")], named).length, 1);
  assertEquals(problems([list, list], named), ["M001 stands twice"]);
  assertEquals(problems(["| M002 | Goes. | |"], named), [
    "M002 is in a checklist, and no test names it",
    "M002 names a test that there is not: ",
    "M001 is named by a test, and is in no checklist",
  ]);
});
