/**
 * Runs the tests: those in `tests/`, and the examples in the documentation. Arguments are passed on
 * to `deno test`, and then only the files that they name are run. With `--long` as the first argument, those are run
 * instead that take minutes: the files whose names end in `_long.ts`.
 *
 * The last line is `N passed, N failed, N skipped`.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { filesBelow } from "./source_files.ts";
import { setUp } from "./setup.ts";
import { helpFirst } from "./program_arguments.ts";

/**
 * Only this machine; servers listen at any of its addresses. 192.0.2.1 is nobody's (RFC 5737): a test sees
 * that it cannot be listened at.
 */
const NETWORK = "--allow-net=127.0.0.0/8,[::1],localhost,0.0.0.0,[::],192.0.2.1";

/**
 * Tests start other programs (`run`), which may do anything, and keep what those need in temporary
 * files; npm packages that tests use read the environment and ask about the system.
 */
const TEST_PERMISSIONS = [
  NETWORK,
  "--allow-read",
  "--allow-write",
  "--allow-run",
  "--allow-env",
  "--allow-sys",
];

/**
 * The lock file is the tests' own: with one beside `deno.json`, every `deno task` would first download
 * all that it names. There is none where the tests run on the real standard library.
 */
const LOCK = existsSync("tests/deno.lock") ? ["--lock=tests/deno.lock", "--frozen"] : [];

/**
 * Tests that go by simulated time, or wait as long as it takes: their modules run side by side. The fuzzer is one of them:
 * its server is a process of its own. Of the others some measure time, so that they run one after another.
 */
const WITHOUT_TIME = [
  "access amf bytes config examples files flv fuzz_test.ts gate health hub log media mkv",
  "rtmp rtp rtsp scripts sdp streams time transmux wire",
].flatMap((names) => names.split(" ").map((name) => `tests/${name}`));

/** Documentation is what users run, so its examples get what the server gets. */
const DOCUMENTED = ["mod.ts", "src", "README.md", "docs/library.md", "docs/recording.md"];

/** How many tests a run had. */
export interface TestCounts {
  /** Tests that passed. */
  passed: number;
  /** Tests that failed, and runs that failed otherwise. */
  failed: number;
  /** Tests that were ignored. */
  skipped: number;
}

/** Reads the line with which `deno test` closes. */
export function readCounts(output: string): TestCounts | undefined {
  // deno-lint-ignore no-control-regex
  const plain = output.replaceAll(/\x1b\[[\d;]*m/g, "");
  const line = [...plain.matchAll(/^(?:ok|FAILED) \| (\d+ passed.*)$/gm)].at(-1)?.[1];
  if (line === undefined) return undefined;
  const count = (what: string) => Number(new RegExp(`(\\d+) ${what}`).exec(line)?.[1] ?? 0);
  return { passed: count("passed"), failed: count("failed"), skipped: count("ignored") };
}

/**
 * Runs `deno test` with `args`, shows what it prints, and counts. A test that leaves a timer or a socket
 * behind fails: Deno looks for that only when told to.
 */
async function denoTest(args: readonly string[]): Promise<TestCounts> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["test", ...LOCK, "--sanitize-ops", "--sanitize-resources", ...args],
    stdin: "null",
    stdout: "piped",
    env: Deno.stdout.isTerminal() ? {} : { NO_COLOR: "1" },
  }).spawn();
  let output = "";
  const [forReading, forShowing] = child.stdout.tee();
  await Promise.all([
    forShowing.pipeTo(Deno.stdout.writable, { preventClose: true }),
    forReading.pipeThrough(new TextDecoderStream())
      .pipeTo(new WritableStream({ write: (text) => void (output += text) })),
  ]);
  const { success } = await child.status;
  const counts = readCounts(output) ?? { passed: 0, failed: 0, skipped: 0 };
  if (!success && counts.failed === 0) counts.failed = 1;
  return counts;
}

/** The files of the tests that take minutes. */
function longTests(): Promise<string[]> {
  return Array.fromAsync(filesBelow(new URL("../", import.meta.url), "tests/", ["_long.ts"]));
}

/** Runs all tests, or those that `args` name; prints the counts and returns whether all is well. */
export async function runTests(args: readonly string[] = []): Promise<boolean> {
  const missing = await setUp();
  if (args[0] === "--long") args = args.length > 1 ? args.slice(1) : await longTests();
  const runs = args.length > 0 ? [await denoTest([...TEST_PERMISSIONS, ...args])] : [
    await denoTest([...TEST_PERMISSIONS, "--parallel", ...WITHOUT_TIME]),
    await denoTest([...TEST_PERMISSIONS, `--ignore=${WITHOUT_TIME}`, "tests"]),
    await denoTest(["--doc", "--parallel", NETWORK, ...DOCUMENTED]),
  ];
  const sum = (what: keyof TestCounts) => runs.reduce((total, run) => total + run[what], 0);
  const complete = missing.length === 0 || !Deno.env.has("CI");
  if (!complete) console.log("Tests were skipped that must run here: the set-up is not complete.");
  const failed = sum("failed") + (complete ? 0 : 1);
  console.log(`\n${sum("passed")} passed, ${failed} failed, ${sum("skipped")} skipped`);
  return failed === 0;
}

if (import.meta.main) {
  helpFirst(import.meta);
  if (!await runTests(Deno.args)) Deno.exit(1);
}
