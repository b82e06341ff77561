/**
 * Fills the last column of the checklists in `docs/conformance/` with the tests that name each id, and
 * says which ids no test names, and which no checklist has. With `--check` it writes nothing.
 *
 * @module
 */
import { filesBelow } from "./source_files.ts";
import { programArguments } from "./program_arguments.ts";

const root = new URL("../", import.meta.url);
const CHECKLISTS = ["docs/conformance/rtmp.md", "docs/conformance/rtsp.md"];

/** At most this many tests are named in a row. */
const MAX_NAMED = 3;

/** A test, or a case of one, that names ids. */
export interface NamedTest {
  /** Path of the file from the root of the project. */
  readonly file: string;
  /** The text that has the id. */
  readonly name: string;
}

/** Finds the tests that name ids: texts in test files, comments left out. */
export function namedTests(file: string, text: string): Map<string, NamedTest[]> {
  const found = new Map<string, NamedTest[]>();
  for (const line of text.split("\n")) {
    if (/^\s*(\/\/|\*|\/\*)/.test(line)) continue;
    for (const [, , name] of line.matchAll(/(["`])((?:(?!\1)[^\\]|\\.)*)\1/g)) {
      for (const [id] of name!.matchAll(/\b[MR][01]\d{2}\b/g)) {
        const tests = found.get(id) ?? [];
        if (!tests.some((test) => test.name === name)) tests.push({ file, name: name! });
        found.set(id, tests);
      }
    }
  }
  return found;
}

/** All tests of the project that name ids, by id. */
export async function allNamedTests(): Promise<Map<string, NamedTest[]>> {
  const all = new Map<string, NamedTest[]>();
  for await (const file of filesBelow(root, "tests/", ["_test.ts"])) {
    // The tests of this script have ids that mean nothing.
    if (file === "tests/scripts/conformance_test.ts") continue;
    const text = await Deno.readTextFile(new URL(file, root));
    for (const [id, tests] of namedTests(file, text)) {
      all.set(id, [...all.get(id) ?? [], ...tests]);
    }
  }
  return all;
}

/** The rows of a checklist: id, rule, and the tests that it names. */
export function rows(text: string): { id: string; rule: string; tests: string }[] {
  return [...text.matchAll(/^\| ([MR]\d{3}) +\| (.*?) +\| ?(.*?) *\|$/gm)]
    .map(([, id, rule, tests]) => ({ id: id!, rule: rule!, tests: tests! }));
}

/** Returns `text` with the tests of each row. */
export function fill(text: string, named: ReadonlyMap<string, readonly NamedTest[]>): string {
  return text.replaceAll(/^\| ([MR]\d{3}) +\| (.*?) +\| ?(.*?) *\|$/gm, (_, id, rule) => {
    return `| ${id} | ${rule} | ${cell(named.get(id) ?? [])} |`;
  });
}

function cell(tests: readonly NamedTest[]): string {
  const shown = tests.slice(0, MAX_NAMED).map(({ file, name }) =>
    `[${file.slice("tests/".length)}](../../${file}): ${escape(name)}`
  );
  const others = tests.length - shown.length;
  return [...shown, ...(others > 0 ? [`and ${others} more`] : [])].join("<br>");
}

/** A name as Markdown shows it as it is. */
export function escape(name: string): string {
  return name.replaceAll(/[\\|*_<>[\]`]/g, (sign) => `&#${sign.charCodeAt(0)};`);
}

/** What is wrong with the checklists, a line each. */
export function problems(
  texts: readonly string[],
  named: ReadonlyMap<string, readonly NamedTest[]>,
): string[] {
  const listed = texts.flatMap(rows);
  const wrong: string[] = [];
  for (const { id, tests } of listed) {
    if (!named.has(id)) wrong.push(`${id} is in a checklist, and no test names it`);
    const known = (named.get(id) ?? []).map((test) => cell([test]));
    for (const test of tests.split("<br>").filter((test) => !/^and \d+ more$/.test(test))) {
      if (!known.includes(test)) wrong.push(`${id} names a test that there is not: ${test}`);
    }
  }
  const ids = listed.map(({ id }) => id);
  for (const id of ids.filter((id, at) => ids.indexOf(id) !== at)) wrong.push(`${id} stands twice`);
  for (const id of named.keys()) {
    if (!ids.includes(id)) wrong.push(`${id} is named by a test, and is in no checklist`);
  }
  return wrong;
}

/**
 * The tests that a checklist names and that there are not, a line each: of one whose column of tests is kept by
 * hand, too. `read` gives the text of a test file, `undefined` where there is none. A part of a name will do.
 */
export async function missingTests(
  text: string,
  read: (file: string) => Promise<string | undefined>,
): Promise<string[]> {
  const missing: string[] = [];
  for (const row of text.split("\n").filter((line) => line.startsWith("| "))) {
    const links = row.matchAll(/\[([^\]]+)\]\(\.\.\/\.\.\/tests\/\1\): (.*?)(?=<br>| \|$)/g);
    for (const [, file, name] of links) {
      const plain = name!.replaceAll(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)));
      const code = (await read(`tests/${file}`))?.replaceAll(/^\s*\/\/.*$/gm, "");
      if (!code?.includes(plain)) missing.push(`there is no test in tests/${file}: ${plain}`);
    }
  }
  return missing;
}

/** The checklists as they stand. */
export async function readChecklists(): Promise<string[]> {
  return await Promise.all(CHECKLISTS.map((file) => Deno.readTextFile(new URL(file, root))));
}

if (import.meta.main) {
  const { check } = programArguments(import.meta, { switches: ["check"] });
  const named = await allNamedTests();
  let texts = await readChecklists();
  if (!check) {
    texts = texts.map((text) => fill(text, named));
    for (const [at, file] of CHECKLISTS.entries()) {
      await Deno.writeTextFile(new URL(file, root), texts[at]!);
    }
  }
  const wrong = problems(texts, named);
  for (const problem of wrong) console.log(problem);
  if (wrong.length > 0) Deno.exitCode = 1;
}
