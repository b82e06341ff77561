import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { completionsCommand } from "../../src/cli/completions_command.ts";
import { UsageError } from "../../src/cli/usage_error.ts";
import { SETTINGS } from "../../src/config/mod.ts";
import { ignoreWithout, run } from "../support/process.ts";

const command = completionsCommand([{ name: "config", summary: "it's [a] thing: one" }]);

/** What the command prints. */
function printed(shell: string): string {
  const { log } = console;
  let text = "";
  console.log = (line: string) => text += line;
  try {
    void command.run([shell]);
  } finally {
    console.log = log;
  }
  return text;
}

Deno.test("completions have every command and option, in words that each shell takes", () => {
  for (const shell of ["bash", "zsh", "fish"]) {
    const text = printed(shell);
    for (const { flag } of SETTINGS) {
      if (flag !== undefined) {
        assertStringIncludes(text, `${shell === "fish" ? "-l " : "--"}${flag.name}`);
      }
    }
    assertStringIncludes(text, "config");
  }
  assertStringIncludes(printed("zsh"), "'config:it'\\''s \\[a\\] thing\\: one'");
  assertThrows(() => command.run(["csh"]), UsageError, "bash, zsh, fish");
  assertThrows(() => command.run([]), UsageError, "needs a shell");
});

Deno.test("bash completes commands, options and their words", {
  ignore: ignoreWithout("bash"),
}, async () => {
  const complete = async (...words: string[]) => {
    const script = `${printed("bash")}
COMP_WORDS=(weir ${words.map((word) => `'${word}'`).join(" ")})
COMP_CWORD=${words.length}
_weir
printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, stderr } = await run("bash", ["-c", script]);
    assertEquals(stderr, "");
    return new TextDecoder().decode(stdout).trim().split("\n");
  };
  assertEquals(await complete("co"), ["config"]);
  assertEquals(await complete("config", "s"), ["schema"]);
  assertEquals(await complete("--log-le"), ["--log-level"]);
  assertEquals(await complete("--log-level", ""), ["debug", "info", "warn", "error"]);
});
