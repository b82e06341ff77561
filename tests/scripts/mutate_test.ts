import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { applyMutant, type MutantResult, scoreOf, tryMutants } from "../../scripts/mutate.ts";
import { type Mutant, MUTANTS } from "../../scripts/mutants.ts";

const ROOT = new URL("../../", import.meta.url);

function mutant(fields: Partial<Mutant> = {}): Mutant {
  return {
    name: "adds wrongly",
    file: "sum.ts",
    before: "a + b",
    after: "a - b",
    rule: "a sum is a sum",
    tests: ["tests/sum"],
    ...fields,
  };
}

/** A project of one file; what the tests see of it is noted. */
async function project(): Promise<
  { root: string; read: () => Promise<string>; [Symbol.asyncDispose]: () => Promise<void> }
> {
  const root = await Deno.makeTempDir();
  await Deno.writeTextFile(`${root}/sum.ts`, "return a + b;");
  return {
    root,
    read: () => Deno.readTextFile(`${root}/sum.ts`),
    [Symbol.asyncDispose]: () => Deno.remove(root, { recursive: true }),
  };
}

Deno.test("every mutant of the table changes text that is in its file, once, and has its own name", async () => {
  assert(MUTANTS.length >= 40, `${MUTANTS.length} mutants`);
  assertEquals(new Set(MUTANTS.map(({ name }) => name)).size, MUTANTS.length);
  for (const one of MUTANTS) {
    const text = await Deno.readTextFile(new URL(one.file, ROOT));
    assert(applyMutant(text, one) !== text, one.name);
    for (const path of one.tests) await Deno.stat(new URL(path, ROOT));
  }
});

Deno.test("a mutant whose text is not found, or found twice, is an error", () => {
  assertEquals(applyMutant("return a + b;", mutant()), "return a - b;");
  assertThrows(() => applyMutant("return a+b;", mutant()), Error, "does not have the text");
  assertThrows(() => applyMutant("a + b, a + b", mutant()), Error, "more than once");
});

Deno.test("a mutant is killed when its tests fail or wait for ever, and its file is as it was", async () => {
  await using made = await project();
  const runs: [string, readonly string[]][] = [];
  const answers = ["passed", "failed", "timed out", "passed"] as const;
  const told: MutantResult[] = [];
  const results = await tryMutants(
    [mutant(), mutant({ after: "a * b", tests: ["tests/product"] }), mutant({ after: "b + a" })],
    {
      root: made.root,
      test: async (paths) => {
        runs.push([await made.read(), paths]);
        return answers[runs.length - 1]!;
      },
      onResult: (result) => told.push(result),
    },
  );
  assertEquals(runs, [
    ["return a + b;", ["tests/sum", "tests/product"]],
    ["return a - b;", ["tests/sum"]],
    ["return a * b;", ["tests/product"]],
    ["return b + a;", ["tests/sum"]],
  ]);
  assertEquals(results.map(({ killed }) => killed), [true, true, false]);
  assertEquals(told, results);
  assertEquals(await made.read(), "return a + b;");
  assertEquals(scoreOf(results), 2 / 3);
  assertEquals(scoreOf([]), 0);
});

Deno.test("the file is as it was also when the tests cannot be run", async () => {
  await using made = await project();
  let runs = 0;
  const test = () => runs++ === 0 ? Promise.resolve("passed" as const) : Promise.reject("no deno");
  await assertRejects(
    () =>
      tryMutants([mutant()], { root: made.root, test }).catch((error) => {
        throw new Error(error);
      }),
    Error,
    "no deno",
  );
  assertEquals([runs, await made.read()], [2, "return a + b;"]);
});

Deno.test("tests that fail without any mutant show nothing: that is an error", async () => {
  await using made = await project();
  const test = () => Promise.resolve("failed" as const);
  await assertRejects(() => tryMutants([mutant()], { root: made.root, test }), Error, "without");
});
