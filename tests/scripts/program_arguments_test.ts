import { assertEquals, assertMatch } from "@std/assert";
import { aboutOf, readArguments } from "../../scripts/program_arguments.ts";
import { filesBelow } from "../../scripts/source_files.ts";

const ROOT = new URL("../../", import.meta.url);

const TAKEN = {
  numbers: ["seconds"],
  texts: ["server"],
  switches: ["json"],
  rest: "KIND",
} as const;

Deno.test("a program is given its options in either form, and what else there is", () => {
  assertEquals(readArguments([], TAKEN), { json: false, rest: [] });
  assertEquals(
    readArguments(["--seconds=1.5", "07", "--server", "12", "--json", "--", "--x"], TAKEN),
    { seconds: 1.5, server: "12", json: true, rest: ["07", "--x"] },
  );
});

Deno.test("what a program does not take is refused with a sentence, and help is given before", () => {
  const fault = (...args: string[]) => readArguments(args, { ...TAKEN, rest: undefined! });
  assertEquals(fault("--sekonds", "3"), { fault: "There is no option --sekonds" });
  assertEquals(fault("-v"), { fault: "There is no option -v" });
  assertEquals(fault("live"), { fault: "There is no use for live" });
  assertEquals(fault("--seconds"), { fault: "The option --seconds needs a value" });
  const words = "The option --seconds takes a number: current value is ten";
  assertEquals(fault("--seconds", "ten"), { fault: words });
  assertEquals(fault("--help", "--sekonds"), { help: true });
  assertEquals(fault("-h"), { help: true });
});

Deno.test("help is what a file says at its beginning", () => {
  const source =
    "/**\n * What it is.\n *\n *     deno run it.ts\n *\n * @module\n */\nimport {};\n";
  assertEquals(aboutOf(source), "What it is.\n\n    deno run it.ts");
});

/** Parts of others, which start them with ports or a task, and no programs of their own. */
const PARTS: ReadonlySet<string> = new Set([
  "bench/fanout/clients.ts",
  "bench/fanout/node_media_server.ts",
  "bench/fanout/weir_with_http.ts",
]);

Deno.test("every program answers --help and refuses what it does not know", async () => {
  const silent: string[] = [];
  for (const folder of ["bench/", "scripts/"]) {
    for await (const path of filesBelow(ROOT, folder)) {
      if (PARTS.has(path) || path.endsWith("_bench.ts") || path.startsWith("scripts/std/")) {
        continue;
      }
      const source = await Deno.readTextFile(new URL(path, ROOT));
      const isProgram = /import\.meta\.main|Deno\.args|^(await|for await) /m.test(source);
      if (!isProgram || path === "scripts/program_arguments.ts") continue;
      if (!/\b(programArguments|helpFirst)\(import\.meta/.test(source)) silent.push(path);
      else assertMatch(aboutOf(source), /^\w/, `${path} says nothing of itself`);
    }
  }
  assertEquals(silent, []);
});

Deno.test("bench:servers measures nothing for --help, or for an option that there is not", async () => {
  const run = async (argument: string) => {
    const args = ["run", "--allow-read", "--no-prompt", "bench/servers.ts", argument];
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd: ROOT })
      .output();
    const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    return { code, out: out!, err: err! };
  };
  const [help, wrong] = await Promise.all([run("--help"), run("--case")]);
  assertEquals(help.code, 0, help.err);
  assertMatch(help.out, /^weir beside other servers[^]*--cases TEXT/);
  assertEquals(wrong.code, 2);
  assertMatch(wrong.err, /There is no option --case: it takes --repeat NUMBER/);
});
