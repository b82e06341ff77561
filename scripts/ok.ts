/**
 * Checks everything, and stops at the first thing that is wrong: format, lint, types, layers,
 * documentation, tests and what would be published.
 *
 * @module
 */
import { programArguments } from "./program_arguments.ts";
import { fromFileUrl } from "./source_files.ts";

programArguments(import.meta);

const root = new URL("../", import.meta.url);
const { exports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", root))) as {
  exports: Record<string, string>;
};

/** What is run, by name, each the arguments of a `deno`. */
const STEPS: Readonly<Record<string, readonly string[]>> = {
  "format": ["fmt", "--check"],
  "lint": ["lint"],
  "types": [
    "check",
    "--lock=tests/deno.lock",
    "--frozen",
    ...["mod.ts", "src", "tests", "bench", "scripts"],
  ],
  "layers": ["run", "--allow-read", "--allow-write", "--allow-run", "scripts/check_layers.ts"],
  "documentation": ["doc", "--lint", ...Object.values(exports)],
  "tests and examples": ["task", "test"],
  "publication": ["publish", "--dry-run", "--allow-dirty"],
};

for (const [name, args] of Object.entries(STEPS)) {
  const started = performance.now();
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args],
    cwd: fromFileUrl(root),
    stdin: "null",
  }).output();
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${success ? "ok    " : "FAILED"} ${name} (${seconds} s)`);
  if (success) continue;
  await Deno.stdout.write(stdout);
  await Deno.stderr.write(stderr);
  Deno.exit(1);
}
