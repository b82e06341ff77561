/**
 * Runs the whole suite on the real packages of the standard library, in a copy of the project whose
 * configuration has no workspace and so no stand-ins. Needs JSR, or a mirror of it at `JSR_URL`.
 *
 * @module
 */
import { fromFileUrl } from "./source_files.ts";

const root = new URL("../", import.meta.url);
const COPIED = ["src", "tests", "bench", "scripts", "mod.ts", "README.md", "CONTRIBUTING.md"];

const copy = await Deno.makeTempDir({ prefix: "weir-jsr-" });
try {
  const { workspace: _, ...config } = JSON.parse(
    await Deno.readTextFile(new URL("deno.json", root)),
  );
  await Deno.writeTextFile(`${copy}/deno.json`, JSON.stringify(config, null, 2));
  for (const name of COPIED) await run("cp", ["-r", fromFileUrl(new URL(name, root)), copy]);
  await Deno.remove(`${copy}/scripts/std`, { recursive: true });
  const real = Object.keys(config.imports).filter((name) => name.startsWith("@std/"));
  const reached = await run(Deno.execPath(), [
    "cache",
    ...real.map((name) => config.imports[name]),
  ]);
  if (!reached) {
    console.error("JSR cannot be reached from here; a mirror of it can be named in JSR_URL.");
  }
  if (!reached || !await run(Deno.execPath(), ["task", "test"])) Deno.exitCode = 1;
} finally {
  await Deno.remove(copy, { recursive: true });
}

async function run(command: string, args: readonly string[]): Promise<boolean> {
  const child = new Deno.Command(command, { args: [...args], cwd: copy, stdin: "null" }).spawn();
  return (await child.status).success;
}
