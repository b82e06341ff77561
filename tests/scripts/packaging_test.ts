import { assert, assertEquals } from "@std/assert";
import { compileArguments, lateModules } from "../../scripts/compile.ts";
import { ROOT, RunningProcess } from "../support/process.ts";

const HERE = ["--rtmp", "127.0.0.1:0", "--rtsp", "off", "--http", "off"];

const read = (path: string): string => Deno.readTextFileSync(`${ROOT}${path}`);

/** Starts the server with the arguments of a package, at a free port, and waits until it listens. */
async function assertStarts(args: readonly string[]): Promise<void> {
  await using server = new RunningProcess(Deno.execPath(), [...args, ...HERE], { limitMs: 60_000 });
  await server.line(/rtmp listening on/);
  server.kill("SIGTERM");
  assertEquals((await server.ended).code, 0);
}

/** The JSON array behind an instruction of the Dockerfile. */
function instruction(name: string): string[] {
  const text = read("Dockerfile").replaceAll("\\\n", " ");
  return JSON.parse(new RegExp(`^${name} (\\[.*\\])$`, "m").exec(text)![1]!);
}

Deno.test("the container's command starts the server, of files that are there", async () => {
  const [deno, ...args] = instruction("ENTRYPOINT");
  assertEquals(deno, "deno");
  await assertStarts(args);
  for (const [, paths] of read("Dockerfile").matchAll(/^COPY (.*) \S+$/gm)) {
    for (const path of paths!.split(" ")) assert(Deno.statSync(`${ROOT}${path}`), path);
  }
});

Deno.test("a container reads of the image what was fetched for it: nothing is mounted there", () => {
  // The folder of Deno's images.
  assert(!read("compose.yaml").includes("/deno-dir"));
});

Deno.test("the service's command starts the server, and asks for nothing at a prompt", async () => {
  const line = /^ExecStart=(.*)$/m.exec(read("packaging/weir.service"))![1]!;
  const [deno, ...args] = line.replace("/opt/weir/mod.ts --config /etc/weir/weir.yaml", "mod.ts")
    .split(" ");
  assertEquals(deno, "/usr/local/bin/deno");
  assert(args.includes("--no-prompt"));
  await assertStarts(args);
});

Deno.test("a compiled program has all that is loaded when it is needed", async () => {
  const late = await lateModules();
  const grep = new Deno.Command("grep", {
    args: ["-rhoE", '(= |: |import\\()"npm:[^"]+"', "src", "scripts/std"],
    cwd: ROOT,
  });
  const { stdout } = await grep.output();
  const named = new TextDecoder().decode(stdout).match(/npm:[^"]+/g)!;
  assert(named.length > 5);
  for (const name of named) assert(late.includes(name), name);
  for (const module of late) if (!module.startsWith("npm:")) assert(Deno.statSync(ROOT + module));
  assert(read("src/server/workers/worker_life.ts").includes('new URL("./worker_entry.ts"'));
  assert(read(".github/workflows/release.yml").includes("scripts/compile.ts --target"));
  const args = await compileArguments(["--output", "weir"]);
  assertEquals(args.slice(-3), ["--output", "weir", "mod.ts"]);
});

Deno.test("what is published belongs to the package", async () => {
  await using publication = new RunningProcess(
    Deno.execPath(),
    ["publish", "--dry-run", "--allow-dirty", "--no-check"],
    { limitMs: 120_000 },
  );
  const { code, stderr } = await publication.ended;
  assertEquals(code, 0, stderr);
  const files = Array.from(stderr.matchAll(/file:\/\/(\S+) \(/g), ([, path]) => path!)
    .map((path) => decodeURIComponent(path).replace(ROOT, ""));
  assert(files.includes("mod.ts") && files.includes("README.md") && files.includes("LICENSE"));
  const others = files.filter((path) =>
    !/^(src\/.*|docs\/[\w-]+\.(md|json)|docs\/images\/[\w-]+\.png)$/.test(path) &&
    !["mod.ts", "README.md", "LICENSE", "CHANGELOG.md", "SECURITY.md", "deno.json"].includes(path)
  );
  assertEquals(others, []);

  // JSR shows the files of a version: what the README links to has to be one of them.
  const { version } = JSON.parse(read("deno.json"));
  const links = Array.from(
    read("README.md").matchAll(/https:\/\/jsr\.io\/@weir\/server\/[^\s)]+/g),
    String,
  );
  assert(links.length > 5);
  for (const link of links) {
    const path = link.replace(`https://jsr.io/@weir/server/${version}/`, "");
    assert(files.includes(path), link);
  }
  assertEquals(Array.from(read("README.md").matchAll(/\]\((?!https:)[^)]*\)/g), String), []);
});
