import { assert, assertEquals, assertRejects } from "@std/assert";
import { ConfigError, parseConfig, readConfigFile, SETTINGS } from "../../src/config/mod.ts";
import { TemporaryFolder } from "../support/media_file.ts";

/** What is said of a file that has these bytes. */
async function problemsOf(content: string | Uint8Array): Promise<readonly string[]> {
  await using folder = new TemporaryFolder();
  const path = `${folder.path}/weir.yaml`;
  if (typeof content === "string") await Deno.writeTextFile(path, content);
  else await Deno.writeFile(path, content);
  const { problems } = await assertRejects(() => readConfigFile(path, SETTINGS), ConfigError);
  return problems.map((problem) => problem.replace(`${folder.path}/`, ""));
}

/** An alias that stands for ten of the one before it, and so on. */
function aliasBomb(levels: number): string {
  const lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"];
  for (let level = 1; level < levels; level++) {
    const ten = Array(10).fill(`*a${level - 1}`).join(", ");
    lines.push(`a${level}: &a${level} [${ten}]`);
  }
  return lines.join("\n");
}

const HOSTILE: readonly (readonly [what: string, content: string | Uint8Array, problem: RegExp])[] =
  [
    ["an empty file", "", /^weir\.yaml: is empty: `weir config example` prints one/],
    ["blanks alone", " \n\t\n", /^weir\.yaml: is empty/],
    ["a huge file", "# ".padEnd(1024 * 1024 + 1, "x"), /^weir\.yaml: is larger than 1 MiB/],
    ["no text", new Uint8Array([0x61, 0xff, 0xfe]), /^weir\.yaml: is no text in UTF-8$/],
    ["a broken line", "rtmp: {port: 1\nrtsp: x\n", /^weir\.yaml:\d+:\d+ [^\n]+$/],
    ["a tab", "rtmp:\n\tport: 1935\n", /^weir\.yaml:\d:\d+ [^\n]+$/],
    [
      "a key given twice",
      "rtmp: {}\nrtmp: {}\n",
      /^weir\.yaml:\d:\d+ [^\n]*duplicated (mapping )?key/i,
    ],
    ["an alias bomb", aliasBomb(12), /^weir\.yaml: has over 100000 values/],
    ["an alias of nothing", "rtmp: *none\n", /^weir\.yaml:1:\d+ [^\n]*unidentified alias/i],
    [
      "an alias of itself",
      "rtmp: &a {port: *a}\n",
      /^weir\.yaml:? ?[\d:]* ?(is nested too deep|[^\n]*unidentified alias)/i,
    ],
    ["brackets without end", "[".repeat(200_000), /^weir\.yaml(: is nested too deep|:\d+:\d+ )/],
    [
      "deep sections",
      `a: ${"{a: ".repeat(60)}1${"}".repeat(60)}`,
      /^weir\.yaml: is nested too deep$/,
    ],
    ["__proto__", "rtmp: {__proto__: {port: 1}}\n", /^weir\.yaml:1:8 has a key __proto__/],
    ["constructor", "constructor: {prototype: 1}\n", /^weir\.yaml:1:1 constructor: unknown key/],
    [
      "toString in a section",
      "rtmp: {toString: 1}\n",
      /^weir\.yaml:1:8 rtmp\.toString: unknown key/,
    ],
    ["a list", "- 1\n- 2\n", /^weir\.yaml:1:1 the file must be a section/],
    ["a text", "hello\n", /^weir\.yaml:1:1 the file must be a section/],
    [
      "a tag of a program",
      "rtmp: !!js/function 'x'\n",
      /^weir\.yaml:1:\d+ unknown tag|cannot resolve/i,
    ],
    ["a section that is a value", "rtmp: 1935\n", /^weir\.yaml:1:1 rtmp must be a section/],
    [
      "a value that is a list",
      "rtmp: {port: [1, 2]}\n",
      /^weir\.yaml:1:8 rtmp\.port a list is wrong/,
    ],
    ["nothing for a value", "rtmp:\n  port:\n", /^weir\.yaml:2:3 rtmp\.port lacks its value/],
    ["a number that is none", "limits: {maxConnections: .nan}\n", /maxConnections "NaN" is wrong/],
    [
      "two documents",
      "rtmp: {}\n---\nrtsp: {}\n",
      /^weir\.yaml[^\n]*(single|multiple|more) document/i,
    ],
  ];

for (const [what, content, problem] of HOSTILE) {
  Deno.test(`a configuration that is ${what} is told in one clear line`, async () => {
    const problems = await problemsOf(content);
    assertEquals(problems.length, 1, problems.join("\n"));
    assert(problem.test(problems[0]!), problems[0]);
    assert(problems[0]!.length < 500 && !problems[0]!.includes("\n"), problems[0]);
  });
}

Deno.test("a directory, and a file that is not there, are told as such", async () => {
  await using folder = new TemporaryFolder();
  const said = async (path: string) =>
    (await assertRejects(() => readConfigFile(path, SETTINGS), ConfigError)).problems;
  assertEquals(await said(folder.path), [`${folder.path}: is a directory, and no file`]);
  const none = `${folder.path}/none.yaml`;
  assertEquals(await said(none), [`${none}: cannot be read: there is no such file`]);
});

Deno.test("a file with thousands of mistakes has the first fifty told", async () => {
  const keys = Array.from({ length: 3000 }, (_, index) => `k${index}: 1`).join("\n");
  const problems = await problemsOf(keys);
  assertEquals(problems.length, 51);
  assertEquals(problems.at(-1), "and 2950 more");
});

Deno.test("comments alone are a configuration, of defaults", async () => {
  const { values } = await parseConfig("# nothing\n", SETTINGS, { path: "weir.yaml" });
  assertEquals(values.size, 0);
});

Deno.test("what a line of a file has is not repeated where the line cannot be read", async () => {
  const [problem] = await problemsOf(
    "access:\n  apiTokens: [se4cret-token-of-some-length\nrtmp: 1: 2\n",
  );
  assert(!problem!.includes("se4cret"), problem);
});
