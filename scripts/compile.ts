/**
 * Compiles weir to a program that needs no Deno; what follows is passed on to `deno compile`:
 *
 *     deno run --allow-read --allow-run scripts/compile.ts --output weir
 *
 * With `--list` it prints what such a program has to have beside what `deno` sees in `mod.ts`.
 *
 * @module
 */
import { filesBelow, fromFileUrl, sourceFiles } from "./source_files.ts";
import { helpFirst } from "./program_arguments.ts";

const ROOT = new URL("../", import.meta.url);

/** A compiled program has the permissions that it is compiled with; it cannot be given others later. */
const PERMISSIONS = ["net", "read", "write", "env", "run", "sys"].map((name) => `--allow-${name}`);

/** Bounds what V8 spends on fewer collections: see "Memory" in docs/scaling.md. */
const V8_FLAGS = "--v8-flags=--max-semi-space-size=8";

/** What workers begin with: it is loaded by its address. */
const WORKER = "src/server/workers/worker_entry.ts";

/**
 * The modules that are loaded when they are needed, which `deno compile` cannot see: the program of workers, and the npm
 * packages that are named in texts (see CONTRIBUTING.md).
 */
export async function lateModules(): Promise<string[]> {
  const packages = new Set<string>();
  const paths = [
    ...await Array.fromAsync(sourceFiles(ROOT)),
    // A checkout has stand-ins for the standard library.
    ...await Array.fromAsync(filesBelow(ROOT, "scripts/std/")),
  ];
  for (const path of paths) {
    const text = await Deno.readTextFile(new URL(path, ROOT));
    for (const [, name] of text.matchAll(/[=:] "(npm:[^"]+)"/g)) packages.add(name!);
  }
  return [WORKER, ...[...packages].sort()];
}

/** The arguments of `deno` that compile the program. */
export async function compileArguments(given: readonly string[]): Promise<string[]> {
  const included = (await lateModules()).flatMap((module) => ["--include", module]);
  return ["compile", V8_FLAGS, ...PERMISSIONS, ...included, ...given, "mod.ts"];
}

if (import.meta.main) helpFirst(import.meta);
if (import.meta.main && Deno.args[0] === "--list") {
  console.log((await lateModules()).join("\n"));
} else if (import.meta.main) {
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: await compileArguments(Deno.args),
    cwd: fromFileUrl(ROOT),
  }).spawn().status;
  Deno.exit(code);
}
