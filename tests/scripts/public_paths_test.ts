import { assert, assertEquals } from "@std/assert";

const root = new URL("../../", import.meta.url);
const { exports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", root))) as {
  exports: Record<string, string>;
};

/** Public paths that open connections; all others are bytes and values in, bytes and values out. */
const WITH_SOCKETS = ["./access", "./events", ".", "./api", "./client", "./cluster", "./server"];

/** The folders of `src/` whose modules `file` brings. */
async function foldersOf(file: string): Promise<Set<string>> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["info", "--json", file],
    cwd: root,
  }).output();
  const { modules } = JSON.parse(new TextDecoder().decode(stdout)) as {
    modules: readonly { specifier: string }[];
  };
  const inside = modules.map(({ specifier }) => /\/src\/(\w+)\//.exec(specifier)?.[1]);
  return new Set(inside.filter((folder) => folder !== undefined));
}

Deno.test("a public path is a folder of the same name", () => {
  for (const [path, file] of Object.entries(exports)) {
    const name = path.slice("./".length);
    assertEquals(file, path === "." ? "./mod.ts" : `./src/${name}/mod.ts`);
  }
});

Deno.test("public paths but the server's and the clients' bring nothing that opens connections", async () => {
  for (const [path, file] of Object.entries(exports)) {
    const folders = await foldersOf(file);
    assert(folders.size > 0, path);
    const opening = ["cli", "client", "doors", "relay", "server", "transport"]
      .filter((folder) => folders.has(folder));
    assertEquals(opening.length > 0, WITH_SOCKETS.includes(path), `${path}: ${opening}`);
  }
});

Deno.test("an RTMP and an RTSP of their own bring neither each other nor the hub", async () => {
  const rtmp = await foldersOf(exports["./rtmp"]!), rtsp = await foldersOf(exports["./rtsp"]!);
  for (const folder of ["hub", "transmux"]) assert(!rtmp.has(folder) && !rtsp.has(folder), folder);
  assert(!rtmp.has("rtsp") && !rtsp.has("rtmp"));
});

Deno.test("the page of a public path begins with an example, which deno test --doc runs", async () => {
  for (const file of Object.values(exports)) {
    const text = await Deno.readTextFile(new URL(file, root));
    const page = text.slice(0, text.indexOf("@module"));
    assert(page.startsWith("/**") && page.includes("@example") && page.includes("```ts"), file);
  }
});
