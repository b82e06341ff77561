/**
 * Runs the whole suite on the real packages of the standard library, in a copy of the project whose
 * workspace is empty, so that there are no stand-ins. Needs JSR, a mirror of it at `JSR_URL`, or
 * checkouts of the standard library's repository: `--std=FOLDER`, as often as there are checkouts.
 * Other arguments are passed on to `deno task test`.
 *
 * @module
 */
import { pathToFileURL } from "node:url";
import { serveJsr } from "./jsr_mirror.ts";
import { fromFileUrl } from "./source_files.ts";
import { helpFirst } from "./program_arguments.ts";

const root = new URL("../", import.meta.url);

helpFirst(import.meta);
const checkouts = Deno.args.filter((arg) => arg.startsWith("--std="))
  .map((arg) => pathToFileURL(`${arg.slice("--std=".length)}/`));
await using mirror = checkouts.length > 0 ? await serveJsr(checkouts) : undefined;
const copy = await Deno.makeTempDir({ prefix: "weir-jsr-" });
try {
  const config = JSON.parse(await Deno.readTextFile(new URL("deno.json", root)));
  for await (const { name } of Deno.readDir(root)) {
    if (name !== ".git") await run("cp", ["-r", fromFileUrl(new URL(name, root)), copy]);
  }
  await Deno.writeTextFile(
    `${copy}/deno.json`,
    JSON.stringify({ ...config, workspace: [] }, null, 2),
  );
  for await (const { name } of Deno.readDir(`${copy}/scripts/std`)) {
    await Deno.remove(`${copy}/scripts/std/${name}`, { recursive: true });
  }
  await Deno.remove(`${copy}/tests/deno.lock`);
  const real = Object.keys(config.imports).filter((name) => name.startsWith("@std/"));
  const reached = await run(Deno.execPath(), [
    "cache",
    ...real.map((name) => config.imports[name]),
  ]);
  if (!reached) {
    console.error(
      "JSR cannot be reached from here; a mirror of it can be named in JSR_URL, and a checkout of " +
        "the standard library by --std=FOLDER.",
    );
  }
  const others = Deno.args.filter((arg) => !arg.startsWith("--std="));
  if (!reached || !await run(Deno.execPath(), ["task", "test", ...others])) Deno.exitCode = 1;
} finally {
  await Deno.remove(copy, { recursive: true });
}

async function run(command: string, args: readonly string[]): Promise<boolean> {
  const child = new Deno.Command(command, {
    args: [...args],
    cwd: copy,
    env: mirror === undefined ? {} : { JSR_URL: mirror.url },
    stdin: "null",
  }).spawn();
  return (await child.status).success;
}
