/**
 * Tries the tests of the hub and the outbox: breaks one rule after the other, each by one line, and sees
 * whether the tests notice. Works on a copy of the project, never on the checkout.
 *
 * Arguments are parts of names, of mutants or of the files that they change: only those are tried then. It fails when
 * fewer than 95 % are killed, and when the text that a mutant changes is not there any more.
 *
 * @module
 */
import { type Mutant, MUTANTS } from "./mutants.ts";
import { fromFileUrl } from "./source_files.ts";
import { programArguments } from "./program_arguments.ts";

/** The part of the mutants that must be killed. */
const LEAST_SCORE = 0.95;

/** What of the project the tests need. */
const COPIED = ["src", "tests", "scripts", "mod.ts", "deno.json"];

/** A mutant under which the tests take longer than this, milliseconds, keeps them waiting: it is noticed. */
const LEAST_TIMEOUT_MS = 60_000;

/** Runs the tests of some folders, and says whether they pass. */
export type TestRun = (paths: readonly string[]) => Promise<"passed" | "failed" | "timed out">;

/** What came of one mutant. */
export interface MutantResult {
  /** The mutant. */
  readonly mutant: Mutant;
  /** Whether the tests noticed. */
  readonly killed: boolean;
}

/**
 * Returns `text` with the mutant's change.
 *
 * @throws {Error} if the text to change is not there, or is there several times
 */
export function applyMutant(text: string, { name, file, before, after }: Mutant): string {
  const at = text.indexOf(before);
  if (at < 0) throw new Error(`Cannot apply "${name}": ${file} does not have the text ${before}`);
  if (text.indexOf(before, at + 1) >= 0) {
    throw new Error(`Cannot apply "${name}": ${file} has the text more than once: ${before}`);
  }
  return text.slice(0, at) + after + text.slice(at + before.length);
}

/**
 * Tries each mutant in the project at `root`, whose files are as before when it returns or throws.
 *
 * @throws {Error} if a mutant cannot be applied, or the tests fail without any
 */
export async function tryMutants(
  mutants: readonly Mutant[],
  how: {
    readonly root: string;
    readonly test: TestRun;
    readonly onResult?: (result: MutantResult) => void;
  },
): Promise<MutantResult[]> {
  const { root, test } = how;
  const changed = await Promise.all(mutants.map(async (mutant) => {
    const path = `${root}/${mutant.file}`;
    const original = await Deno.readTextFile(path);
    return { mutant, path, original, text: applyMutant(original, mutant) };
  }));
  const all = [...new Set(mutants.flatMap(({ tests }) => tests))];
  if (await test(all) !== "passed") throw new Error("Cannot try mutants as the tests fail without");
  const results: MutantResult[] = [];
  for (const { mutant, path, original, text } of changed) {
    try {
      await Deno.writeTextFile(path, text);
      const result = { mutant, killed: await test(mutant.tests) !== "passed" };
      results.push(result);
      how.onResult?.(result);
    } finally {
      await Deno.writeTextFile(path, original);
    }
  }
  return results;
}

/** The part of the mutants that was killed; none of none. */
export function scoreOf(results: readonly MutantResult[]): number {
  return results.filter(({ killed }) => killed).length / Math.max(1, results.length);
}

/** A run of `deno test` in `root` that is given so much time, or else as much as ten runs of before. */
function denoTest(root: string): TestRun {
  let timeoutMs = 10 * LEAST_TIMEOUT_MS;
  return async (paths) => {
    const started = performance.now();
    const child = new Deno.Command(Deno.execPath(), {
      args: ["test", "-A", "--no-check", "--fail-fast", "--quiet", ...paths],
      cwd: root,
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    let isOver = false;
    const timer = setTimeout(() => {
      isOver = true;
      child.kill("SIGKILL");
    }, timeoutMs);
    const { success } = await child.status;
    clearTimeout(timer);
    if (isOver) return "timed out";
    if (success) timeoutMs = Math.max(LEAST_TIMEOUT_MS, 10 * (performance.now() - started));
    return success ? "passed" : "failed";
  };
}

async function main(parts: readonly string[]): Promise<boolean> {
  const chosen = parts.length === 0
    ? MUTANTS
    : MUTANTS.filter(({ name, file }) =>
      parts.some((part) => name.includes(part) || file.includes(part))
    );
  if (chosen.length === 0) throw new Error(`Cannot try mutants as none is of ${parts.join(", ")}`);
  const project = new URL("../", import.meta.url);
  const root = await Deno.makeTempDir({ prefix: "weir-mutants-" });
  try {
    for (const name of COPIED) {
      const { success } = await new Deno.Command("cp", {
        args: ["-r", fromFileUrl(new URL(name, project)), root],
      }).output();
      if (!success) throw new Error(`Cannot copy ${name}`);
    }
    const results = await tryMutants(chosen, { root, test: denoTest(root), onResult: print });
    const killed = results.filter((result) => result.killed).length;
    const score = scoreOf(results);
    console.log(`${killed} of ${results.length} killed: ${(score * 100).toFixed(1)} %`);
    return score >= LEAST_SCORE;
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

function print({ mutant, killed }: MutantResult): void {
  console.log(`${killed ? "killed  " : "SURVIVED"} ${mutant.name} (${mutant.file})`);
  const { survives } = mutant;
  if (!killed) console.log(`         ${survives ?? `nothing shows that ${mutant.rule}`}`);
  else if (survives !== undefined) console.log("         it was said to survive: mend the table");
}

if (import.meta.main) {
  const { rest } = programArguments(import.meta, { rest: "NAME …" });
  Deno.exit(await main(rest) ? 0 : 1);
}
