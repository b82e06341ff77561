/** Completions as the shells themselves make them of what `weir completions` prints: zsh and fish are large to install. */
import { assert, assertEquals } from "@std/assert";
import { TemporaryFolder } from "../support/media_file.ts";
import { ignoreWithout, run } from "../support/process.ts";

async function written(shell: string, folder: string): Promise<string> {
  const { stdout } = await run(Deno.execPath(), ["run", "mod.ts", "completions", shell]);
  const path = `${folder}/weir.${shell}`;
  await Deno.writeFile(path, stdout);
  return path;
}

Deno.test("fish completes commands, options, their words, and files where those are wanted alone", {
  ignore: ignoreWithout("fish"),
}, async () => {
  await using folder = new TemporaryFolder();
  const path = await written("fish", folder.path);
  await Deno.writeTextFile(`${folder.path}/chain.pem`, "");
  const complete = async (line: string): Promise<string[]> => {
    const script = `source ${path}; complete -C ${JSON.stringify(line)}`;
    const options = { cwd: folder.path, env: { HOME: folder.path } };
    const { stdout, stderr } = await run("fish", ["--no-config", "-c", script], options);
    assertEquals(stderr, "");
    return new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "")
      .map((line) => line.split("\t")[0]!);
  };
  assertEquals(await complete("weir perm"), ["permissions"]);
  assertEquals(await complete("weir --log-le"), ["--log-level"]);
  assertEquals(await complete("weir --log-level "), ["debug", "error", "info", "warn"]);
  assertEquals(await complete("weir config "), ["check", "example", "schema"]);
  assertEquals(await complete("weir config check ch"), ["chain.pem"]);
  assertEquals(await complete("weir completions "), ["bash", "fish", "zsh"]);
  assertEquals(await complete("weir --cert ch"), ["chain.pem"]);
});

/** The functions of zsh's completion system print what they are given. */
const ZSH = `
compdef() { : }
source "$1"
compadd() { print -r -- "$@" }
_describe() { print -rl -- "\${(@P)2}" }
_arguments() { print -rl -- "$@" }
complete() { words=(weir "$@"); CURRENT=$(( $# + 1 )); _weir; print -- -- }
complete ""
complete config s
complete completions ""
complete --log-le
`;

Deno.test("zsh is given commands, options and their words", {
  ignore: ignoreWithout("zsh"),
}, async () => {
  await using folder = new TemporaryFolder();
  const path = await written("zsh", folder.path);
  const { stdout, stderr } = await run("zsh", ["-f", "-c", ZSH, "zsh", path]);
  assertEquals(stderr, "");
  const [commands, config, shells, options] = new TextDecoder().decode(stdout).split("\n--\n")
    .map((part) => part.trim().split("\n"));
  assert(commands!.some((line) => line.startsWith("permissions:")));
  assertEquals(config, ["check example schema"]);
  assertEquals(shells, ["bash zsh fish"]);
  assert(options!.some((line) => /^--log-level\[.*\]:value:\(debug info warn error\)$/.test(line)));
  assert(options!.some((line) => /^--cert\[.*\]:value:_files$/.test(line)));
});
